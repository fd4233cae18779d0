"""Sums of the exponentials of products, and their gradients, for losses made of a softmax."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

Parts = Sequence[tuple[int, int]]
"""How many rows and columns each part has, in their order; a row meets its part's columns only."""

LEAST_SUM = 1e-30
"""A smaller sum counts as this one: what is divided by it stays finite."""


class BiasedVectors(NamedTuple):
    """Vectors of items or users, n of them, and a number that is added to each one's products.

    Attributes:
        vectors: k, shape [n, d].
        biases: beta, such as how well an item is liked by all, shape [n]; minus infinity for one
            that is not there.
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
    gradients: BiasedVectors


def sums_of_exponentials(
    queries: Tensor,
    columns: BiasedVectors,
    own: Tensor,
    weights: Tensor,
    by_row: bool,
    parts: Parts | None = None,
    columns_move: bool = True,
) -> Sums:
    """Sum the exponentials of each row, without autograd. [ours]

    torch's cross entropy writes the matrix of logits x anew at each step of the way there and back.
    One matrix a part is enough here, because all gradients are made from exp(x), and parts of some
    hundred rows stay in a cache.

    Args:
        queries: q, shape [B, d].
        columns: k and beta.
        own: y, one logit more of each row, [B, 1]; minus infinity for none.
        weights: w, [B, 1].
        by_row: Take the greatest logit from each row, so that no sum is too large or too small.
            If not, the greatest beta or y of the part is taken from all, which is enough where q.k
            is at most some 40; rows more than about 65 below it then have no gradient.
        parts: How many rows and columns each part has; None for one part of all.
        columns_move: Whether gradients of the columns are asked for.

    Raises:
        ValueError: The parts have not as many rows and columns as there are.
    """
    parts = [(len(queries), len(columns.vectors))] if parts is None else parts
    covered = tuple(sum(sizes) for sizes in zip(*parts, strict=True))
    if covered != (len(queries), len(columns.vectors)):
        raise ValueError(
            f"the parts have {covered} rows and columns, expected {len(queries)} and "
            f"{len(columns.vectors)}"
        )
    fresh = torch.empty_like if columns_move else torch.zeros_like
    found = Sums(
        torch.empty_like(own),
        torch.empty_like(own),
        torch.empty_like(queries),
        BiasedVectors(*map(fresh, columns)),
    )
    for rows, cols in _slices(parts):
        vectors, biases = (one[cols] for one in columns)
        shift = torch.zeros_like(own[:1]) if by_row else _greatest(biases[None], own[rows].T)
        logits = torch.addmm(biases - shift, queries[rows], vectors.T)  # [B_p, N_p]
        if by_row:
            shift = _greatest(logits, own[rows])  # [B_p, 1]
            logits.sub_(shift)
        exponentials = logits.exp_()
        mine = (own[rows] - shift).exp_()
        sums = exponentials.sum(1, keepdim=True).add_(mine).clamp_(min=LEAST_SUM)
        torch.add(sums.log(), shift, out=found.logs[rows])
        torch.div(mine, sums, out=found.shares[rows])
        torch.mm(exponentials, vectors, out=found.means[rows]).div_(sums)
        if columns_move:
            shares = weights[rows] / sums
            torch.mm(exponentials.T, queries[rows] * shares, out=found.gradients.vectors[cols])
            torch.mv(exponentials.T, shares[:, 0], out=found.gradients.biases[cols])
    return found


def _slices(parts: Parts) -> Iterator[tuple[slice, slice]]:
    """The rows and columns of each part."""
    row, column = 0, 0
    for n_rows, n_columns in parts:
        yield slice(row, row + n_rows), slice(column, column + n_columns)
        row, column = row + n_rows, column + n_columns


def _greatest(logits: Tensor, own: Tensor) -> Tensor:
    """The greatest of each row of [B, N] and [B, K], a finite number, [B, 1]."""
    columns = [one.amax(1, keepdim=True) for one in (logits, own) if one.shape[1]]
    greatest = reduce(torch.maximum, columns, logits.new_full((len(logits), 1), -torch.inf))
    return greatest.clamp(min=torch.finfo(greatest.dtype).min)
