"""Scaling and discretization against values worked out by hand."""

from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.data.float_features import buckets, scale_to_unit, split_points
from recbole_drepmrec.errors import UserError


def test_split_points_undo_concatenation() -> None:
    parts = [np.array([1, 2]), np.array([]), np.array([3])]
    back = np.split(np.concatenate(parts), split_points(parts))
    assert [part.tolist() for part in back] == [[1, 2], [], [3]]


@pytest.mark.parametrize(
    ("values", "expected"), [([2, 4, 3], [0, 1, 0.5]), ([-1, 1], [0, 1]), ([5, 5], [1, 1])]
)
def test_scale_to_unit(values: list[float], expected: list[float]) -> None:
    assert scale_to_unit(np.array(values, dtype=float)).tolist() == expected


def test_equal_distance() -> None:
    how = {"method": "ED", "bucket": 2}
    assert buckets("x", np.array([0.0, 0.9, 1.1, 2.0]), how).tolist() == [1, 1, 2, 2]


def test_equal_distance_of_huge_equal_values() -> None:
    assert buckets("x", np.array([1e20, 1e20]), {"method": "ED", "bucket": 4}).tolist() == [4, 4]


def test_logarithm() -> None:
    # log(3)^2 + 1 = 2.2 and log(20)^2 + 1 = 9.97, so 1, 2, 2, 9 are numbered.
    assert buckets("x", np.array([1.0, 2.0, 3.0, 20.0]), {"method": "LD"}).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("how", [{"method": "XX"}, {"method": "ED"}, {}])
def test_unknown_method(how: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"discretization of 'x'.*ED.*LD"):
        buckets("x", np.array([1.0]), how)
