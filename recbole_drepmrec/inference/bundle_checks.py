"""What must hold of an inference file for all that is done with it."""

from typing import Any

import numpy as np

from recbole_drepmrec.inference.checks import (
    require,
    require_array,
    require_kind,
    require_numbers,
    require_positive,
    require_switches,
)
from recbole_drepmrec.nn import FUSED, POPULARITY


def check_bundle(bundle: Any) -> None:
    """See that the parts of a bundle are of their types and fit together.

    Args:
        bundle: As it was read.

    Raises:
        ValueError: Some do not.
        AttributeError: One is of a wrong type.
    """
    for name in ("model", "dataset"):
        require_kind(getattr(bundle, name), str, name)
    require_kind(bundle.versions, dict, "versions")
    for name in ("users", "items"):
        require_array(getattr(bundle, name), "O", (None,), name)
    n_users, n_items = len(bundle.users), len(bundle.items)
    require(min(n_users, n_items) > 0, "it has no users or no items")
    if bundle.titles is not None:
        require_array(bundle.titles, "O", (n_items,), "titles")
    _check_vectors(bundle, n_users, n_items)
    fits = (POPULARITY in bundle.parts) == (bundle.cosines is not None)
    require(fits, "`cosines` does not fit the parts")
    if bundle.cosines is not None:
        _check_cosines(bundle.cosines, n_items, bundle.fused.items.shape[1] - 1)
    _check_histories(bundle.histories, n_users, n_items)


def _check_vectors(bundle: Any, n_users: int, n_items: int) -> None:
    require_numbers(bundle.fused.users, (n_users, None), "fused/users")
    width = bundle.fused.users.shape[1]
    require(FUSED not in bundle.parts, f"one of the parts is called '{FUSED}'")
    for name, table in bundle.tables.items():
        require_numbers(table.users, (n_users, width), f"{name}/users")
        require_numbers(table.items, (n_items, width), f"{name}/items")
    for name, there in bundle.present.items():
        require(name in bundle.parts, f"`present` has '{name}', which is none of the parts")
        require_switches(there, n_items, f"present/{name}")
    known_by_items = bundle.history_map is not None or len(bundle.present) > 0
    require(known_by_items, "it has neither `history_map` nor `present`")
    if bundle.history_map is not None:
        known = width - (POPULARITY in bundle.parts)
        require_numbers(bundle.history_map, (known, known), "history_map")


def _check_cosines(cosines: Any, n_items: int, width: int) -> None:
    require_positive(cosines.popularity_weight, "popularity_weight")
    require_kind(cosines.block_weights, list, "block_weights")
    n_blocks = len(cosines.block_weights)
    fits = n_blocks > 0 and width % n_blocks == 0
    require(fits, f"{n_blocks} `block_weights` do not part {width} numbers")
    for weight in cosines.block_weights:
        require_positive(weight, "block_weights")
    require_numbers(cosines.lengths, (n_items, n_blocks), "lengths")
    require(bool((cosines.lengths > 0).all()), "`lengths` are not all above zero")


def _check_histories(histories: Any, n_users: int, n_items: int) -> None:
    require_array(histories.starts, "i", (n_users + 1,), "histories/starts")
    require_array(histories.items, "i", (None,), "histories/items")
    n = len(histories.items)
    require_array(histories.split, "i", (n,), "histories/split")
    ends = int(histories.starts[0]), int(histories.starts[-1])
    ascending = bool((np.diff(histories.starts) >= 0).all())
    require(ends == (0, n) and ascending, f"`histories/starts` do not part {n} items")
    _check_range(histories.items, n_items, "histories/items")
    _check_range(histories.split, 3, "histories/split")


def _check_range(values: Any, end: int, name: str) -> None:
    inside = not len(values) or (int(values.min()) >= 0 and int(values.max()) < end)
    require(inside, f"`{name}` are not all from 0 to {end - 1}")
