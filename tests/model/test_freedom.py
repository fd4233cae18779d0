"""FREEDOM: the contract, its two graphs and its losses by hand, what only features reveal."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.nn import BiasedVectors, softmax_loss
from tests.datasets import known_by_features
from tests.model.contract import Make, ModelContract, all_scores, build, maker, recall

SMALL = {"item_graph_k": 4, "edge_dropout": 0.5}


class TestFREEDOM(ModelContract):
    """Graphs of the size of the data set."""

    model = "FREEDOM"
    settings = SMALL


class TestFREEDOMWithAllEdges(ModelContract):
    """No edge left out, another number of layers, a strong modal loss."""

    model = "FREEDOM"
    settings = {"edge_dropout": 0.0, "item_graph_layers": 2, "n_layers": 1, "modal_weight": 0.5}


class TestFREEDOMSoftmax(ModelContract):
    """Ranked by cosines."""

    model = "FREEDOM"
    settings = {**SMALL, "ranking_loss": "softmax"}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return maker("FREEDOM", tmp_path, **SMALL)


def test_each_epoch_trains_on_edges_of_its_own(make: Make) -> None:
    """Half of the edges, normalised by the degrees that they leave."""
    model = make().model
    drawn = []
    for _ in range(2):
        model.start_epoch()
        matrix = model.drawn_adjacency
        assert matrix.values.numel() == model.interactions.n_edges
        dense = matrix(torch.eye(matrix.shape[0]))
        edges = (dense > 0).float()
        degrees = edges.sum(1)
        expected = edges / (degrees[:, None] * degrees).clamp(min=1).sqrt()
        torch.testing.assert_close(dense, expected)
        drawn.append(dense)
    assert not torch.equal(*drawn)


def test_scores_are_of_the_whole_graph_and_losses_of_the_drawn_one(make: Make) -> None:
    prepared = make()
    model = prepared.model.eval()
    interaction = next(iter(prepared.train_data))
    scores, loss = all_scores(prepared), model.calculate_loss(interaction)
    model.start_epoch()
    model.forget()
    torch.testing.assert_close(all_scores(prepared), scores, rtol=0, atol=0)
    assert model.calculate_loss(interaction) != loss


def test_representations_and_losses_are_those_of_the_equations(make: Make) -> None:
    prepared = make(modal_weight=0.25, edge_dropout=0.0)
    model = prepared.model
    line = model.behavior_line
    start = torch.cat([line.user_embedding, line.item_embedding])
    dense = line.adjacency(torch.eye(len(start)))
    layers = (start + dense @ start + dense @ dense @ start) / 3
    alike = model.item_graph(torch.eye(model.n_items)) @ line.item_embedding
    users, items = layers[: model.n_users], layers[model.n_users :] + alike
    torch.testing.assert_close(model.forward().users, users)
    torch.testing.assert_close(model.forward().items, items)

    interaction = next(iter(prepared.train_data))
    u, i, j = model.batch_ids(interaction)
    expected = -F.logsigmoid((users[u] * (items[i] - items[j])).sum(-1)).mean()
    prepared_features = prepared.train_data._dataset.prepared_features("center_l2").values()
    for projection, features in zip(model.projections, prepared_features, strict=True):
        rows = features.values @ projection.linear.weight.T
        both = features.present[i] & features.present[j]
        terms = -F.logsigmoid((users[u] * (rows[i] - rows[j])).sum(-1))[both]
        expected = expected + 0.25 * terms.mean()
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


def test_by_softmax_the_drawn_vectors_are_ranked(make: Make) -> None:
    prepared = make(modal_weight=0.0, ranking_loss="softmax", ranking_temperature=0.5)
    model = prepared.model
    model.start_epoch()
    bias = torch.nn.init.normal_(model.ranking.item_bias)
    interaction = next(iter(prepared.train_data))
    u, i, j = model.batch_ids(interaction)
    users, items = model.training_vectors()
    own, others = (BiasedVectors(items[ids], bias[ids]) for ids in (i, j.unique()))
    expected = softmax_loss(users[u], own, others, temperature=0.5)
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"image": 0.1, "txt": 0.9}, "a weight for each of the modalities text, image"),
        ({"text": 1.0}, "a weight for each of the modalities text, image"),
        ({"image": 0.0, "text": 0}, "at least one weight above 0"),
        ({"image": -1.0, "text": 1.0}, "greater than or equal to 0"),
        ("text", "valid dictionary"),
    ],
)
def test_wrong_modality_weights_are_refused(make: Make, weights: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(modality_weights=weights)


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Test items without any training interaction; chance is about .07."""
    settings = {"epochs": 60, "learning_rate": 0.01, "item_graph_k": 6, "edge_dropout": 0.5}
    assert recall(build("FREEDOM", known_by_features(), tmp_path, **settings)) > 0.7
