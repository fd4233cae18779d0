"""Scaling and discretization of float features, as RecBole 1.2.1 defines them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from recbole_drepmrec.errors import UserError


def split_points(sequences: Iterable[np.ndarray]) -> np.ndarray:
    """Where ``np.split`` must cut ``np.concatenate(sequences)`` to give the sequences back."""
    return np.cumsum([len(sequence) for sequence in sequences])[:-1]


def scale_to_unit(values: np.ndarray) -> np.ndarray:
    """Scale to ``(x - min) / (max - min)``; all ones when every value is the same."""
    lowest, highest = values.min(), values.max()
    if lowest == highest:
        return np.ones_like(values)
    return np.asarray((values - lowest) / (highest - lowest))


def buckets(field: str, values: np.ndarray, how: dict[str, Any]) -> np.ndarray:
    """Number the bucket of each value.

    ``ED`` (equal distance): ``floor((x - min) * bucket / (max + 1e-9 - min) + 1)``, so 1..bucket.
    ``LD`` (logarithm): values above 2 become ``floor(log(x)^2 + 1)``, then the distinct results are
    numbered from 0 in ascending order.

    Args:
        field: The feature's name, for the message.
        values: Shape ``[n]``, without NaN.
        how: RecBole's ``discretization`` entry of the field: ``{"method": "ED", "bucket": 5}`` or
            ``{"method": "LD"}``.

    Raises:
        UserError: The method is neither of these, or ``ED`` comes without ``bucket``.
    """
    method, count = how.get("method"), how.get("bucket")
    if method == "ED" and count is not None:
        lowest, highest = values.min(), values.max() + 1e-9
        if lowest == highest:  # the values are so large that 1e-9 is lost
            return np.full_like(values, count)
        return np.asarray(np.floor((values - lowest) * count / (highest - lowest) + 1))
    if method == "LD":
        large = values > 2
        logs = np.floor(np.log(values * large + 1e-9) ** 2 + 1)
        return np.asarray(np.unique(np.where(large, logs, values), return_inverse=True)[1])
    raise UserError(
        f"discretization of {field!r} is {how}. Expected {{'method': 'ED', 'bucket': 5}} or "
        "{'method': 'LD'}."
    )
