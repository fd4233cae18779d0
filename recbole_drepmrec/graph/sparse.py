"""Sparse matrices and their products with dense representations."""

import warnings
from dataclasses import dataclass

import torch
from scipy.sparse import csc_matrix, csr_matrix
from torch import Tensor, nn

from recbole_drepmrec import fixed_shapes
from recbole_drepmrec.graph.products import (
    BothWays,
    mean_of_powers,
    mean_of_powers_at,
    product,
)

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Graph:
    """Weighted edges, w[rows[e], cols[e]] = weights[e]; repeated edges add up.

    Frozen graphs are made on the host. One of learned weights lies where they do, and its sums and
    products are differentiable in the weights.

    Args:
        rows: Row ids, int64 [nnz].
        cols: Column ids, int64 [nnz].
        weights: Edge weights, float32 [nnz].
        shape: Number of rows and of columns.

    Raises:
        ValueError: Wrong dtype, lengths that differ, or an id outside the shape.
    """

    rows: Tensor
    cols: Tensor
    weights: Tensor
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        """Check the edges once, so that nobody after needs to."""
        _check_ids("row", self.rows, self.shape[0])
        _check_ids("column", self.cols, self.shape[1])
        if self.weights.dtype != torch.float32:
            raise ValueError(f"edge weights are {self.weights.dtype}, expected torch.float32")
        if not self.rows.shape == self.cols.shape == self.weights.shape:
            sizes = [tuple(part.shape) for part in (self.rows, self.cols, self.weights)]
            raise ValueError(f"rows, cols and weights have shapes {sizes}, expected one length")

    @property
    def n_edges(self) -> int:
        """Number of stored edges, repeated ones included."""
        return self.rows.numel()

    def transposed(self) -> "Graph":
        """The same edges from column to row."""
        return Graph(self.cols, self.rows, self.weights, (self.shape[1], self.shape[0]))

    def coalesced(self) -> "Graph":
        """Edges ordered by row, then column, with repeated ones summed into one."""
        n_cols = max(self.shape[1], 1)
        keys, edge = torch.unique(self.rows * n_cols + self.cols, return_inverse=True)
        # float64, so that the order of repeated edges leaves no trace in the sum
        sums = torch.zeros(keys.numel(), dtype=torch.float64, device=keys.device)
        weights = sums.index_add_(0, edge, self.weights.double()).float()
        return Graph(keys // n_cols, keys % n_cols, weights, self.shape)

    def among(self, kept: Tensor) -> "Graph":
        """The edges of a square graph with both ends among the kept rows, bool [n]."""
        return self.select(kept[self.rows] & kept[self.cols])

    def select(self, edges: Tensor) -> "Graph":
        """The edges of a mask, bool [nnz], or of a list of their places, int64."""
        return Graph(self.rows[edges], self.cols[edges], self.weights[edges], self.shape)

    def to_columns(self, kept: Tensor) -> "Graph":
        """The edges to the kept columns, bool [n_cols]."""
        there = kept[self.cols]
        return Graph(self.rows[there], self.cols[there], self.weights[there], self.shape)

    def row_sums(self) -> Tensor:
        """Sum of the weights in each row, float32 [n_rows]."""
        sums = torch.zeros(self.shape[0], dtype=torch.float64, device=self.rows.device)
        return sums.index_add_(0, self.rows, self.weights.double()).float()

    def product(self, x: Tensor) -> Tensor:
        """Return A x, [n_rows, d], for x [n_cols, d], with gradients of the weights too.

        ``SparseMatrix`` is the faster one where the weights are frozen.
        """
        messages = self.weights.unsqueeze(1) * x[self.cols]  # [nnz, d]
        return messages.new_zeros(self.shape[0], x.shape[1]).index_add(0, self.rows, messages)

    def to_dense(self) -> Tensor:
        """The whole matrix, float32 [n_rows, n_cols]; for tests and small graphs."""
        dense = torch.zeros(self.shape, device=self.rows.device)
        return dense.index_put_((self.rows, self.cols), self.weights, accumulate=True)


class SparseMatrix(nn.Module):
    """Product with a frozen sparse matrix, y = A x and dL/dx = Aᵀ dL/dy.

    CSR with int32 indices, and a backward of our own that reuses a symmetric matrix, take less than
    half the time of the COO product and of torch's own CSR gradient.

    Args:
        graph: The edges of A.
        symmetric: A = Aᵀ, so that no second matrix is stored for the backward.

    Raises:
        ValueError: ``symmetric`` was asked for a matrix that is not.

    Source: [ours].
    """

    crow: Tensor
    col: Tensor
    values: Tensor

    def __init__(self, graph: Graph, symmetric: bool = False) -> None:
        """Store A, and Aᵀ where it is another matrix."""
        super().__init__()
        graph = graph.coalesced()
        transpose = graph.transposed().coalesced()
        if symmetric:
            _check_symmetric(graph, transpose)
        self.shape = graph.shape
        self.symmetric = symmetric
        self._register("", graph)
        if not symmetric:
            self._register("_t", transpose)

    def forward(self, x: Tensor) -> Tensor:
        """Return A x, [n_rows, d], for x [n_cols, d]."""
        # sparse kernels exist in full precision only: mixed precision must not cast A
        with torch.autocast(x.device.type, enabled=False):
            return product(x.to(self.values.dtype), self._both_ways())

    def mean_of_powers(self, x: Tensor, n: int) -> Tensor:
        """Return (x + A x + ... + A^n x) / (n + 1), [n_rows, d], for a square A.

        Args:
            x: Shape [n_rows, d].
            n: The highest power, zero or more.
        """
        if n == 0:
            return x
        with torch.autocast(x.device.type, enabled=False):
            return mean_of_powers(x.to(self.values.dtype), self._both_ways(), n)

    def product_at(self, rows: Tensor, x: Tensor) -> Tensor:
        """Return some rows of A x, [B, d], on a CPU at a cost of their entries only.

        Args:
            rows: Row ids, [B].
            x: Shape [n_cols, d].
        """
        if fixed_shapes.has_fixed_shapes(x.device):
            whole: Tensor = self(x)
            return whole[rows]
        with torch.autocast(x.device.type, enabled=False):
            return product(x.to(self.values.dtype), self._both_ways_of(rows))

    def mean_of_powers_at(self, rows: Tensor, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Return some rows of ``mean_of_powers`` and of x itself, the last product of these only.

        Args:
            rows: Row ids, [B].
            x: Shape [n_rows, d].
            n: The highest power, zero or more.

        Returns:
            Each [B, d]. Both at once, so that their gradients fill one table of all rows.
        """
        if n == 0 or fixed_shapes.has_fixed_shapes(x.device):
            return self.mean_of_powers(x, n)[rows], x[rows]
        with torch.autocast(x.device.type, enabled=False):
            some = self._both_ways_of(rows)
            return mean_of_powers_at(rows, x.to(self.values.dtype), self._both_ways(), some, n)

    def edges_of(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The entries of some rows, at a cost of their number only.

        Args:
            rows: Row ids, [B]; one may stand there more than once.

        Returns:
            The place b in ``rows``, the column and the weight of each entry, [nnz of the rows].
        """
        first = self.crow[rows].long()  # [B]
        counts = self.crow[rows + 1].long() - first
        places = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)
        before = counts.cumsum(0) - counts  # entries of the rows before
        entries = torch.arange(len(places), device=rows.device) + (first - before)[places]
        return places, self.col[entries].long(), self.values[entries]

    def touches(self, nodes: Tensor) -> bool:
        """Whether a square matrix has an entry in a row or column of these nodes.

        Args:
            nodes: Bool [n].
        """
        return bool(nodes[self.col.long()].any() or self.crow.diff()[nodes].any())

    def diagonal(self) -> Tensor:
        """The entries A[i, i] of a square matrix, float32 [n]."""
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"only a square matrix has a diagonal, this one is {self.shape}")
        rows, cols, values = self.edges_of(torch.arange(self.shape[0], device=self.col.device))
        loops = rows == cols
        return self.values.new_zeros(self.shape[0]).index_add_(0, rows[loops], values[loops])

    def extra_repr(self) -> str:
        """Size of the matrix, for ``print(model)``."""
        n_rows, n_cols = self.shape
        return f"{n_rows}, {n_cols}, n_edges={self.values.numel()}, symmetric={self.symmetric}"

    def _register(self, suffix: str, graph: Graph) -> None:
        # dense buffers, because sparse ones break deepcopy and DistributedDataParallel
        index = index_type(graph)
        starts = row_starts(graph.rows, graph.shape[0])
        self.register_buffer(f"crow{suffix}", starts.to(index), persistent=False)
        self.register_buffer(f"col{suffix}", graph.cols.to(index), persistent=False)
        self.register_buffer(f"values{suffix}", graph.weights.detach(), persistent=False)

    def _both_ways(self) -> BothWays:
        matrix = self._csr("", self.shape)
        return BothWays(matrix, matrix if self.symmetric else self._csr("_t", self.shape[::-1]))

    def _both_ways_of(self, rows: Tensor) -> BothWays:
        """Some rows of A as a matrix [B, n_cols], and its transpose; on a CPU."""
        parts = (self.values.numpy(), self.col.numpy(), self.crow.numpy())
        some = csr_matrix(parts, self.shape)[rows.numpy()]
        turned = some.tocsc()  # whose columns are the rows of the transpose
        return BothWays(_as_torch(some, some.shape), _as_torch(turned, some.shape[::-1]))

    def _csr(self, suffix: str, shape: tuple[int, int]) -> Tensor:
        crow, col = self.get_buffer(f"crow{suffix}"), self.get_buffer(f"col{suffix}")
        values = self.get_buffer(f"values{suffix}")
        return torch.sparse_csr_tensor(crow, col, values, shape, check_invariants=False)


