"""Interactions as numbers, by hand."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.pairs import are_among, distinct, n_users_with, numbered
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import DatasetFiles


def test_numbers_by_hand(tmp_path: Path) -> None:
    files = DatasetFiles([("u1", "a"), ("u1", "b"), ("u2", "a")], [("u2", "c")], [("u2", "b")])
    config = Config("BPR", config_dict=files.write(tmp_path))
    train = create_dataset(config).build()[0]
    token = train.token2id
    pairs = [(token("user_id", user), token("item_id", item)) for user, item in files.train]
    assert numbered(train).tolist() == [4 * user + item for user, item in pairs]  # three, padding


def _array(numbers: list[int]) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


@given(st.lists(st.integers(-3, 12)))
def test_distinct_numbers_are_those_of_a_set(numbers: list[int]) -> None:
    given_ = _array(numbers)
    assert distinct(given_).tolist() == sorted(set(numbers))
    assert given_.tolist() == numbers


@given(st.lists(st.integers(-3, 12)), st.sets(st.integers(-3, 12)))
def test_numbers_are_among_those_of_a_set(numbers: list[int], known: set[int]) -> None:
    found = are_among(_array(numbers), _array(sorted(known)))
    assert found.tolist() == [number in known for number in numbers]


def test_users_with_so_many_items() -> None:
    numbers = np.array([4 * 1 + 1, 4 * 1 + 3, 4 * 2 + 1, 4 * 3 + 1, 4 * 3 + 2])
    assert [n_users_with(count, numbers, 4) for count in (1, 2, 3)] == [1, 2, 0]
