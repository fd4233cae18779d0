"""A split made by hand: three users, six items."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recbole_drepmrec.evaluation.split import Split


def matrix(rows: list[list[int]], n_items: int = 6) -> sp.csr_array:
    dense: NDArray[np.bool_] = np.zeros((len(rows), n_items), dtype=np.bool_)
    for row, items in enumerate(rows):
        dense[row, items] = True
    return sp.csr_array(dense)


def three_users() -> Split:
    """Item 0 has 6 of 12 training interactions, 1 and 2 have 2 each, 3 and 4 one, 5 none."""
    return Split(
        users=np.array(["ann", "bob", "cem"]),
        items=np.array(["a", "b", "c", "d", "e", "f"]),
        titles=None,
        item_counts=np.array([6, 2, 2, 1, 1, 0]),
        user_counts=np.array([1, 2, 5]),
        trained=matrix([[3], [1, 2], [0, 1, 2, 3, 4]]),
        relevant=matrix([[0, 1], [0, 4, 5], [5]]),
        modalities={
            "image": np.array([True, True, True, True, False, False]),
            "text": np.ones(6, dtype=np.bool_),
        },
        interactions={"train": 12, "valid": 3, "test": 6},
    )
