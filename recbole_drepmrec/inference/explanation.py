"""What a score is made of."""

from dataclasses import dataclass

import torch

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import Bundle
from recbole_drepmrec.inference.histories import gifts


@dataclass(frozen=True)
class Neighbour:
    """One of a user's own items, and what it carried of a score.

    Attributes:
        item: Raw id.
        title: Its title, empty where it has none.
        carried: Its share of the score.
    """

    item: str
    title: str
    carried: float


@dataclass(frozen=True)
class Explanation:
    """A score, split in two ways that each add up to it.

    Attributes:
        user: Raw id.
        item: Raw id.
        title: The item's title, empty where it has none.
        score: The dot product of the fused vectors.
        parts: Line or modality to its share of the score; for a model that has no two lines one
            ``fused``, or ``encoded`` beside ``popularity``.
        neighbours: The user's training items that carried most, the greatest share first.
        others: What their further items carried together.
        own: The rest, which no item carried: the user's own vector.
    """

    user: str
    item: str
    title: str
    score: float
    parts: dict[str, float]
    neighbours: list[Neighbour]
    others: float
    own: float


def explain(bundle: Bundle, user: int, item: int, n_neighbours: int) -> Explanation:
    """Split a score by line and modality, and by the user's items. [ours]

        share of part p    (<u_p, i> + <u, i_p>) / 2

    with u = sum of the u_p, i = sum of the i_p the fused vectors: what p gives by itself, and half
    of what it gives together with each other part (its Shapley value, where a part that is taken
    away is zero on both sides). The shares add up to <u, i>. Where a model ranks by cosines,
    the parts of a user or an item are divided by the lengths of their sum's blocks (``nn/blocks``).

    A training item j of the user carries <g_j, i>, where g_j is what it would give to a user made
    of the same items (``histories``). What these do not add up to is the user's own.

    Args:
        bundle: The trained users and items.
        user: Position.
        item: Position.
        n_neighbours: How many items are named.

    Raises:
        UserError: That is below zero.
    """
    if n_neighbours < 0:
        raise UserError(f"the number of neighbours is {n_neighbours}, expected at least 0.")
    u, i = bundle.fused.users[user].double(), bundle.fused.items[item].double()
    score = float(u @ i)
    parts = {
        name: float(part.users[user].double() @ i + u @ part.items[item].double()) / 2
        for name, part in bundle.parts.items()
    }
    history = torch.from_numpy(bundle.histories.of(user, "train"))
    carried = gifts(bundle, history).double() @ i  # [n]
    order = carried.argsort(descending=True, stable=True)
    neighbours = [
        _neighbour(bundle, int(history[j]), float(carried[j])) for j in order[:n_neighbours]
    ]
    return Explanation(
        user=bundle.users[user],
        item=bundle.items[item],
        title=bundle.title(item),
        score=score,
        parts=parts or {"fused": score},
        neighbours=neighbours,
        others=float(carried[order[n_neighbours:]].sum()),
        own=score - float(carried.sum()),
    )


def _neighbour(bundle: Bundle, item: int, carried: float) -> Neighbour:
    return Neighbour(bundle.items[item], bundle.title(item), carried)
