"""Interactions as numbers, which numpy sorts, joins and looks up all at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbered(part: Any) -> NDArray[np.int64]:
    """Each interaction as user * n_items + item, [n].

    Args:
        part: A data set, or one part of it.
    """
    users, items = (part.inter_feat[name].numpy() for name in (part.uid_field, part.iid_field))
    numbers: NDArray[np.int64] = users.astype(np.int64) * part.item_num + items
    return numbers


def n_users_with(count: int, numbers: NDArray[np.int64], n_items: int) -> int:
    """How many users have so many items.

    Args:
        count: How many items.
        numbers: user * n_items + item of each pair, every one once, [n].
        n_items: How many items there are, padding among them.
    """
    return int((np.bincount(numbers // n_items) == count).sum())
