"""ItemKNNCBF: its part of the contract, its scores by hand, and RecBole's machinery around it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_drepmrec.config import Config
from recbole_drepmrec.prepared import Prepared
from recbole_drepmrec.quick_start import load, run_recbole
from tests.datasets import DatasetFiles, clustered, known_by_features
from tests.model.contract import (
    Make,
    RecommenderContract,
    all_scores,
    build,
    losses,
    maker,
    trainer,
)


class TestItemKNNCBF(RecommenderContract):
    """As it comes."""

    model = "ItemKNNCBF"


class TestItemKNNCBFRaw(RecommenderContract):
    """Features as they are, where the shrinkage counts."""

    model = "ItemKNNCBF"
    settings = {"feature_norm": "none", "knn_k": 3, "shrink": 50.0}


# items at 0, 60, 90 and 180 degrees
ANGLES = np.deg2rad([0, 60, 90, 180])
FOUR = DatasetFiles(
    train=[("a", "p"), ("a", "q"), ("b", "s"), ("c", "p"), ("c", "q"), ("c", "s")],
    valid=[("a", "r")],
    test=[("b", "r")],
    features={
        "text": (list("pqrs"), np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1).astype(np.float32))
    },
)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    settings = {"feature_norm": "l2", "topk": [1], "valid_metric": "NDCG@1"}
    return maker("ItemKNNCBF", tmp_path, FOUR, **settings)


def by_token(prepared: Prepared, user: str) -> dict[str, float]:
    ids = prepared.dataset.field2token_id
    scores = all_scores(prepared)[ids["user_id"][user]]
    return {item: round(float(scores[ids["item_id"][item]]), 4) for item in "pqrs"}


def test_score_is_the_sum_over_the_history_among_the_neighbours(make: Make) -> None:
    """Cosines: p-q .5, q-r .866, r-s 0, p-r 0; those below zero are no neighbours."""
    prepared = make(shrink=0.0, knn_k=3)
    assert by_token(prepared, "a") == {"p": 0.5, "q": 0.5, "r": 0.866, "s": 0.0}
    assert by_token(prepared, "b") == {"p": 0.0, "q": 0.0, "r": 0.0, "s": 0.0}


def test_neighbours_are_those_of_the_scored_item(make: Make) -> None:
    """With one neighbour each: q's is r, so p in the history says nothing of q; p's is q."""
    assert by_token(make(shrink=0.0, knn_k=1), "a") == {"p": 0.5, "q": 0.0, "r": 0.866, "s": 0.0}


def test_shrinkage_of_rows_of_length_one_is_a_factor(make: Make) -> None:
    expected = by_token(make(shrink=0.0, knn_k=3), "a")["r"] / (1 + 3)
    assert by_token(make(shrink=3.0, knn_k=3), "a")["r"] == pytest.approx(expected, abs=1e-4)


def test_pairs_of_any_order_score_as_the_full_sort_does(make: Make) -> None:
    """Repeated users and items too, as in an evaluation on sampled items."""
    prepared = make(clustered(), topk=[5], valid_metric="NDCG@5")
    model = prepared.model
    generator = torch.Generator().manual_seed(0)
    users = torch.randint(0, model.n_users, (300,), generator=generator)
    items = torch.randint(0, model.n_items, (300,), generator=generator)
    pairs = Interaction({model.USER_ID: users, model.ITEM_ID: items})
    expected = all_scores(prepared)[users, items]
    assert (expected > 0).any()
    torch.testing.assert_close(model.predict(pairs), expected)


def test_training_is_one_pass_and_changes_nothing(make: Make) -> None:
    prepared = make(clustered(), epochs=5, topk=[5], valid_metric="NDCG@5")
    before = all_scores(prepared)
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    assert training.train_loss_dict == {0: 0.0}
    assert torch.equal(all_scores(prepared), before)
    assert losses(prepared, epochs=5) == [0.0]


def test_training_items_are_not_recommended(make: Make) -> None:
    """RecBole masks them in its full sort, whatever they would score."""
    prepared = make(shrink=0.0, knn_k=3)
    training = trainer(prepared)
    training.fit(prepared.train_data, verbose=False)
    batch = next(iter(prepared.valid_data))
    training.tot_item_num = prepared.dataset.item_num  # as its evaluation sets it
    _, scores, _, _ = training._full_sort_batch_eval(batch)
    ids = prepared.dataset.field2token_id["item_id"]
    row = scores[0]
    assert [item for item in "pqrs" if torch.isneginf(row[ids[item]])] == ["p", "q"]
    assert torch.isneginf(row[0])
    assert training.evaluate(prepared.valid_data, load_best_model=False)["recall@1"] == 1.0


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Items without any interaction are ranked by their features."""
    prepared = build("ItemKNNCBF", known_by_features(), tmp_path)
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    assert training.evaluate(prepared.test_data)["recall@5"] > 0.7


@pytest.mark.parametrize("mode", ["full", "uni20"])
def test_a_run_is_kept_and_loaded(tmp_path: Path, mode: str) -> None:
    """From the launcher's function to a folder and back, ranking all items or sampled ones."""
    values = {**clustered().write(tmp_path), "eval_args": {"mode": mode}}
    result = run_recbole("ItemKNNCBF", config_dict=values)
    assert result.test_result["recall@5"] > 0.5
    loaded = load(result.run)
    fresh = build("ItemKNNCBF", clustered(), tmp_path / "other")
    torch.testing.assert_close(all_scores(loaded), all_scores(fresh))


def test_no_negatives_are_drawn(tmp_path: Path) -> None:
    values = clustered().write(tmp_path)
    config = Config("ItemKNNCBF", config_dict=values)
    assert config["train_neg_sample_args"]["distribution"] == "none"
