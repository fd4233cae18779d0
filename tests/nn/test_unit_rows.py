"""Rows of length one, and gradients through them, as torch's own normalisation has them."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_drepmrec.nn.unit_rows import UnitRows, unit_length


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(1, 4), st.integers(0, 1000))
def test_rows_and_gradients_are_those_of_autograd(n: int, d: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(n, d, generator=generator, dtype=torch.float64).requires_grad_()
    of_rows = torch.randn(n, d, generator=generator, dtype=torch.float64)
    unit = UnitRows.of(vectors)
    expected = F.normalize(vectors, dim=-1)
    torch.testing.assert_close(unit.rows, expected.detach())
    (gradient,) = torch.autograd.grad(expected, vectors, of_rows)
    torch.testing.assert_close(unit.gradient(of_rows), gradient)
    (asked_for,) = torch.autograd.grad(unit_length(vectors), vectors, of_rows)
    torch.testing.assert_close(asked_for, gradient)


def test_by_hand() -> None:
    unit = UnitRows.of(torch.tensor([[3.0, 4.0]]))
    torch.testing.assert_close(unit.rows, torch.tensor([[0.6, 0.8]]))
    # (1, 0) less its share of .6 along (.6, .8), over 5
    gradient = unit.gradient(torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(gradient, torch.tensor([[0.128, -0.096]]))


def test_a_zero_row_stays_zero_and_has_no_gradient() -> None:
    unit = UnitRows.of(torch.zeros(1, 2))
    assert unit.rows.tolist() == [[0, 0]]
    assert unit.gradient(torch.ones(1, 2)).tolist() == [[0, 0]]
    table = torch.zeros(1, 2, requires_grad=True)
    unit_length(table).sum().backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types_become_float32(dtype: torch.dtype) -> None:
    assert UnitRows.of(torch.ones(1, 4, dtype=dtype)).rows.dtype == torch.float32
    table = torch.ones(1, 4, dtype=dtype, requires_grad=True)
    rows = unit_length(table)
    assert rows.dtype == torch.float32
    rows[0, 0].backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[0.375, -0.125, -0.125, -0.125]]  # exact in both types
