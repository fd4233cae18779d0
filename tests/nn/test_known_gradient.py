"""Gradients that are given, not derived."""

import pytest
import torch

from recbole_drepmrec.nn.known_gradient import with_gradients


def test_value_and_gradients_are_those_given_times_what_comes_back() -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
    value = with_gradients(
        torch.tensor(7.0), (a, torch.tensor([1.0, 2.0])), (b, torch.tensor([5.0]))
    )
    assert value.item() == 7
    (3 * value).backward()
    assert a.grad is not None
    assert a.grad.tolist() == [3, 6]
    assert b.grad is not None
    assert b.grad.tolist() == [15]


def test_what_needs_no_gradient_gets_none() -> None:
    a, b = torch.ones(1), torch.ones(1, requires_grad=True)
    with_gradients(torch.tensor(0.0), (a, torch.ones(1)), (b, torch.ones(1))).backward()
    assert a.grad is None
    assert b.grad is not None


def test_a_second_derivative_is_refused() -> None:
    a = torch.ones(1, requires_grad=True)
    value = with_gradients(torch.tensor(0.0), (a, torch.ones(1)))
    (first,) = torch.autograd.grad(value * a.sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
