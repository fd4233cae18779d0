"""A run's lists, written in RecBole's order and read in that of the split."""

from pathlib import Path

import numpy as np
import pytest

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.lists import read_lists, write_lists
from tests.evaluation.splits import three_users


def test_lists_follow_the_users_and_items_of_the_split(tmp_path: Path) -> None:
    """The last user is written first, items backwards; each list and value stays its user's."""
    split, path = three_users(), tmp_path / "users.npz"
    n_items = len(split.items)
    backwards = split.items[::-1]
    # user u's list is item u, then nothing
    written = np.array([[n_items - 1 - user, -1] for user in (2, 0, 1)])
    values = {"recall@2": np.array([0.2, 0.0, 0.1])}
    write_lists(path, split.users[[2, 0, 1]], backwards, written, values)
    lists = read_lists(path, split)
    assert lists.top.tolist() == [[0, -1], [1, -1], [2, -1]]
    assert lists.scores["recall@2"].tolist() == [0.0, 0.1, 0.2]


def test_lists_of_other_users_are_refused(tmp_path: Path) -> None:
    split, path = three_users(), tmp_path / "users.npz"
    top = np.zeros((2, 1), dtype=np.int64)
    write_lists(path, split.users[:2], split.items, top, {"recall@1": np.zeros(2)})
    with pytest.raises(UserError, match="other users or items"):
        read_lists(path, split)
