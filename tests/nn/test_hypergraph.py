"""Hypergraph passing against values worked out by hand."""

import math
from typing import Any

import pytest
import torch

from recbole_drepmrec.graph import SparseMatrix, interaction_graph
from recbole_drepmrec.nn import HypergraphPassing

# User 1 took items 1 and 2, user 2 item 3, user 3 nothing; 0 is padding.
R = interaction_graph(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 3]), 4, 4)
FEATURES = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
PRESENT = torch.tensor([False, True, True, False])


def passing(**changed: Any) -> HypergraphPassing:
    """Two hyperedges, one along each feature; item 3 lacks the modality."""
    options = {"n_hyperedges": 2, "n_layers": 1, "temperature": 0.5, "dropout": 0.0} | changed
    made = HypergraphPassing(FEATURES, PRESENT, SparseMatrix(R), **options)
    with torch.no_grad():
        made.hyperedges.copy_(torch.eye(2))
    return made


def test_memberships_by_hand() -> None:
    users, items = passing().eval().memberships()
    first = 1 / (1 + math.exp(-2))  # scores 1 and 0, over .5
    assert items[1].tolist() == pytest.approx([first, 1 - first])
    assert items[2].tolist() == pytest.approx([0.5, 0.5])
    both = 1 / (1 + math.exp(-2))  # user 1: scores 1.5 and .5
    assert users[1].tolist() == pytest.approx([both, 1 - both])


def test_who_lacks_the_modality_belongs_to_no_hyperedge() -> None:
    made = passing()
    for mode in (True, False):
        users, items = made.train(mode).memberships()
        assert items.sum(1).tolist() == pytest.approx([0, 1, 1, 0])
        assert users.sum(1).tolist() == pytest.approx([0, 1, 0, 0])
    ids = torch.randn(4, 3)
    changed = ids + torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    torch.testing.assert_close(made.eval()(ids), made(changed))


@pytest.mark.parametrize("n_layers", [1, 2])
def test_messages_pass_through_the_hyperedges(n_layers: int) -> None:
    made, ids = passing(n_layers=n_layers).eval(), torch.randn(4, 3)
    of_users, of_items = made.memberships()
    for _ in range(n_layers):
        users, ids_next = of_users @ of_items.T @ ids, of_items @ of_items.T @ ids
        ids = ids_next
    torch.manual_seed(0)
    first = torch.randn(4, 3)
    users_again, items_again = made(first)
    of_items_power = torch.linalg.matrix_power(of_items @ of_items.T, n_layers)
    torch.testing.assert_close(items_again, of_items_power @ first)
    before = torch.linalg.matrix_power(of_items @ of_items.T, n_layers - 1) @ first
    torch.testing.assert_close(users_again, of_users @ of_items.T @ before)
    assert users.shape == users_again.shape


def test_noise_and_dropout_are_for_training_only() -> None:
    made, ids = passing(dropout=0.5), torch.randn(4, 3)
    assert not torch.equal(made(ids).items, made(ids).items)
    made.eval()
    assert torch.equal(made(ids).items, made(ids).items)


def test_dropout_takes_its_share_of_the_memberships() -> None:
    features = torch.randn(400, 3)
    everyone = interaction_graph(torch.ones(400).long(), torch.arange(400), 2, 400)
    made = HypergraphPassing(
        features, torch.ones(400, dtype=torch.bool), SparseMatrix(everyone), 1, 1, 1.0, 0.25
    )
    # one hyperedge: every membership is one, so an item gets a multiple of the same sum, or zero
    items = made(torch.ones(400, 1)).items
    assert (items == 0).float().mean().item() == pytest.approx(0.25, abs=0.08)
