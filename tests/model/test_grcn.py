"""GRCN: the contract, the refined convolution, and what only features reveal."""

from pathlib import Path

import pytest
import torch

from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, build, recall


class TestGRCN(ModelContract):
    """As it comes."""

    model = "GRCN"


class TestGRCNHard(ModelContract):
    """Negative weights cut, one round of routing, other sizes."""

    model = "GRCN"
    settings = {"pruning": "hard", "n_routing": 1, "n_layers": 3, "latent_size": 24}


class TestGRCNMean(ModelContract):
    """No confidence."""

    model = "GRCN"
    settings = {"integration": "mean"}


def test_ids_are_convolved_over_the_refined_edges(tmp_path: Path) -> None:
    """The same numbers from dense matrices."""
    model = build("GRCN", clustered(), tmp_path, embedding_size=8).model
    with torch.no_grad():
        model.weighting.of_items.uniform_(0.5, 1.5)
        model.weighting.of_users.uniform_(-1.0, 1.0)
        to_users, to_items = model.weighting([r() for r in model.routings], model.edges)
        users, items = model.forward()
    ends = model.edges.rows, model.edges.cols
    back = torch.zeros(model.edges.shape).index_put(ends, to_items).T
    ahead = torch.zeros(model.edges.shape).index_put(ends, to_users)
    u0 = torch.nn.functional.normalize(model.ids.user_embedding)
    i0 = torch.nn.functional.normalize(model.ids.item_embedding)
    u1, i1 = ahead @ i0, back @ u0
    torch.testing.assert_close(users[:, :8], u0 + u1 + ahead @ i1)
    torch.testing.assert_close(items[:, :8], i0 + i1 + back @ u1)
    assert users.shape[1] == 8 + 2 * 64


@pytest.mark.parametrize("pruning", ["soft", "hard"])
def test_the_ranking_loss_moves_features_and_prototypes_through_the_edges(
    tmp_path: Path, pruning: str
) -> None:
    """Also where scores come from the ID part alone."""
    model = build("GRCN", clustered(), tmp_path, pruning=pruning).model
    users, items = (side[:, :64] for side in model.forward())
    (users[1] @ items[2]).backward()
    for routing in model.routings:
        assert routing.projection.linear.weight.grad.abs().sum() > 0
        assert routing.preference.grad.abs().sum() > 0
    assert model.weighting.of_users.grad.abs().sum() > 0
    assert model.weighting.of_items.grad.abs().sum() > 0


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items, which never are negatives: their ID embeddings say nothing."""
    settings = {"epochs": 60, "learning_rate": 0.01, "negatives": "trained"}
    assert recall(build("GRCN", known_by_features(), tmp_path, **settings)) > 0.6
