"""LATTICE: the contract, its schedule and loss, what only features reveal."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from recbole_drepmrec.prepared import Prepared
from tests.datasets import known_by_features
from tests.model.contract import Make, ModelContract, all_scores, build, maker, recall

SMALL = {"item_graph_k": 5, "reg_weight": 1e-3}


class TestLATTICE(ModelContract):
    """A graph of the size of the data set."""

    model = "LATTICE"
    settings = SMALL


class TestLATTICELearnedGraphAlone(ModelContract):
    """No skip connection, two steps."""

    model = "LATTICE"
    settings = {"item_graph_k": 4, "skip_weight": 0.0, "item_graph_layers": 2, "n_layers": 1}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return maker("LATTICE", tmp_path, **SMALL)


def test_representations_and_loss_are_those_of_the_equations(make: Make) -> None:
    prepared = make(reg_weight=0.1)
    model = prepared.model
    line = model.behavior_line
    users, items = line()
    smoothed = model.item_graph().to_dense() @ line.item_embedding
    items = items + smoothed / smoothed.norm(dim=1, keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(model.forward().users, users)
    torch.testing.assert_close(model.forward().items, items)
    interaction = next(iter(prepared.train_data))
    u, i, j = model.batch_ids(interaction)
    ranking = -F.logsigmoid((users[u] * (items[i] - items[j])).sum(-1)).mean()
    squares = (users[u] ** 2).sum() + (items[i] ** 2).sum() + (items[j] ** 2).sum()
    expected = ranking + 0.1 * squares / (2 * len(u))
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


def gradients(prepared: Prepared) -> dict[str, bool]:
    """Whether a batch's loss reaches the item graph's parameters, and the embeddings."""
    prepared.model.zero_grad()
    prepared.model.calculate_loss(next(iter(prepared.train_data))).backward()
    named = dict(prepared.model.named_parameters())
    return {
        "graph": any(p.grad is not None for name, p in named.items() if "item_graph" in name),
        "embeddings": named["behavior_line.item_embedding"].grad is not None,
    }


def test_only_the_first_batch_of_an_epoch_moves_the_item_graph(make: Make) -> None:
    prepared = make()
    for _ in range(2):
        prepared.model.start_epoch()
        assert gradients(prepared) == {"graph": True, "embeddings": True}
        kept = prepared.model.kept_graph
        assert gradients(prepared) == {"graph": False, "embeddings": True}
        assert prepared.model.kept_graph is kept


def test_scores_are_of_the_current_parameters_not_of_the_kept_graph(make: Make) -> None:
    prepared = make(skip_weight=0.0)
    model = prepared.model.train()
    model.calculate_loss(next(iter(prepared.train_data)))
    model.eval()
    before = all_scores(prepared)
    with torch.no_grad():
        for graph in model.item_graph.graphs:
            torch.nn.init.normal_(graph.projection.linear.weight)
    model.forget()
    assert not torch.allclose(all_scores(prepared), before)
    expected = model.forward()
    torch.testing.assert_close(all_scores(prepared), expected.users @ expected.items.T)


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Test items without any training interaction; chance is about .07."""
    settings = {"epochs": 60, "learning_rate": 0.01, "item_graph_k": 6}
    assert recall(build("LATTICE", known_by_features(), tmp_path, **settings)) > 0.7
