"""What a run recommends to each test user, and how good that was."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.split import Names, Split, read_arrays
from recbole_drepmrec.files import write_arrays


@dataclass(frozen=True)
class UserLists:
    """What a run gave each test user.

    Attributes:
        top: The K items ranked first, best first, as positions in ``Split.items``; -1 where there
            are fewer that may be recommended; shape [U, K].
        scores: Metric, such as ``recall@10``, to its value for each user, shape [U].
    """

    top: NDArray[np.int32]
    scores: dict[str, NDArray[np.float64]]


def write_lists(path: Path, users: Names, items: Names, top: NDArray[Any], scores: Any) -> None:
    """Write a run's ``users.npz``.

    Args:
        path: The file.
        users: Raw ids, shape [U].
        items: Raw id of each item that a list may name, shape [n].
        top: Positions in ``items``, -1 for none, shape [U, K].
        scores: Metric to values, each of shape [U].
    """
    arrays = {
        "users": users,
        "items": items,
        "top": top.astype(np.int32),
        "metrics": np.array(list(scores)),
        "scores": np.stack(list(scores.values()), axis=1),
    }
    write_arrays(path, arrays)


def read_lists(path: Path, split: Split) -> UserLists:
    """Read a ``users.npz`` in the order of a split.

    Args:
        path: The file.
        split: The split of its data set.

    Raises:
        UserError: It is damaged, or its users or items are not the split's.
    """
    arrays = read_arrays(path)
    users, items = arrays["users"], arrays["items"]
    order = np.argsort(users)
    if not np.array_equal(users[order], split.users) or not np.isin(items, split.items).all():
        raise UserError(
            f"{path} is of other users or items than its data set's split; remove the file and run "
            "the same `recbole-drepmrec compare` again."
        )
    places = np.append(np.searchsorted(split.items, items), -1).astype(np.int32)
    scores = arrays["scores"][order].astype(np.float64)
    names = arrays["metrics"].tolist()
    return UserLists(
        top=places[arrays["top"][order]],
        scores={name: scores[:, column] for column, name in enumerate(names)},
    )
