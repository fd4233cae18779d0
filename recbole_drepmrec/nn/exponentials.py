"""Sums of the exponentials of products, and their gradients, for losses made of a softmax."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Parts = Sequence[tuple[int, int]]
"""How many rows and columns each part has, in their order; a row meets its part's columns only."""


class Columns(NamedTuple):
    """What rows are multiplied with, N of them.

    Attributes:
        vectors: k, shape [N, d].
        biases: beta, shape [N, 1]; minus infinity for one that is not there.
    """

    vectors: Tensor
    biases: Tensor


class Sums(NamedTuple):
    """Sums s_b = exp(y_b) + sum_j exp(x_bj) with x_bj = q_b.k_j + beta_j, B of them.

    Attributes:
        logs: log s_b, [B, 1].
        shares: exp(y_b) / s_b, [B, 1].
        means: d(log s_b) / dq_b = sum_j exp(x_bj) k_j / s_b, [B, d].
        gradients: d(sum_b w_b log s_b) / dk_j and / dbeta_j; zero if not asked for.
    """

    logs: Tensor
    shares: Tensor
    means: Tensor
    gradients: Columns


def sums_of_exponentials(
    queries: Tensor,
    columns: Columns,
    own: Tensor,
    weights: Tensor,
    highest: Tensor | None,
    parts: Parts | None = None,
    columns_move: bool = True,
) -> Sums:
    """Sum the exponentials of each row, without autograd. [ours]

    torch's cross entropy writes the matrix X anew at each step of the way there and back. One
    matrix a part is enough here, because all gradients are made from exp(X), and parts of some
    hundred rows stay in a cache.

    Args:
        queries: q, shape [B, d].
        columns: k and beta.
        own: y, one exponent more of each row, [B, 1]; minus infinity for none.
        weights: w, [B, 1].
        highest: What is taken from all exponents so that no sum is too large, a scalar; None for
            the greatest exponent of each row.
        parts: How many rows and columns each part has; None for one part of all.
        columns_move: Whether gradients of the columns are asked for.
    """
    found = Sums(
        torch.empty_like(own),
        torch.empty_like(own),
        torch.empty_like(queries),
        Columns(*map(torch.zeros_like, columns)),
    )
    levels = columns.biases if highest is None else columns.biases - highest
    for rows, cols in _slices(parts or [(len(queries), len(levels))]):
        vectors = columns.vectors[cols]  # [N_p, d]
        exponentials = torch.addmm(levels[cols].T, queries[rows], vectors.T)  # [B_p, N_p]
        taken = highest
        if taken is None:
            taken = _greatest(exponentials, own[rows])
            exponentials.sub_(taken)
        exponentials.exp_()
        mine = (own[rows] - taken).exp_()
        sums = exponentials.sum(1, keepdim=True).add_(mine)
        sums.clamp_(min=torch.finfo(sums.dtype).tiny)
        torch.add(sums.log(), taken, out=found.logs[rows])
        torch.div(mine, sums, out=found.shares[rows])
        torch.mm(exponentials, vectors, out=found.means[rows]).div_(sums)
        if columns_move:
            shares = weights[rows] / sums
            torch.mm(exponentials.T, queries[rows] * shares, out=found.gradients.vectors[cols])
            torch.mm(exponentials.T, shares, out=found.gradients.biases[cols])
    return found


def _slices(parts: Parts) -> Iterator[tuple[slice, slice]]:
    """The rows and columns of each part."""
    row, column = 0, 0
    for n_rows, n_columns in parts:
        yield slice(row, row + n_rows), slice(column, column + n_columns)
        row, column = row + n_rows, column + n_columns


def _greatest(exponents: Tensor, own: Tensor) -> Tensor:
    """The greatest exponent of each row, finite, [B, 1]."""
    greatest = own if exponents.shape[1] == 0 else torch.maximum(own, exponents.amax(1, True))
    return greatest.clamp(min=torch.finfo(greatest.dtype).min)
