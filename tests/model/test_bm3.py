"""BM3: the contract, its losses by hand, and which of them move what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from recbole_drepmrec.graph import interaction_graph, normalised_bipartite
from recbole_drepmrec.prepared import Prepared
from tests.datasets import clustered
from tests.model.contract import ModelContract, all_scores, build

Make = Callable[..., Prepared]


class TestBM3(ModelContract):
    """As it comes."""

    model = "BM3"


class TestBM3Deep(ModelContract):
    """Two layers, more dropout, no penalty."""

    model = "BM3"
    settings = {"n_layers": 2, "dropout": 0.5, "reg_weight": 0.0}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def _make(**settings: Any) -> Prepared:
        return build("BM3", clustered(), tmp_path, **settings)

    return _make


def test_draws_no_negatives(make: Make) -> None:
    prepared = make()
    batch = next(iter(prepared.train_data))
    assert prepared.model.NEG_ITEM_ID not in batch
    assert len(prepared.train_data) == 1  # a batch is of positives alone
    assert len(batch) == len(prepared.train_data.dataset)


def test_items_add_their_own_embedding_to_lightgcn(make: Make) -> None:
    """One layer by hand: H_u = (E + A E) / 2, and H_i that and E_i once more."""
    prepared = make()
    model, data = prepared.model, prepared.train_data.dataset.inter_feat
    pairs = data["user_id"], data["item_id"]
    graph = normalised_bipartite(interaction_graph(*pairs, model.n_users, model.n_items))
    embeddings = torch.cat([model.ids.user_embedding, model.ids.item_embedding])
    mean = (embeddings + graph.to_dense() @ embeddings) / 2
    users, items = model.views()
    torch.testing.assert_close(users, mean[: model.n_users])
    torch.testing.assert_close(items, mean[model.n_users :] + model.ids.item_embedding)


def distance(a: Tensor, b: Tensor) -> Tensor:
    return (1 - cosine_similarity(a, b, dim=1)).mean()


def test_loss_by_hand(make: Make) -> None:
    """Without dropout every view is its own target, and the loss has nothing random left."""
    prepared = make(dropout=0.0, cl_weight=3.0, reg_weight=0.5)
    model, interaction = prepared.model, next(iter(prepared.train_data))
    users, items = interaction["user_id"], interaction["item_id"]
    h_u, h_i = (view[ids] for view, ids in zip(model.views(), (users, items), strict=True))
    expected = distance(model.predictor(h_u), h_i) + distance(model.predictor(h_i), h_u)
    for projection in model.projections:
        has = projection.present[items]
        h_m = projection.linear(projection.features[items[has]])
        online = model.predictor(h_m)
        expected = expected + 3 * (distance(online, h_i[has]) + distance(online, h_m))
    assert not all(projection.present[items].all() for projection in model.projections)
    norms = h_u.pow(2).sum(1) + h_i.pow(2).sum(1)
    expected = expected + 0.5 * norms.mean() / 2
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


def test_a_target_view_gets_no_gradient(make: Make) -> None:
    """With the predictor silenced, only a target could move the embeddings: nothing does."""
    prepared = make(reg_weight=0.0)
    model = prepared.model
    with torch.no_grad():
        model.predictor.weight.zero_()
        model.predictor.bias.fill_(1.0)
    model.calculate_loss(next(iter(prepared.train_data))).backward()
    assert model.ids.user_embedding.grad.abs().sum() == 0
    assert model.ids.item_embedding.grad.abs().sum() == 0
    assert model.predictor.weight.grad.abs().sum() > 0


def test_scores_have_no_dropout_and_training_has(make: Make) -> None:
    prepared = make(dropout=0.5)
    model, interaction = prepared.model, next(iter(prepared.train_data))
    model.train()
    assert model.calculate_loss(interaction) != model.calculate_loss(interaction)
    model.eval()
    users, items = (model.predictor(view) for view in model.views())
    torch.testing.assert_close(all_scores(prepared), users @ items.T)


def test_features_only_move_the_predictor(make: Make) -> None:
    """Their loss reaches no embedding, which is why an item nobody took cannot be placed."""
    prepared = make()
    model, interaction = prepared.model, next(iter(prepared.train_data))
    items = interaction["item_id"]
    target = model.views().items[items].detach()
    modal = model._modal_loss(model.projections[0], items, target)
    reached = torch.autograd.grad(modal, list(model.parameters()), allow_unused=True)
    names = [name for name, _ in model.named_parameters()]
    touched = {name for name, grad in zip(names, reached, strict=True) if grad is not None}
    assert touched == {
        "predictor.weight",
        "predictor.bias",
        "projections.0.linear.weight",
        "projections.0.linear.bias",
    }
