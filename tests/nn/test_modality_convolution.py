"""MMGCN's layers against values worked out by hand."""

import pytest
import torch

from recbole_drepmrec.graph import SparseMatrix, interaction_graph, mean_by_row
from recbole_drepmrec.nn import Combination, ModalityConvolution, ModalityLayer, Representations

# Users 1 and 2, items 1, 2 and 3; 0 is padding. User 1 took items 1 and 2, user 2 only item 2.
R = interaction_graph(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]), 3, 4)
USERS = torch.tensor([[0.0], [1.0], [-2.0]])
ITEMS = torch.tensor([[0.0], [2.0], [4.0], [-1.0]])
IDS = Representations(torch.tensor([[0.0], [0.5], [0.25]]), torch.tensor([[0.0], [1], [2], [3]]))


def convolution(n_layers: int, combination: Combination) -> ModalityConvolution:
    """Sizes of one, all weights one, all biases zero."""
    to_users = SparseMatrix(mean_by_row(R))
    to_items = SparseMatrix(mean_by_row(R.transposed()))
    made = ModalityConvolution(to_users, to_items, 1, 1, n_layers, combination)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    return made


def test_one_layer_by_hand() -> None:
    users, items = convolution(1, "sum")(Representations(USERS, ITEMS), IDS)
    # user 1: mean (2 + 4) / 2 = 3, own 1 + .5; user 2: mean 4, own LeakyReLU(-2) = -.02, + .25
    assert users.squeeze(1).tolist() == pytest.approx([0, 4.5, 4 - 0.02 + 0.25])
    # item 1: mean 1, own 2 + 1; item 2: LeakyReLU((1 - 2) / 2), own 4 + 2; item 3: own -.01 + 3
    assert items.squeeze(1).tolist() == pytest.approx([0, 4, -0.005 + 6, 2.99])


def test_the_second_layer_reads_the_first_on_both_sides() -> None:
    users, items = convolution(2, "sum")(Representations(USERS, ITEMS), IDS)
    assert users[1].item() == pytest.approx((4 + 5.995) / 2 + 4.5 + 0.5)
    assert items[1].item() == pytest.approx(4.5 + 4 + 1)


def test_concat_weighs_neighbours_and_own_vector_apart() -> None:
    made = convolution(1, "concat")
    with torch.no_grad():
        next(iter(made.layers)).combine.weight.copy_(torch.tensor([[10.0, 1.0]]))
    users, _ = made(Representations(USERS, ITEMS), IDS)
    assert users[1].item() == pytest.approx(10 * 3 + 1.5)


def test_an_unknown_combination_is_refused() -> None:
    with pytest.raises(ValueError, match="'max' is not one of sum, concat"):
        ModalityLayer(1, 1, "max")  # type: ignore[arg-type]
