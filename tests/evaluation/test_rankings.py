"""Lists of each user against RecBole's own evaluation of the same model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation import rankings
from recbole_drepmrec.evaluation.rankings import (
    BEYOND,
    beyond_accuracy,
    rank_test,
    user_metrics,
)
from recbole_drepmrec.prepared import Prepared, prepare
from tests.datasets import clustered
from tests.model.contract import trainer


def prepared(tmp_path: Path, model: str, **values: Any) -> Prepared:
    settings = clustered().write(tmp_path / "dataset")
    return prepare(Config(model, config_dict={**settings, **values}))


@pytest.mark.parametrize("model", ["DRepMRec", "BPR", "LightGCN", "NeuMF", "ItemKNN"])
@pytest.mark.parametrize("mask", [True, False])
def test_metrics_are_those_of_recbole(tmp_path: Path, model: str, mask: bool) -> None:
    """NeuMF scores pair by pair; DRepMRec all items at once, in larger batches."""
    metrics = ["Recall", "NDCG", "MRR", "Hit", "Precision", "MAP", *BEYOND]
    made = prepared(tmp_path, model, topk=[3, 5], metrics=metrics, mask_valid_in_test=mask)
    training = trainer(made)
    training.eval_collector.data_collect(made.train_data)
    expected = training.evaluate(made.test_data, load_best_model=False)
    rankings = rank_test(made)
    scores = user_metrics(rankings, made.config)
    means = {name: float(values.mean()) for name, values in scores.items()}
    found = {**means, **beyond_accuracy(rankings, made.config, made.train_data._dataset)}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=6e-5), name  # RecBole rounds


def test_what_a_user_had_is_not_allowed(tmp_path: Path) -> None:
    """48 items, of which 7 are masked: the last places of a list of all are not recommended."""
    made = prepared(tmp_path, "BPR", topk=[40], valid_metric="NDCG@40")
    rankings = rank_test(made)
    n_items = made.dataset.item_num - 1
    assert (rankings.allowed.sum(axis=1) == min(40, n_items - 7)).all()
    had = [set(made.test_data.uid2history_item[user].tolist()) for user in rankings.users]
    for row, items in enumerate(had):
        assert not items & set(rankings.items[row][rankings.allowed[row]].tolist())


def test_recall_and_ndcg_are_always_there(tmp_path: Path) -> None:
    made = prepared(tmp_path, "BPR", metrics=["MRR"], valid_metric="MRR@5")
    assert list(user_metrics(rank_test(made), made.config)) == ["recall@5", "ndcg@5", "mrr@5"]


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    made = prepared(tmp_path, "BPR")
    with torch.no_grad():
        made.model.user_embedding.weight.fill_(np.nan)
    with pytest.raises(UserError, match="BPR gives scores that are no numbers"):
        rank_test(made)


def test_users_and_items_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of blocks; and anew once the model has trained."""
    made = prepared(tmp_path, "DRepMRec")
    passes: list[int] = []
    forward = type(made.model).forward
    monkeypatch.setattr(
        type(made.model), "forward", lambda model: passes.append(1) or forward(model)
    )
    monkeypatch.setattr(rankings, "MOST_USERS", 7)
    rank_test(made)
    assert len(passes) == 1
    made.model.train()
    rank_test(made)
    assert len(passes) == 2
