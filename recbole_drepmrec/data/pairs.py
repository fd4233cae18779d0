"""Interactions as numbers, which numpy sorts, joins and looks up all at once."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def numbered(part: Any) -> NDArray[np.int64]:
    """Each interaction as user * n_items + item, [n].

    Args:
        part: A data set, or one part of it.
    """
    users, items = (part.inter_feat[name].numpy() for name in (part.uid_field, part.iid_field))
    numbers: NDArray[np.int64] = users.astype(np.int64) * part.item_num + items
    return numbers


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each number once, sorted, [m].

    torch sorts them; ``np.unique``, which from numpy 2.3 on puts integers in a hash table, takes
    some 30 times as long for millions.

    Args:
        numbers: Shape [n].
    """
    found: NDArray[np.int64] = torch.unique(torch.from_numpy(numbers)).numpy()
    return found


def are_among(numbers: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which numbers are known, [n].

    Args:
        numbers: Shape [n].
        known: Sorted, [m].
    """
    if not len(known):
        return np.zeros(len(numbers), dtype=bool)
    places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == numbers
    return found


def n_users_with(count: int, numbers: NDArray[np.int64], n_items: int) -> int:
    """How many users have so many items.

    Args:
        count: How many items.
        numbers: user * n_items + item of each pair, every one once, [n].
        n_items: How many items there are, padding among them.
    """
    return int((np.bincount(numbers // n_items) == count).sum())