def _as_torch(matrix: csr_matrix | csc_matrix, shape: tuple[int, int]) -> Tensor:
    crow, col, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    return torch.sparse_csr_tensor(crow, col, values, shape, check_invariants=False)


def index_type(graph: Graph) -> torch.dtype:
    """int32 where all ids and places of edges fit, which makes products faster, else int64."""
    return torch.int32 if max(graph.n_edges, *graph.shape) <= _INT32_MAX else torch.int64


def row_starts(rows: Tensor, n_rows: int) -> Tensor:
    """Where each row's edges begin in a CSR matrix, and where the last one's end, [n_rows + 1].

    Args:
        rows: Row id of each edge, in any order, [nnz].
        n_rows: Number of rows.
    """
    starts = torch.zeros(n_rows + 1, dtype=torch.int64, device=rows.device)
    starts[1:] = torch.bincount(rows, minlength=n_rows).cumsum(0)
    return starts


def _check_ids(name: str, ids: Tensor, size: int) -> None:
    if ids.dtype != torch.int64 or ids.dim() != 1:
        raise ValueError(f"{name} ids are {ids.dtype} {tuple(ids.shape)}, expected int64 [nnz]")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < size:
        raise ValueError(
            f"{name} ids range from {int(ids.min())} to {int(ids.max())}, expected 0 to {size - 1}"
        )


def _check_symmetric(graph: Graph, transpose: Graph) -> None:
    same_edges = (
        graph.shape == transpose.shape
        and torch.equal(graph.rows, transpose.rows)
        and torch.equal(graph.cols, transpose.cols)
    )
    if not (same_edges and torch.allclose(graph.weights, transpose.weights)):
        raise ValueError(f"symmetric=True, but the {graph.shape} matrix differs from its transpose")


def _spend_beta_warning() -> None:
    # torch warns at the first CSR tensor of a process only: let that one be here
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        torch.sparse_csr_tensor([0, 0], [], [], size=(1, 1), check_invariants=False)


_spend_beta_warning()
