"""Blocks of vectors at lengths of their own, worked out by hand."""

import pytest
import torch

from recbole_drepmrec.nn import Representations, by_cosines
from recbole_drepmrec.nn.blocks import divided, lengths_of, lengths_of_items, multiplied

WEIGHTS = (1.0, 2.0)
USERS = torch.tensor([[3.0, 4.0, 0.0, 5.0]])
ITEMS = torch.tensor(
    [[4.0, 3.0, 7.0, 0.0], [0.0, 0.0, 0.0, 3.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
)


def test_each_block_has_its_length() -> None:
    lengths = lengths_of(Representations(USERS, ITEMS[:1]), WEIGHTS)
    torch.testing.assert_close(lengths.users, torch.tensor([[5.0, 2.5]]))
    expected = torch.tensor([[0.6, 0.8, 0.0, 2.0]])
    torch.testing.assert_close(divided(USERS, lengths.users), expected)
    torch.testing.assert_close(multiplied(expected, lengths.users), USERS)


def test_scores_are_weighed_cosines_and_a_level() -> None:
    """Item 1 is not known in the first block: the second counts 1 + 4 times. Item 3 is in none."""
    levels = torch.tensor([1.0, 2.0, 3.0, 4.0])
    users, items = by_cosines(Representations(USERS, ITEMS), WEIGHTS, levels, temperature=0.5)
    cosines = torch.tensor([[0.96, 0.0], [0.0, 1.0], [0.8, 0.0], [0.0, 0.0]])
    weights = torch.tensor([[1.0, 4.0], [0.0, 5.0], [1.0, 0.0], [0.0, 0.0]])
    expected = (cosines * weights).sum(1) + 0.5 * levels
    torch.testing.assert_close((users @ items.T)[0], expected)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.4)])
def test_what_is_zero_stays_zero(weights: tuple[float, ...]) -> None:
    zeros = torch.zeros(3, 4)
    lengths = lengths_of_items(zeros, weights)
    assert (lengths > 0).all()
    assert divided(zeros, lengths).eq(0).all()


def test_one_block_is_at_length_one() -> None:
    items = ITEMS[:3]
    found = divided(items, lengths_of_items(items, (1.0,)))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
