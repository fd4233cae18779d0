"""Batches of a full ranking, from columns, are RecBole's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recbole.data import data_preparation
from recbole.data.dataloader import FullSortEvalDataLoader, NegSampleEvalDataLoader

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.loaders import Loaders, loaders
from recbole_drepmrec.data.ranking_batches import RankingLoader
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import DatasetFiles, clustered

Batch = tuple[list[int], list[tuple[int, int]], list[tuple[int, int]]]


def batches(loader: FullSortEvalDataLoader) -> list[Batch]:
    """Users, masked pairs and pairs to be found, batch by batch."""
    return [
        (
            frame["user_id"].tolist(),
            sorted(zip(*(part.tolist() for part in history), strict=True)),
            sorted(zip(rows.tolist(), items.tolist(), strict=True)),
        )
        for frame, history, rows, items in loader
    ]


def both(folder: Path, model: str = "BPR", **values: Any) -> tuple[Loaders, list[Any]]:
    """Our loaders of one data set, and RecBole's."""
    config = Config(model, config_dict={**clustered().write(folder), **values})
    ours = loaders(config, create_dataset(config))
    return ours, list(data_preparation(config, create_dataset(config)))


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize("part", [1, 2], ids=["validation", "test"])
@pytest.mark.parametrize("users", [1, 7, 1000])
def test_batches_are_those_of_recbole(
    tmp_path: Path, part: int, users: int, repeatable: bool
) -> None:
    lists = {"topk": [2], "valid_metric": "NDCG@2", "eval_batch_size": users * 49}
    made, recboles = both(tmp_path, repeatable=repeatable, **lists)
    ours, recbole = made[part], recboles[part]
    expected = batches(recbole)
    assert isinstance(ours, RankingLoader)
    assert len(ours) == len(recbole) == len(expected)
    assert batches(ours) == expected
    assert all(found for _, _, found in expected)
    assert all(bool(history) is not repeatable for _, history, _ in expected)


@pytest.mark.parametrize("part", [1, 2], ids=["validation", "test"])
def test_items_by_user_are_those_of_recbole(tmp_path: Path, part: int) -> None:
    made, recboles = both(tmp_path)
    ours, recbole = made[part], recboles[part]
    assert ours.uid_list.equal(recbole.uid_list)
    assert ours.uid2items_num.tolist() == recbole.uid2items_num.tolist()
    for name in ("uid2positive_item", "uid2history_item"):
        for mine, expected in zip(getattr(ours, name), getattr(recbole, name), strict=True):
            assert (mine is None) is (expected is None)
            assert mine is None or mine.tolist() == sorted(expected.tolist())


def test_a_user_without_history_has_none_masked(tmp_path: Path) -> None:
    files = DatasetFiles(
        [("u1", "a"), ("u1", "b"), ("u2", "d")],
        [("u0", "a"), ("u1", "c")],
        [("u0", "b"), ("u1", "a")],
    )
    config = Config("BPR", config_dict=files.write(tmp_path))
    made = loaders(config, create_dataset(config))
    token = made.valid._dataset.token2id
    _, (rows, items), *_ = next(iter(made.valid))
    row = made.valid.uid_list.tolist().index(token("user_id", "u1"))
    assert rows.tolist() == [row, row]
    assert sorted(items.tolist()) == sorted(token("item_id", ["a", "b"]))


def test_an_item_taken_again_is_found_and_not_masked(tmp_path: Path) -> None:
    train = [("u1", "a"), ("u1", "b"), ("u2", "d")]
    files = DatasetFiles(train, [("u1", "c"), ("u1", "b")], [("u1", "a"), ("u1", "a")])
    config = Config("BPR", config_dict=files.write(tmp_path))
    made = loaders(config, create_dataset(config))
    token = made.test._dataset.token2id
    _, (_, masked), _, found = next(iter(made.test))
    assert found.tolist() == [token("item_id", "a")]
    assert sorted(masked.tolist()) == sorted(token("item_id", ["b", "c"]))


@pytest.mark.parametrize("model", ["BPR", "EASE"], ids=["negatives", "none in training"])
@pytest.mark.parametrize("mode", ["uni20", "pop20", {"valid": "uni20", "test": "pop20"}])
def test_sampled_ranking_is_recboles(tmp_path: Path, mode: Any, model: str) -> None:
    made, recboles = both(tmp_path, model, eval_args={"mode": mode})
    for part in (1, 2):
        drawn = []
        for loader in (made[part], recboles[part]):
            assert type(loader) is NegSampleEvalDataLoader
            np.random.seed(3)
            drawn.append([batch["item_id"].tolist() for batch, *_ in loader])
        assert drawn[0] == drawn[1]
