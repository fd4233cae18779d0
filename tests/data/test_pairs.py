"""Interactions as numbers, by hand."""

from pathlib import Path

import numpy as np

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.pairs import n_users_with, numbered
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import DatasetFiles


def test_numbers_by_hand(tmp_path: Path) -> None:
    files = DatasetFiles([("u1", "a"), ("u1", "b"), ("u2", "a")], [("u2", "c")], [("u2", "b")])
    config = Config("BPR", config_dict=files.write(tmp_path))
    train = create_dataset(config).build()[0]
    token = train.token2id
    pairs = [(token("user_id", user), token("item_id", item)) for user, item in files.train]
    assert numbered(train).tolist() == [4 * user + item for user, item in pairs]  # three, padding


def test_users_with_so_many_items() -> None:
    numbers = np.array([4 * 1 + 1, 4 * 1 + 3, 4 * 2 + 1, 4 * 3 + 1, 4 * 3 + 2])
    assert [n_users_with(count, numbers, 4) for count in (1, 2, 3)] == [1, 2, 0]
