"""Sums of exponentials against torch's own, and their gradients against autograd."""

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.nn.exponentials import Columns, sums_of_exponentials

PARTS = ((2, 3), (3, 1), (1, 0))
ROWS, COLUMNS = [0, 0, 1, 1, 1, 2], [0, 0, 0, 1]
"""The part of each row and column."""


def random_input() -> list[Tensor]:
    """q, k, beta, y and w."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 2), (4, 2), (4, 1), (6, 1), (6, 1))
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]


@pytest.mark.parametrize("highest", [None, 0.0, 3.0])
def test_sums_and_gradients_are_those_of_autograd(highest: float | None) -> None:
    """Whatever is taken from the exponents; a part without columns has its own exponent only."""
    q, k, beta, y, w = random_input()
    other_part = torch.tensor(ROWS).unsqueeze(1) != torch.tensor(COLUMNS)
    exponents = (q @ k.T + beta.T).masked_fill(other_part, -torch.inf)
    expected = torch.cat([exponents, y], dim=1).logsumexp(1, keepdim=True)
    taken = None if highest is None else torch.tensor(highest, dtype=torch.float64)
    with torch.no_grad():
        found = sums_of_exponentials(q, Columns(k, beta), y, w, taken, PARTS)
    torch.testing.assert_close(found.logs, expected)
    means, shares = torch.autograd.grad(expected.sum(), (q, y), retain_graph=True)
    torch.testing.assert_close((found.means, found.shares), (means, shares))
    of_columns = torch.autograd.grad((w.detach() * expected).sum(), (k, beta))
    torch.testing.assert_close(tuple(found.gradients), of_columns)


def test_gradients_of_columns_that_do_not_move_are_zero() -> None:
    q, k, beta, y, w = (one.detach() for one in random_input())
    found = sums_of_exponentials(q, Columns(k, beta), y, w, None, PARTS, columns_move=False)
    assert not any(one.any() for one in found.gradients)


def test_a_row_of_nothing_but_minus_infinity_is_finite() -> None:
    nothing = torch.full((1, 1), -torch.inf)
    found = sums_of_exponentials(
        torch.ones(1, 2), Columns(torch.ones(1, 2), nothing), nothing, torch.ones(1, 1), None
    )
    assert found.means.tolist() == [[0.0, 0.0]]
    assert found.logs.isfinite().all()
