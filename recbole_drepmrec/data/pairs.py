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
