"""Negatives and test rankings as a protocol asks for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import Prepared, prepare
from tests.datasets import DatasetFiles, clustered, items_by_user, known_by_features


def prepared(folder: Path, files: DatasetFiles, model: str = "BPR", **values: Any) -> Prepared:
    lists = {"topk": [2], "valid_metric": "NDCG@2"}
    return prepare(Config(model, config_dict={**files.write(folder), **lists, **values}))


def drawn(run: Prepared, epochs: int = 30) -> set[tuple[int, int]]:
    """Users and their negatives in some epochs."""
    found = set()
    for _ in range(epochs):
        for batch in run.train_data:
            users, negatives = batch["user_id"].tolist(), batch["neg_item_id"].tolist()
            found |= set(zip(users, negatives, strict=True))
    return found


@pytest.mark.parametrize("model", ["BPR", "DRepMRec"])
def test_negatives_are_trained_items_that_the_user_has_not(tmp_path: Path, model: str) -> None:
    """Half of the items are cold: never trained, but drawn by RecBole's own sampler."""
    run = prepared(tmp_path, known_by_features(), model, negatives="trained")
    own = items_by_user(run.train_data._dataset)
    trained = set.union(*own.values())
    found = drawn(run)
    assert {item for _, item in found} == trained
    assert not any(item in own[user] for user, item in found)


def test_by_default_negatives_are_all_items(tmp_path: Path) -> None:
    run = prepared(tmp_path, known_by_features())
    assert {item for _, item in drawn(run)} == set(range(1, run.dataset.item_num))


def test_negatives_are_uniform(tmp_path: Path) -> None:
    """Chi-squared of 20,000 draws out of 40 trained items, 39 degrees: below 73 in 99.9 %."""
    run = prepared(tmp_path, known_by_features(), negatives="trained")
    np.random.seed(0)
    counts = np.bincount(run.train_data._sampler.sampling(20_000))
    counts = counts[counts > 0]
    assert len(counts) == 40
    assert ((counts - 500) ** 2 / 500).sum() < 73


def test_evaluation_samplers_are_left_alone(tmp_path: Path) -> None:
    """Sampled evaluation ranks cold items too."""
    run = prepared(tmp_path, known_by_features(), negatives="trained", eval_args={"mode": "uni20"})
    items = set()
    for batch, *_ in run.test_data:
        items |= set(batch["item_id"].tolist())
    assert items == set(range(1, run.dataset.item_num))


def test_a_user_of_all_trained_items_is_refused(tmp_path: Path) -> None:
    train = [("u0", "a"), ("u0", "b"), ("u1", "a"), ("u1", "b"), ("u2", "a")]
    files = DatasetFiles(train, [("u2", "b")], [("u2", "c"), ("u1", "d")])
    with pytest.raises(UserError, match="2 users have all 2 items that have a training"):
        prepared(tmp_path, files, negatives="trained")


def test_popularity_and_trained_do_not_go_together(tmp_path: Path) -> None:
    arguments = {"distribution": "popularity", "sample_num": 1}
    with pytest.raises(UserError, match="`negatives: trained` draws uniformly"):
        prepared(tmp_path, clustered(), negatives="trained", train_neg_sample_args=arguments)


def test_a_model_without_negatives_needs_none(tmp_path: Path) -> None:
    prepared(tmp_path, clustered(), "MultiVAE", negatives="trained", train_neg_sample_args=None)


def histories(loader: Any) -> dict[int, list[int]]:
    return {
        user: sorted(loader.uid2history_item[user].tolist()) for user in loader.uid_list.tolist()
    }


@pytest.mark.parametrize("masked", [True, False])
def test_a_repeatable_ranking_leaves_nothing_out(tmp_path: Path, masked: bool) -> None:
    run = prepared(tmp_path, clustered(), mask_valid_in_test=masked, repeatable=True)
    assert not any(histories(run.valid_data).values())
    assert not any(histories(run.test_data).values())


@pytest.mark.parametrize("masked", [True, False])
def test_what_a_test_ranking_leaves_out(tmp_path: Path, masked: bool) -> None:
    run = prepared(tmp_path, clustered(), mask_valid_in_test=masked)
    train, valid = (items_by_user(loader._dataset) for loader in (run.train_data, run.valid_data))
    expected = {
        user: sorted(train[user] | valid[user] if masked else train[user])
        for user in run.test_data.uid_list.tolist()
    }
    assert histories(run.test_data) == expected
    assert histories(run.valid_data) == {user: sorted(train[user]) for user in expected}


def test_a_test_user_without_training_items(tmp_path: Path) -> None:
    train = [("u0", "a"), ("u1", "b")]
    files = DatasetFiles(train, [("u2", "c"), ("u0", "b")], [("u2", "d"), ("u0", "c")])
    run = prepared(tmp_path, files, mask_valid_in_test=False)
    user = run.dataset.token2id("user_id", "u2")
    assert run.test_data.uid2history_item[user].equal(torch.tensor([], dtype=torch.int64))
    next(iter(run.test_data))


def test_masking_is_of_full_rankings(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is for full ranking"):
        prepared(tmp_path, clustered(), mask_valid_in_test=False, eval_args={"mode": "uni10"})


def test_a_user_of_all_items_is_refused(tmp_path: Path) -> None:
    files = DatasetFiles([("u1", "a"), ("u2", "b")], [("u1", "b"), ("u2", "a")], [("u1", "c")])
    with pytest.raises(UserError, match="1 users have all 3 items, so no negative is left"):
        prepared(tmp_path, files)
