"""VBPR: the contract, its score by hand, and what only features reveal."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import softplus

from tests.datasets import known_by_features
from tests.model.contract import ModelContract, all_scores, build, trainer


class TestVBPR(ModelContract):
    """As the multimodal literature has it."""

    model = "VBPR"


class TestVBPRWithBiases(ModelContract):
    """As the paper has it."""

    model = "VBPR"
    settings = {"item_bias": True}


@pytest.mark.parametrize("item_bias", [True, False])
def test_score_is_the_papers(tmp_path: Path, item_bias: bool) -> None:
    """gamma_u.gamma_i + theta_u.E f_i + beta_i + beta'.f_i, pair by pair."""
    files = known_by_features()
    prepared = build("VBPR", files, tmp_path, item_bias=item_bias, embedding_size=3)
    model = prepared.model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    scores = all_scores(prepared)
    for user, item in ((1, 1), (4, 7), (9, 3)):
        features = model.features[item]
        expected = model.user_factors[user, :3] @ model.item_factors[item]
        expected = expected + model.user_factors[user, 3:] @ (model.projection.weight @ features)
        if item_bias:
            expected = expected + model.item_bias[item, 0] + model.feature_bias.weight[0] @ features
        torch.testing.assert_close(scores[user, item], expected)


@pytest.mark.parametrize("item_bias", [True, False])
def test_loss_is_bpr_of_the_scores_and_a_penalty(tmp_path: Path, item_bias: bool) -> None:
    prepared = build("VBPR", known_by_features(), tmp_path, item_bias=item_bias, reg_weight=0.5)
    model = prepared.model
    interaction = next(iter(prepared.train_data))
    users, positives, negatives = model.batch_ids(interaction)
    scores, encoded = all_scores(prepared), model.forward()
    ranking = softplus(scores[users, negatives] - scores[users, positives]).mean()
    rows = encoded.users[users, :128], encoded.items[positives], encoded.items[negatives]
    penalty = sum(row.pow(2).sum() for row in rows) / (2 * len(users))
    torch.testing.assert_close(model.calculate_loss(interaction), ranking + 0.5 * penalty)


def test_an_item_without_features_scores_by_its_factors_alone(tmp_path: Path) -> None:
    prepared = build("VBPR", known_by_features(), tmp_path)
    model = prepared.model.eval()
    expected = model.user_factors[:, :64] @ model.item_factors[0]
    torch.testing.assert_close(all_scores(prepared)[:, 0], expected)


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items: a user's taste for features ranks them."""
    settings = {"epochs": 60, "learning_rate": 0.01, "negatives": "trained"}
    prepared = build("VBPR", known_by_features(), tmp_path, **settings)
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    assert training.evaluate(prepared.test_data)["recall@5"] > 0.7
