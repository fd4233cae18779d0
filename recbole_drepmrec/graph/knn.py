"""Relation graphs: exact k nearest neighbours, found in blocks of rows."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor
from tqdm import tqdm

from recbole_drepmrec.graph.sparse import Graph
from recbole_drepmrec.terminal import is_watched

BLOCK_BYTES = 128 * 2**20
"""Of the scores or vectors that are alive at a time."""

LARGEST_COUNT = 2**24
"""Terms of R Rᵀ that are summed at a time."""

Edges = tuple[Tensor, Tensor, Tensor]
"""Rows, columns and weights, [nnz] each."""

_LONG_WORK = 20  # blocks; shorter work needs no progress bar


def blocks(n: int, size: int, description: str) -> Iterator[tuple[int, int]]:
    """Start and stop of each block of rows, with a progress bar where many are watched.

    Args:
        n: Number of rows.
        size: Rows of a block; below one is one.
        description: Label of the progress bar.
    """
    starts = range(0, n, max(1, size))
    hide = len(starts) <= _LONG_WORK or not is_watched()
    for start in tqdm(starts, desc=description, disable=hide, leave=False):
        yield start, min(start + starts.step, n)


def cooccurrence_knn(interactions: Graph, k: int, block_rows: int | None = None) -> Graph:
    """The k users with most items in common, w_uv = (R Rᵀ)_uv.

    Args:
        interactions: R, binary [n_users, n_items].
        k: Most neighbours a user can have.
        block_rows: Users counted at a time; None takes as many as sum up few enough terms.

    Returns:
        The graph [n_users, n_users]; users who share no item have no edge.

    Raises:
        ValueError: As ``check_request``.

    Source: user-user relation graph, ``cooccurrence`` [ours].
    """
    n_users = interactions.shape[0]
    active = interactions.row_sums() > 0
    check_request(n_users, k, active, block_rows)
    matrix = csr_array(
        (np.ones(interactions.n_edges, np.int32), (interactions.rows, interactions.cols)),
        shape=interactions.shape,
    )
    pairs = int(interactions.transposed().row_sums().double().pow(2).sum())  # terms of R Rᵀ
    size = block_rows or n_users * LARGEST_COUNT // max(pairs, 1)
    parts: list[Edges] = []
    for start, stop in blocks(n_users, size, "co-occurring users"):
        parts.append(_highest_counts((matrix[start:stop] @ matrix.T).tocoo(), start, k))
    return joined(parts, n_users)


def _highest_counts(counts: coo_array, start: int, k: int) -> Edges:
    """The k highest counts of each row but its own, the lower id first among equal ones."""
    (rows, cols), data = counts.coords, counts.data
    others, frequent = rows + start != cols, data > 1
    n_rows, n = counts.shape
    # who shares several items with k others has no place for those of one item: most there are
    full = np.bincount(rows[others & frequent], minlength=n_rows) >= k
    kept = others & (frequent | ~full[rows])
    rows, cols, data = (one[kept].astype(np.int64) for one in (rows, cols, data))
    most = int(data.max(initial=0))
    # one number for row, falling count and column: sorting those is several times faster
    keys = np.sort((rows * (most + 1) + most - data) * n + cols)
    sizes = np.bincount(rows, minlength=n_rows)
    first = np.repeat(sizes.cumsum() - sizes, sizes)  # of the entry's row, in the sorted keys
    keys = keys[np.arange(len(keys)) - first < k]
    ranks, cols = np.divmod(keys, n)
    rows, below = np.divmod(ranks, most + 1)
    order = np.argsort(rows * n + cols)
    weights = torch.from_numpy((most - below[order]).astype(np.float32))
    return torch.from_numpy(rows[order] + start), torch.from_numpy(cols[order]), weights


def check_request(n: int, k: int, candidates: Tensor, block_rows: int | None) -> None:
    """Refuse what no neighbours can be found for.

    Raises:
        ValueError: k or block_rows below 1, or candidates of another length than n.
    """
    if k < 1:
        raise ValueError(f"k is {k}, expected at least 1 neighbour")
    if block_rows is not None and block_rows < 1:
        raise ValueError(f"block_rows is {block_rows}, expected at least 1, or None")
    if candidates.dtype != torch.bool or candidates.shape != (n,):
        given = f"{candidates.dtype} {tuple(candidates.shape)}"
        raise ValueError(f"the mask of rows is {given}, expected bool [{n}]")


def joined(parts: list[Edges], n: int) -> Graph:
    """The graph [n, n] of edges found block by block.

    Args:
        parts: The edges of each block; none for a graph without rows.
        n: Number of rows.
    """
    nobody = torch.empty(0, dtype=torch.int64)
    parts = [(nobody, nobody, torch.empty(0)), *parts]
    rows, cols, weights = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return Graph(rows, cols, weights, (n, n))


def best_edges(scores: Tensor, rows: Tensor, k: int) -> Edges:
    """The edges of some rows to their k highest positive scores, the lower id first among equals.

    A row is never its own neighbour, and the scores given are not changed.

    Args:
        scores: Of these rows with all, [b, n].
        rows: Their ids, [b].
        k: Most neighbours a row can have.
    """
    scores = scores.clone()  # [b, n]
    scores[torch.arange(len(rows), device=rows.device), rows] = 0.0
    cols = top_columns(scores, min(k, scores.shape[1]))  # [b, k]
    return positive_edges(rows, cols, scores.gather(1, cols))


def positive_edges(rows: Tensor, cols: Tensor, weights: Tensor) -> Edges:
    """The edges of positive weight, on the host.

    Args:
        rows: Ids, [b].
        cols: Neighbours of each, [b, k].
        weights: Their scores, [b, k].
    """
    row, place = (weights > 0).nonzero(as_tuple=True)
    return rows[row].cpu(), cols[row, place].cpu(), weights[row, place].cpu()


def top_columns(scores: Tensor, k: int) -> Tensor:
    """The columns of the k highest scores of each row, the lower one first among equal scores.

    Args:
        scores: No NaN, [b, n].
        k: At most n.

    Returns:
        Ascending, [b, k]; which of several scores at or below zero are there is left open.
    """
    # topk takes any of several equal scores, which matters where the k-th is positive and tied
    values, cols = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    tied = (values[:, k - 1] == values[:, -1]) & (values[:, -1] > 0)
    cols = cols[:, :k]
    if values.shape[1] > k and tied.any():
        cols[tied] = _lowest_columns(scores[tied], k)
    return cols.sort(dim=1).values


def _lowest_columns(scores: Tensor, k: int) -> Tensor:
    # Positive floats are ordered as their bits are: with the bits above the column, counted from
    # the last one, no two keys are equal and the lowest column wins
    last = scores.shape[1] - 1
    column = torch.arange(last, -1, -1, device=scores.device)
    keys = scores.view(torch.int32).long().bitwise_left_shift_(32).add_(column)  # [b, n]
    return last - keys.topk(k, dim=1).values.bitwise_and_(2**32 - 1)
