"""Edges with learnt weights: the numbers and gradients of the dense matrix."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec.graph import Graph
from recbole_drepmrec.nn import EdgeSet
from tests.fresh_memory import full_of_nan


def graph(rows: list[int], cols: list[int], shape: tuple[int, int]) -> Graph:
    return Graph(torch.tensor(rows), torch.tensor(cols), torch.ones(len(rows)), shape)


def random_edges(n_rows: int, n_cols: int, n_edges: int, seed: int) -> EdgeSet:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, n_rows, (n_edges,), generator=generator)
    cols = torch.randint(0, n_cols, (n_edges,), generator=generator)
    return EdgeSet(Graph(rows, cols, torch.ones(n_edges), (n_rows, n_cols)))


def dense(edges: EdgeSet, values: Tensor) -> Tensor:
    return torch.zeros(edges.shape, dtype=values.dtype).index_put((edges.rows, edges.cols), values)


def gradients(output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    scaled = output * torch.arange(1.0, output.numel() + 1).view_as(output)
    return torch.autograd.grad(scaled.sum(), inputs)


SIZES = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(0, 25), st.integers(0, 999))


@settings(max_examples=40, deadline=None)
@given(SIZES)
def test_sums_and_gradients_are_those_of_the_dense_matrix(sizes: tuple[int, ...]) -> None:
    edges = random_edges(*sizes)
    weights = torch.randn(edges.n_edges, requires_grad=True)
    of_rows = torch.randn(edges.shape[0], 3, requires_grad=True)
    of_cols = torch.randn(edges.shape[1], 3, requires_grad=True)
    for ours, expected, x in (
        (edges.sum_to_rows(weights, of_cols), dense(edges, weights) @ of_cols, of_cols),
        (edges.sum_to_columns(weights, of_rows), dense(edges, weights).T @ of_rows, of_rows),
    ):
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradients(ours, weights, x), gradients(expected, weights, x))


@settings(max_examples=40, deadline=None)
@given(SIZES)
def test_dot_products_and_gradients_are_those_of_the_dense_matrix(sizes: tuple[int, ...]) -> None:
    edges = random_edges(*sizes)
    p = torch.randn(edges.shape[0], 3, requires_grad=True)
    q = torch.randn(edges.shape[1], 3, requires_grad=True)
    ours, expected = edges.dot(p, q), (p @ q.T)[edges.rows, edges.cols]
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, p, q), gradients(expected, p, q))


@settings(max_examples=40, deadline=None)
@given(SIZES, st.booleans())
def test_softmax_and_gradient_are_those_of_the_dense_matrix(
    sizes: tuple[int, ...], over_columns: bool
) -> None:
    edges = random_edges(*sizes)
    scores = torch.randn(edges.n_edges, requires_grad=True)
    matrix = torch.full(edges.shape, -torch.inf).index_put((edges.rows, edges.cols), scores)
    expected = matrix.softmax(0 if over_columns else 1)[edges.rows, edges.cols]
    ours = edges.softmax(scores, over_columns)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, scores), gradients(expected, scores))


@pytest.mark.parametrize("n_edges", [0, 9])
def test_sums_read_nothing_of_the_memory_that_they_are_written_to(n_edges: int) -> None:
    edges = random_edges(6, 4, n_edges, 0)
    weights = torch.ones(edges.n_edges)
    with full_of_nan():
        to_rows = edges.sum_to_rows(weights, torch.ones(4, 3))
        to_columns = edges.sum_to_columns(weights, torch.ones(6, 3))
    matrix = dense(edges, weights)
    torch.testing.assert_close(to_rows, matrix @ torch.ones(4, 3))
    torch.testing.assert_close(to_columns, matrix.T @ torch.ones(6, 3))


def test_softmax_by_hand_leaves_out_the_edges_not_taken() -> None:
    edges = EdgeSet(graph([0, 0, 0, 1], [0, 1, 2, 0], (3, 3)))
    scores = torch.tensor([0.0, 3.0, 500.0, 7.0], requires_grad=True)
    taken = torch.tensor([True, True, False, False])
    weights = edges.softmax(scores, taken=taken)
    assert weights.tolist() == pytest.approx([0.0474259, 0.9525741, 0, 0])
    (gradient,) = torch.autograd.grad(weights[0], scores)
    assert gradient.tolist() == pytest.approx([0.0451767, -0.0451767, 0, 0])


def test_softmax_of_large_scores_does_not_overflow() -> None:
    edges = EdgeSet(graph([0, 0], [0, 1], (1, 2)))
    assert edges.softmax(torch.tensor([1000.0, 1000.0])).tolist() == [0.5, 0.5]


def test_first_and_second_derivatives_pass_gradcheck() -> None:
    edges = random_edges(4, 3, 7, seed=1)
    weights = torch.randn(edges.n_edges, dtype=torch.float64, requires_grad=True)
    p = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    q = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    for function, inputs in (
        (edges.sum_to_rows, (weights, q)),
        (edges.sum_to_columns, (weights, p)),
        (edges.dot, (p, q)),
        (edges.softmax, (weights,)),
    ):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_an_edge_given_twice_counts_once() -> None:
    edges = EdgeSet(graph([1, 0, 1], [0, 1, 0], (2, 2)))
    assert (edges.rows.tolist(), edges.cols.tolist()) == ([0, 1], [1, 0])
    assert repr(edges) == "EdgeSet(2, 2, n_edges=2)"


def test_vectors_and_gradients_of_any_strides_are_accepted() -> None:
    edges = random_edges(4, 3, 7, seed=2)
    x = torch.randn(2, 3).T.requires_grad_()  # column-major
    weights = torch.ones(edges.n_edges, requires_grad=True)
    edges.sum_to_rows(weights, x).sum().backward()  # an expanded gradient
    torch.testing.assert_close(x.grad, dense(edges, torch.ones(edges.n_edges)).T @ torch.ones(4, 2))
    assert weights.grad is not None
    torch.testing.assert_close(weights.grad, x.detach().sum(1)[edges.cols])


def test_mixed_precision_keeps_the_sums_in_full_precision() -> None:
    edges, x = random_edges(4, 3, 7, seed=3), torch.randn(3, 2)
    weights = torch.rand(edges.n_edges)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sums = edges.sum_to_rows(weights.bfloat16(), x.bfloat16())
    assert sums.dtype == torch.float32
    expected = dense(edges, weights.bfloat16().float()) @ x.bfloat16().float()
    torch.testing.assert_close(sums, expected)


def test_frozen_buffers_stay_out_of_the_checkpoint_and_are_copied() -> None:
    edges = random_edges(4, 3, 7, seed=4)
    assert edges.state_dict() == {}
    assert list(edges.parameters()) == []
    weights, x = torch.rand(edges.n_edges), torch.randn(3, 2)
    assert torch.equal(copy.deepcopy(edges).sum_to_rows(weights, x), edges.sum_to_rows(weights, x))


def test_equal_input_gives_equal_output_to_the_bit() -> None:
    edges = random_edges(50, 40, 900, seed=5)
    weights = torch.rand(edges.n_edges, requires_grad=True)
    x = torch.randn(40, 8, requires_grad=True)

    def step() -> tuple[Tensor, ...]:
        sums = edges.sum_to_rows(edges.softmax(weights), x)
        return sums, *gradients(sums, weights, x)

    assert all(torch.equal(a, b) for a, b in zip(step(), step(), strict=True))
