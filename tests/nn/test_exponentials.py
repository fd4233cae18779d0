"""Sums of exponentials against torch's own, and their gradients against autograd."""

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.nn.exponentials import BiasedVectors, sums_of_exponentials

PARTS = ((2, 3), (3, 1), (1, 0))
ROWS, COLUMNS = [0, 0, 1, 1, 1, 2], [0, 0, 0, 1]
"""The part of each row and column."""


def random_input() -> list[Tensor]:
    """q, k, beta, y and w."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 2), (4, 2), (4,), (6, 1), (6, 1))
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]


@pytest.mark.parametrize("by_row", [True, False])
def test_sums_and_gradients_are_those_of_autograd(by_row: bool) -> None:
    """Whatever is taken from the logits; a part without columns has its own logit only."""
    q, k, beta, y, w = random_input()
    other_part = torch.tensor(ROWS).unsqueeze(1) != torch.tensor(COLUMNS)
    logits = (q @ k.T + beta).masked_fill(other_part, -torch.inf)
    expected = torch.cat([logits, y], dim=1).logsumexp(1, keepdim=True)
    with torch.no_grad():
        found = sums_of_exponentials(q, BiasedVectors(k, beta), y, w, by_row, PARTS)
    torch.testing.assert_close(found.logs, expected)
    means, shares = torch.autograd.grad(expected.sum(), (q, y), retain_graph=True)
    torch.testing.assert_close((found.means, found.shares), (means, shares))
    of_columns = torch.autograd.grad((w.detach() * expected).sum(), (k, beta))
    torch.testing.assert_close(tuple(found.gradients), of_columns)


def test_gradients_of_columns_that_do_not_move_are_zero() -> None:
    q, k, beta, y, w = (one.detach() for one in random_input())
    found = sums_of_exponentials(q, BiasedVectors(k, beta), y, w, True, PARTS, columns_move=False)
    assert not any(one.any() for one in found.gradients)


@pytest.mark.parametrize("by_row", [True, False])
def test_a_row_of_nothing_but_minus_infinity_is_finite(by_row: bool) -> None:
    nothing = torch.full((1, 1), -torch.inf)
    columns = BiasedVectors(torch.ones(1, 2), nothing[0])
    found = sums_of_exponentials(torch.ones(1, 2), columns, nothing, torch.ones(1, 1), by_row)
    assert found.means.tolist() == [[0.0, 0.0]]
    assert found.logs.isfinite().all()


@pytest.mark.parametrize("by_row", [True, False])
def test_what_is_large_in_one_part_leaves_the_others_alone(by_row: bool) -> None:
    """Of two parts in float32, as each by itself."""
    q, k, _, y, w = (one.detach().float() for one in random_input())
    beta = torch.tensor([0.0, 0.5, -0.5, 200.0])
    both = sums_of_exponentials(q, BiasedVectors(k, beta), y, w, by_row, [(3, 3), (3, 1)])
    alone = sums_of_exponentials(q[:3], BiasedVectors(k[:3], beta[:3]), y[:3], w[:3], by_row)
    torch.testing.assert_close(both.logs[:3], alone.logs)
    torch.testing.assert_close(both.means[:3], alone.means)
    torch.testing.assert_close(both.gradients.vectors[:3], alone.gradients.vectors)


@pytest.mark.parametrize("parts", [[], [(6, 3)], [(2, 4), (5, 0)]])
def test_parts_that_leave_something_out_are_refused(parts: list[tuple[int, int]]) -> None:
    q, k, beta, y, w = (one.detach() for one in random_input())
    with pytest.raises(ValueError, match="expected 6 and 4"):
        sums_of_exponentials(q, BiasedVectors(k, beta), y, w, True, parts)
