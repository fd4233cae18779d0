"""Ranks items for users, and rows by their cosine, a block at a time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import Names

MOST_SCORES = 2**24
"""Scores of one block of users: 64 MiB."""


class Directions(NamedTuple):
    """Vectors to compare by cosine.

    Attributes:
        units: Each divided by its length, [n, D].
        nothing: Whether it is zero, which is nobody's neighbour, bool [n].
    """

    units: Tensor
    nothing: Tensor


class Recommended(NamedTuple):
    """One place of a list: whose it is, what stands there, its score, and its rank from 1."""

    of: str
    item: str
    score: float
    rank: int


class Lists(NamedTuple):
    """The lists of a block of B users or items.

    Attributes:
        of: Whose lists they are, raw ids, [B].
        places: Positions of what they list, best first, [B, k].
        scores: float32 [B, k]; minus infinity where a list is shorter.
    """

    of: Names
    places: NDArray[np.int64]
    scores: NDArray[np.float32]

    def rows(self, names: Names) -> Iterator[Recommended]:
        """Each place of each list.

        Args:
            names: Raw ids of what is listed, by position.
        """
        for of, places, scores in zip(self.of, self.places, self.scores, strict=True):
            for rank, (place, score) in enumerate(zip(places, scores, strict=True), start=1):
                if np.isfinite(score):
                    yield Recommended(of, names[place], float(str(score)), rank)


def ranked(
    names: Names,
    users: Tensor,
    items: Tensor,
    pool: NDArray[np.int64],
    k: int,
    known: Callable[[int], NDArray[np.int64]] | None,
) -> Iterator[Lists]:
    """The k items of highest score for each user.

    Args:
        names: Raw ids of the users, [U].
        users: Their vectors, [U, D].
        items: Vectors of all items, [I, D].
        pool: Positions of the items that may be listed, ascending, [C].
        k: Length of a list, at most.
        known: Row of a user to the positions that their list leaves out; None leaves out nothing.
    """
    column = np.full(len(items), -1)
    column[pool] = np.arange(len(pool))
    whole = len(pool) == len(items)  # and then the table is not copied
    chosen = (items if whole else items[torch.from_numpy(pool)]).T  # [D, C]
    size = max(1, MOST_SCORES // max(len(pool), 1))
    for start in range(0, len(users), size):
        scores = users[start : start + size] @ chosen  # [B, C]
        if known is not None:
            for row in range(len(scores)):
                columns = column[known(start + row)]
                scores[row, torch.from_numpy(columns[columns >= 0])] = -torch.inf
        best, places = scores.topk(min(k, len(pool)), dim=1)
        yield Lists(names[start : start + size], pool[places.numpy()], best.numpy())


def directions_of(vectors: Tensor) -> Directions:
    """Make vectors ready to be compared by cosine.

    Args:
        vectors: Shape [n, D].
    """
    return Directions(normalize(vectors, dim=1), ~vectors.any(dim=1))


def nearest_rows(
    names: Names, rows: NDArray[np.int64], directions: Directions, k: int, by: str
) -> list[Recommended]:
    """The k other rows of highest cosine to some.

    Args:
        names: Raw ids of all rows, [n].
        rows: Whose neighbours are asked for.
        directions: Of all rows.
        k: Neighbours of a row, at most.
        by: What the vectors are called, for the message.

    Raises:
        UserError: A row that is asked for is zero.
    """
    units, nothing = directions
    without = [names[row] for row in rows if nothing[row]]
    if without:
        raise UserError(f"'{without[0]}' has no vector by '{by}'; compare by another one.")
    found: list[Recommended] = []
    for row in rows:
        cosines = (units @ units[row]).masked_fill(nothing, -torch.inf)
        cosines[row] = -torch.inf
        best, places = cosines.topk(min(k, len(cosines)))
        found += Lists(names[[row]], places.numpy()[None], best.numpy()[None]).rows(names)
    return found
