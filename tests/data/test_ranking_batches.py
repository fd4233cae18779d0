"""Batches of a full ranking, from columns, are RecBole's own."""

from pathlib import Path

import pytest
import torch
from recbole.data import data_preparation
from recbole.data.dataloader import FullSortEvalDataLoader

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.ranking_batches import RankingLoader, ranked_in_columns
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import clustered

Batch = tuple[list[int], set[tuple[int, int]], set[tuple[int, int]]]


def batches(loader: FullSortEvalDataLoader) -> list[Batch]:
    """Users, masked pairs and pairs to be found, batch by batch."""
    return [
        (
            frame["user_id"].tolist(),
            set(zip(*(part.tolist() for part in history), strict=True)),
            set(zip(rows.tolist(), items.tolist(), strict=True)),
        )
        for frame, history, rows, items in loader
    ]


@pytest.mark.parametrize("part", [1, 2], ids=["validation", "test"])
@pytest.mark.parametrize("users", [1, 7, 1000])
def test_batches_are_those_of_recbole(tmp_path: Path, part: int, users: int) -> None:
    lists = {"topk": [2], "valid_metric": "NDCG@2", "eval_batch_size": users * 49}
    config = Config("BPR", config_dict={**clustered().write(tmp_path), **lists})
    recbole = data_preparation(config, create_dataset(config))[part]
    expected = batches(recbole)
    ours = ranked_in_columns(recbole)
    assert isinstance(ours, RankingLoader)
    assert len(ours) == len(recbole) == len(expected)
    assert batches(ours) == expected
    assert all(history and found for _, history, found in expected)


def test_a_user_without_history_has_none_masked(tmp_path: Path) -> None:
    config = Config("BPR", config_dict=clustered().write(tmp_path))
    loader = data_preparation(config, create_dataset(config))[2]
    first, second = loader.uid_list[:2].tolist()
    loader.uid2history_item[first] = torch.tensor([], dtype=torch.int64)
    _, (rows, items), *_ = next(iter(ranked_in_columns(loader)))
    assert 0 not in rows.tolist()
    assert items[rows == 1].tolist() == loader.uid2history_item[second].tolist()


def test_sampled_ranking_keeps_recboles_loader(tmp_path: Path) -> None:
    settings = {**clustered().write(tmp_path), "eval_args": {"mode": "uni20"}}
    config = Config("BPR", config_dict=settings)
    loader = data_preparation(config, create_dataset(config))[2]
    assert ranked_in_columns(loader) is loader
