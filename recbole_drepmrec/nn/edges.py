"""Message passing over edges whose weights are learnt."""

from typing import Any

import torch
from torch import Tensor, nn

from recbole_drepmrec.graph import Graph, index_type, product_without_gradient, row_starts


class EdgeSet(nn.Module):
    """A fixed set of edges (r, c) between rows and columns, for weights that are learnt.

        sum_to_rows     y_r = sum_c w_rc x_c
        sum_to_columns  y_c = sum_r w_rc x_r
        dot             s_rc = <p_r, q_c>
        softmax         a_rc = exp(s_rc) / sum_k exp(s_rk)

    Gradients reach weights, scores and vectors. The sums are products with a sparse matrix whose
    pattern is frozen and whose values are the weights, and ``dot`` fills such a pattern; so no
    tensor of n_edges x d is made (ten times faster than gather and index_add on Baby's edges).
    On a CPU equal input gives equal output to the bit.

    Args:
        graph: The edges; their weights are not read, and an edge given twice counts once. Weights
            and scores of edges are in the order of its rows, then columns.

    Source: [ours].
    """

    rows: Tensor
    cols: Tensor
    crow: Tensor
    col: Tensor
    crow_t: Tensor
    col_t: Tensor
    by_column: Tensor

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        graph = graph.coalesced()
        self.shape = graph.shape
        order = torch.argsort(graph.cols, stable=True)  # by column, then row
        index = index_type(graph)
        buffers = {
            "rows": graph.rows,
            "cols": graph.cols,
            "crow": row_starts(graph.rows, graph.shape[0]).to(index),
            "col": graph.cols.to(index),
            "crow_t": row_starts(graph.cols, graph.shape[1]).to(index),
            "col_t": graph.rows[order].to(index),
            "by_column": order,
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.rows)

    def sum_to_rows(self, weights: Tensor, vectors: Tensor) -> Tensor:
        """Return the weighted sums over each row's columns, [n_rows, d].

        Args:
            weights: w, [n_edges].
            vectors: x of the columns, [n_cols, d].
        """
        return _call(_Sum, weights, vectors, self, False)

    def sum_to_columns(self, weights: Tensor, vectors: Tensor) -> Tensor:
        """Return the weighted sums over each column's rows, [n_cols, d].

        Args:
            weights: w, [n_edges].
            vectors: x of the rows, [n_rows, d].
        """
        return _call(_Sum, weights, vectors, self, True)

    def dot(self, of_rows: Tensor, of_columns: Tensor) -> Tensor:
        """Return the dot product of each edge's two ends, [n_edges].

        Args:
            of_rows: p, [n_rows, d].
            of_columns: q, [n_cols, d].
        """
        return _call(_Dot, of_rows, of_columns, self)

    def softmax(
        self, scores: Tensor, over_columns: bool = False, taken: Tensor | None = None
    ) -> Tensor:
        """Return the softmax over the edges of each row, or of each column, [n_edges].

        Args:
            scores: s, [n_edges].
            over_columns: Over the edges of a column, not of a row.
            taken: Edges that take part, bool [n_edges], None for all; the others get zero.
        """
        ends, n_ends = (self.cols, self.shape[1]) if over_columns else (self.rows, self.shape[0])
        if taken is not None:
            scores = scores.masked_fill(~taken, -torch.inf)
        highest = scores.new_full((n_ends,), -torch.inf)
        highest = highest.scatter_reduce(0, ends, scores.detach(), "amax")
        highest = highest.masked_fill(highest == -torch.inf, 0.0)  # an end without a taken edge
        exponentials = (scores - highest[ends]).exp()
        sums = scores.new_zeros(n_ends).index_add(0, ends, exponentials)
        return exponentials / sums.masked_fill(sums == 0, 1.0)[ends]

    def extra_repr(self) -> str:
        """Size, for ``print(model)``."""
        n_rows, n_cols = self.shape
        return f"{n_rows}, {n_cols}, n_edges={self.n_edges}"

    def matrix(self, weights: Tensor, transposed: bool = False) -> Tensor:
        """The edges as a sparse CSR matrix, [n_rows, n_cols], or its transpose.

        Args:
            weights: Values of the edges, [n_edges].
            transposed: Whether rows and columns change places.
        """
        n_rows, n_cols = self.shape
        if transposed:
            crow, col, shape = self.crow_t, self.col_t, (n_cols, n_rows)
            weights = weights[self.by_column]
        else:
            crow, col, shape = self.crow, self.col, (n_rows, n_cols)
        return torch.sparse_csr_tensor(crow, col, weights, shape, check_invariants=False)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, vectors: Tensor, edges: EdgeSet, to_columns: bool
    ) -> Tensor:
        ctx.save_for_backward(weights, vectors)
        ctx.edges, ctx.to_columns = edges, to_columns
        return product_without_gradient(edges.matrix(weights, to_columns), vectors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        weights, vectors = ctx.saved_tensors
        ends = (vectors, grads[0]) if ctx.to_columns else (grads[0], vectors)
        # through the same two functions, so that second derivatives work too
        of_weights = _call(_Dot, *ends, ctx.edges)
        of_vectors = _call(_Sum, weights, grads[0], ctx.edges, not ctx.to_columns)
        return of_weights, of_vectors, None, None


class _Dot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, of_rows: Tensor, of_columns: Tensor, edges: EdgeSet) -> Tensor:
        ctx.save_for_backward(of_rows, of_columns)
        ctx.edges = edges
        pattern = edges.matrix(of_rows.new_zeros(edges.n_edges))
        dense = of_rows.contiguous(), of_columns.contiguous().T
        filled: Tensor = torch.sparse.sampled_addmm(pattern, *dense, beta=0.0)
        return filled.values()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        of_rows, of_columns = ctx.saved_tensors
        for_rows = _call(_Sum, grads[0], of_columns, ctx.edges, False)
        for_columns = _call(_Sum, grads[0], of_rows, ctx.edges, True)
        return for_rows, for_columns, None


def _call(function: Any, one: Tensor, other: Tensor, *rest: Any) -> Tensor:
    """Apply in full precision: sparse kernels exist in no other, whatever autocast is on."""
    with torch.autocast(one.device.type, enabled=False):
        kind = torch.promote_types(torch.promote_types(one.dtype, other.dtype), torch.float32)
        result: Tensor = function.apply(one.to(kind), other.to(kind).contiguous(), *rest)
    return result
