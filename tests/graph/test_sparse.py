"""Graph and its product: the numbers and gradients of the dense matrix."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec import fixed_shapes
from recbole_drepmrec.graph import Graph, SparseMatrix, products
from tests.fresh_memory import full_of_nan


def random_graph(n_rows: int, n_cols: int, n_edges: int, seed: int = 0) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, n_rows, (n_edges,), generator=generator)
    cols = torch.randint(0, n_cols, (n_edges,), generator=generator)
    return Graph(rows, cols, torch.randn(n_edges, generator=generator), (n_rows, n_cols))


def symmetric_graph(n: int, n_edges: int, seed: int = 0) -> Graph:
    half = random_graph(n, n, n_edges, seed)
    return Graph(
        torch.cat([half.rows, half.cols]),
        torch.cat([half.cols, half.rows]),
        torch.cat([half.weights, half.weights]),
        half.shape,
    )


def product_and_gradient(matrix: SparseMatrix | Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    product = matrix(x) if isinstance(matrix, SparseMatrix) else matrix @ x
    (product * torch.arange(product.numel()).view_as(product)).sum().backward()
    assert x.grad is not None
    return product.detach(), x.grad


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 30), st.integers(0, 1000))
def test_product_and_gradient_are_those_of_the_dense_matrix(
    n_rows: int, n_cols: int, n_edges: int, seed: int
) -> None:
    graph = random_graph(n_rows, n_cols, n_edges, seed)
    x = torch.randn(n_cols, 3, generator=torch.Generator().manual_seed(seed))
    given_ = product_and_gradient(SparseMatrix(graph), x)
    torch.testing.assert_close(given_, product_and_gradient(graph.to_dense(), x))


@pytest.mark.parametrize("n_edges", [0, 9])
@pytest.mark.parametrize("x", [torch.ones(4, 1), torch.ones(3, 4).T, torch.ones(4, 64)])
def test_a_product_reads_nothing_of_the_memory_that_it_is_written_to(
    n_edges: int, x: Tensor
) -> None:
    graph = random_graph(6, 4, n_edges)
    with full_of_nan():
        found = SparseMatrix(graph)(x)
    torch.testing.assert_close(found, graph.to_dense() @ x)


def test_products_without_mkl_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, x = SparseMatrix(random_graph(6, 4, 9)), torch.ones(4, 3)
    expected = product_and_gradient(matrix, x)
    monkeypatch.setattr(products, "_HAS_MKL", False)
    torch.testing.assert_close(product_and_gradient(matrix, x), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(0, 30), st.integers(0, 1000))
def test_symmetric_matrix_has_the_same_gradient_with_one_copy(
    n: int, n_edges: int, seed: int
) -> None:
    graph = symmetric_graph(n, n_edges, seed)
    matrix = SparseMatrix(graph, symmetric=True)
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        product_and_gradient(matrix, x), product_and_gradient(graph.to_dense(), x)
    )
    assert [name for name, _ in matrix.named_buffers()] == ["crow", "col", "values"]


def test_first_and_second_derivatives_pass_gradcheck() -> None:
    matrix = SparseMatrix(random_graph(4, 3, 7)).double()
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(matrix, (x,))
    assert torch.autograd.gradgradcheck(matrix, (x,))


def test_gradient_without_strides_is_accepted() -> None:
    graph = random_graph(4, 3, 7)
    x = torch.randn(2, 3).T.requires_grad_()  # column-major
    SparseMatrix(graph)(x).sum().backward()  # an expanded gradient
    torch.testing.assert_close(x.grad, graph.to_dense().T @ torch.ones(4, 2))


def test_mixed_precision_keeps_the_product_in_full_precision() -> None:
    graph, x = random_graph(4, 3, 7), torch.randn(3, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = SparseMatrix(graph)(x.bfloat16())
    torch.testing.assert_close(product, graph.to_dense() @ x.bfloat16().float())


def test_frozen_buffers_have_int32_indices_and_stay_out_of_the_checkpoint() -> None:
    matrix = SparseMatrix(random_graph(4, 3, 7))
    kinds = {name: buffer.dtype for name, buffer in matrix.named_buffers()}
    index = dict.fromkeys(["crow", "col", "crow_t", "col_t"], torch.int32)
    assert kinds == index | {"values": torch.float32, "values_t": torch.float32}
    assert all(buffer.layout == torch.strided for buffer in matrix.buffers())
    assert matrix.state_dict() == {}
    assert list(matrix.parameters()) == []


def test_a_deep_copy_gives_the_same_product() -> None:
    matrix, x = SparseMatrix(random_graph(4, 3, 7)), torch.randn(3, 2)
    assert torch.equal(copy.deepcopy(matrix)(x), matrix(x))


BETA_WARNING = """
import torch
from recbole_drepmrec.graph import Graph, SparseMatrix, products
ids = torch.tensor([0])
SparseMatrix(Graph(ids, ids, torch.ones(1), (1, 1)))(torch.ones(1, 1))
"""


def test_no_warning_about_beta_support_reaches_the_user() -> None:
    root = Path(__file__).parents[2]  # torch warns once a process, so only a new one can tell
    command = [sys.executable, "-W", "error:Sparse CSR:UserWarning", "-c", BETA_WARNING]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_representation_names_size_and_edges() -> None:
    graph = Graph(torch.tensor([0, 0]), torch.tensor([1, 1]), torch.ones(2), (2, 3))
    assert repr(SparseMatrix(graph)) == "SparseMatrix(2, 3, n_edges=1, symmetric=False)"


def test_asymmetric_matrix_is_refused_as_symmetric() -> None:
    one_way = Graph(torch.tensor([0]), torch.tensor([1]), torch.ones(1), (2, 2))
    uneven = Graph(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([1.0, 2.0]), (2, 2))
    oblong = Graph(torch.tensor([0]), torch.tensor([0]), torch.ones(1), (2, 3))
    for graph in (one_way, uneven, oblong):
        with pytest.raises(ValueError, match="differs from its transpose"):
            SparseMatrix(graph, symmetric=True)


def test_diagonal_is_that_of_the_dense_matrix() -> None:
    graph = random_graph(5, 5, 40)
    torch.testing.assert_close(SparseMatrix(graph).diagonal(), graph.to_dense().diagonal())
    with pytest.raises(ValueError, match="square"):
        SparseMatrix(random_graph(4, 3, 7)).diagonal()


def test_repeated_edges_add_up() -> None:
    graph = Graph(torch.tensor([1, 0, 1]), torch.tensor([2, 1, 2]), torch.ones(3), (2, 3))
    once = graph.coalesced()
    assert (once.rows.tolist(), once.cols.tolist()) == ([0, 1], [1, 2])
    assert once.weights.tolist() == [1.0, 2.0]
    assert graph.n_edges == 3
    assert graph.row_sums().tolist() == [1.0, 2.0]
    assert torch.equal(graph.transposed().to_dense(), graph.to_dense().T)


def test_the_order_of_repeated_edges_leaves_no_trace_in_their_sum() -> None:
    ids, weights = torch.tensor([0, 0, 0]), torch.tensor([1e8, 1.0, -1e8])
    assert Graph(ids, ids, weights, (1, 1)).coalesced().weights.tolist() == [1.0]


@pytest.mark.parametrize(
    ("rows", "cols", "weights", "message"),
    [
        ([0, 2], [0, 0], [1.0, 1.0], "row ids range from 0 to 2, expected 0 to 1"),
        ([0, 1], [0, -1], [1.0, 1.0], "column ids range from -1 to 0, expected 0 to 2"),
        ([0, 1], [0, 0], [1.0], "expected one length"),
        ([0.0], [0], [1.0], "row ids are torch.float32"),
        ([0], [0], [1], "expected torch.float32"),
    ],
)
def test_wrong_edges_are_refused(
    rows: list[int], cols: list[int], weights: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Graph(torch.tensor(rows), torch.tensor(cols), torch.tensor(weights), (2, 3))


def test_a_graph_of_learned_weights_has_the_gradients_of_the_dense_product() -> None:
    graph, x = random_graph(5, 4, 11), torch.randn(4, 3)
    results = []
    for dense in (False, True):
        weights, rows = graph.weights.clone().requires_grad_(), x.clone().requires_grad_()
        learned = Graph(graph.rows, graph.cols, weights, graph.shape)
        product = learned.to_dense() @ rows if dense else learned.product(rows)
        (product * torch.arange(15).view(5, 3)).sum().backward()
        results.append((product.detach(), weights.grad, rows.grad))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.lists(st.integers(0, 4), max_size=7), st.integers(0, 1000))
def test_edges_of_rows_are_those_of_the_dense_rows(
    n_edges: int, rows: list[int], seed: int
) -> None:
    """Rows in any order, none, some twice, some empty."""
    graph = random_graph(5, 6, n_edges, seed)
    wanted = torch.tensor(rows, dtype=torch.int64)
    places, cols, weights = SparseMatrix(graph).edges_of(wanted)
    dense = torch.zeros(len(rows), 6)
    dense[places, cols] = weights
    torch.testing.assert_close(dense, graph.to_dense()[wanted])
    assert len(places) == sum(graph.coalesced().rows.eq(row).sum() for row in rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 20), st.integers(0, 3), st.booleans())
def test_mean_of_powers_is_that_of_the_dense_matrix(
    n: int, n_edges: int, power: int, symmetric: bool
) -> None:
    graph = symmetric_graph(n, n_edges) if symmetric else random_graph(n, n, n_edges)
    matrix, dense = SparseMatrix(graph, symmetric), graph.to_dense()
    powers = torch.stack([torch.linalg.matrix_power(dense, p) for p in range(power + 1)])
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mean = matrix.mean_of_powers(x, power)
    expected = powers.mean(0) @ x
    torch.testing.assert_close(mean, expected)
    factors = torch.arange(3.0 * n).view(n, 3)
    (given_,) = torch.autograd.grad((mean * factors).sum(), x)
    torch.testing.assert_close(given_, torch.autograd.grad((expected * factors).sum(), x)[0])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 30), st.lists(st.integers(0, 4), max_size=7), st.booleans(), st.integers(0, 1000)
)
def test_some_rows_of_a_product_are_those_of_the_dense_one(
    n_edges: int, rows: list[int], on_gpu: bool, seed: int
) -> None:
    """Rows in any order, none, some twice; with the gradient, and in a GPU's shapes too."""
    graph = random_graph(5, 6, n_edges, seed)
    wanted = torch.tensor(rows, dtype=torch.int64)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    expected = (graph.to_dense() @ x)[wanted]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_shapes, "has_fixed_shapes", lambda device: on_gpu)
        found = SparseMatrix(graph).product_at(wanted, x)
    torch.testing.assert_close(found, expected)
    factors = torch.arange(3.0 * len(rows)).view(-1, 3)
    (gradient,) = torch.autograd.grad((found * factors).sum(), x)
    torch.testing.assert_close(gradient, torch.autograd.grad((expected * factors).sum(), x)[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20), st.integers(0, 3), st.booleans(), st.booleans())
