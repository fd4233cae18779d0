"""DRAGON and DualGNN: the contract, how each fuses, what only features reveal."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.model.base import training_interactions
from recbole_drepmrec.prepared import Prepared
from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, build, recall


class TestDualGNN(ModelContract):
    """As it comes: each user's neighbours are all those who share an item.

    With fewer, equal numbers of shared items at the k-th place are cut by the users' ids.
    """

    model = "DualGNN"


class TestDRAGON(ModelContract):
    """An item graph of the size of the data set."""

    model = "DRAGON"
    settings = {"item_graph_k": 4}


class TestDRAGONWithMoreLayers(ModelContract):
    """Another number of layers on each graph."""

    model = "DRAGON"
    settings = {"n_layers": 1, "item_graph_layers": 2, "item_graph_k": 3, "reg_weight": 0.1}


def dense_user_graph(prepared: Prepared, k: int) -> torch.Tensor:
    """The plain definition: the softmax of each user's k highest counts, lower ids first."""
    interactions = training_interactions(prepared.train_data._dataset).to_dense()
    counts = (interactions @ interactions.T).fill_diagonal_(0)
    graph = torch.zeros_like(counts)
    for user, row in enumerate(counts):
        order = sorted(range(len(row)), key=lambda other: (-float(row[other]), other))
        near = [other for other in order[:k] if row[other] > 0]
        graph[user, near] = row[near].softmax(0)
    return graph


@pytest.mark.parametrize("model", ["DualGNN", "DRAGON"])
def test_modalities_are_fused_as_the_equations_say(model: str, tmp_path: Path) -> None:
    prepared = build(model, clustered(), tmp_path, user_graph_k=6, reg_weight=0.5)
    ours = prepared.model
    with torch.no_grad():
        ours.preferences.user_weights.normal_()
    views = [gcn() for gcn in ours.preferences.gcns]
    weights = ours.preferences.user_weights.softmax(1)
    weighed = [weights[:, [m]] * view.users for m, view in enumerate(views)]
    if model == "DualGNN":
        users, items = weighed[0] + weighed[1], views[0].items + views[1].items
    else:
        users = torch.cat(weighed, dim=1)
        items = torch.cat([view.items for view in views], dim=1)
        items = items + ours.item_graph(torch.eye(ours.n_items)) @ items
    users = users + dense_user_graph(prepared, 6) @ users
    torch.testing.assert_close(ours.forward().users, users)
    torch.testing.assert_close(ours.forward().items, items)

    interaction = next(iter(prepared.train_data))
    u, i, j = ours.batch_ids(interaction)
    ranking = -F.logsigmoid((users[u] * (items[i] - items[j])).sum(-1)).mean()
    expected = ranking + 0.5 * ours.preferences.penalty(u)
    torch.testing.assert_close(ours.calculate_loss(interaction), expected)


def test_dragon_weighs_the_item_graphs(tmp_path: Path) -> None:
    by_text = {"modality_weights": {"text": 1.0, "image": 0.0}}
    one = build("DRAGON", clustered(), tmp_path / "a", **by_text).model
    alone = build("DRAGON", clustered(), tmp_path / "b", use_modalities=["text"]).model
    eye = torch.eye(one.n_items)
    torch.testing.assert_close(one.item_graph(eye), alone.item_graph(eye))
    with pytest.raises(UserError, match="a weight for each of the modalities text, image"):
        build("DRAGON", clustered(), tmp_path / "c", modality_weights={"audio": 1.0})


@pytest.mark.parametrize("model", ["DualGNN", "DRAGON"])
def test_finds_what_only_the_features_reveal(model: str, tmp_path: Path) -> None:
    """Test items without any training interaction; chance is about .07."""
    settings = {"epochs": 60, "learning_rate": 0.01}
    assert recall(build(model, known_by_features(), tmp_path, **settings)) > 0.7