def test_some_rows_of_mean_of_powers_are_those_of_all(
    n_edges: int, power: int, symmetric: bool, on_gpu: bool
) -> None:
    graph = symmetric_graph(5, n_edges) if symmetric else random_graph(5, 5, n_edges)
    matrix, rows = SparseMatrix(graph, symmetric), torch.tensor([3, 0, 4])
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    expected = (matrix.mean_of_powers(x, power)[rows], x[rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_shapes, "has_fixed_shapes", lambda device: on_gpu)
        found = matrix.mean_of_powers_at(rows, x, power)
    torch.testing.assert_close(found, expected)
    factors = (torch.arange(9.0).view(3, 3), -torch.arange(9.0).view(3, 3).square())
    for which in (slice(0, 1), slice(1, 2), slice(2)):
        gradients = [
            torch.autograd.grad(one[which], x, factors[which], retain_graph=True)[0]
            for one in (found, expected)
        ]
        torch.testing.assert_close(*gradients)


def test_mean_of_powers_has_second_derivatives() -> None:
    matrix = SparseMatrix(random_graph(4, 4, 9))
    x = torch.randn(4, 2, dtype=torch.float32).requires_grad_()
    (first,) = torch.autograd.grad(matrix.mean_of_powers(x, 2).pow(2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    mean = torch.stack([torch.linalg.matrix_power(matrix(torch.eye(4)), p) for p in range(3)]).mean(
        0
    )
    torch.testing.assert_close(second, (2 * mean.T @ mean @ torch.ones(4, 2)))


def test_a_matrix_touches_the_nodes_of_its_rows_and_columns() -> None:
    matrix = SparseMatrix(Graph(torch.tensor([1]), torch.tensor([2]), torch.ones(1), (4, 4)))
    touched = [matrix.touches(torch.arange(4) == node) for node in range(4)]
    assert touched == [False, True, True, False]
    assert not matrix.touches(torch.zeros(4, dtype=torch.bool))
