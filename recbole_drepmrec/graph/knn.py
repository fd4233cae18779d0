"""Relation graphs: exact k nearest neighbours, found in blocks of rows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from recbole_drepmrec.graph.sparse import Graph, SparseMatrix

_SCORE_BYTES = 128 * 2**20  # of scores alive at a time, counted as float64
_LONG_WORK = 20  # blocks; shorter work needs no progress bar


def top_k_by_row(
    score_rows: Callable[[int, int], Tensor],
    n: int,
    k: int,
    candidates: Tensor,
    block_rows: int | None = None,
    description: str = "",
) -> Graph:
    """Edges from each row to its k highest positive scores, the lower id first among equal ones.

    A row is never its own neighbour. Neither the blocks nor the device change the answer, as long
    as ``score_rows`` gives the same scores.

    Args:
        score_rows: Gives the scores of rows start to stop, [stop - start, n].
        n: Number of rows.
        k: Most neighbours a row can have.
        candidates: Rows that may have and be neighbours, bool [n].
        block_rows: Rows scored at a time; None keeps the scores of a block within 128 MiB.
        description: Label of the progress bar.

    Returns:
        The graph [n, n], ordered by row and column.

    Raises:
        ValueError: k or block_rows below 1, or candidates of another length than n.
    """
    _check(n, k, candidates, block_rows)
    block = block_rows or max(1, _SCORE_BYTES // (8 * max(n, 1)))
    starts = range(0, n, block)
    hide = None if len(starts) > _LONG_WORK else True  # None: shown on a terminal only
    parts = [_no_edges()]
    for start in tqdm(starts, desc=description, disable=hide, leave=False):
        scores = score_rows(start, min(start + block, n))  # [b, n]
        parts.append(_block_edges(scores, start, k, candidates.to(scores.device)))
    rows, cols, weights = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return Graph(rows, cols, weights, (n, n))


def cosine_knn(features: Tensor, present: Tensor, k: int, block_rows: int | None = None) -> Graph:
    """The k rows of most similar features, w_ij = max(cos(f_i, f_j), 0).

    Args:
        features: Feature rows, [n, d]; the work is done on their device.
        present: Rows that have features, bool [n]; the others have no edge.
        k: Most neighbours a row can have.
        block_rows: Rows scored at a time, see ``top_k_by_row``.

    Returns:
        The graph [n, n]; a row with fewer than k positive cosines has fewer edges.

    Raises:
        ValueError: As ``top_k_by_row``, or a present row that is not finite.

    Source: item-item and user-user relation graphs [ours].
    """
    return mean_cosine_knn([features], [present], k, block_rows=block_rows)


def mean_cosine_knn(
    features: Sequence[Tensor],
    present: Sequence[Tensor],
    k: int,
    shrink: float = 0.0,
    block_rows: int | None = None,
) -> Graph:
    """The k rows most similar over several modalities.

        w_ij = mean over the modalities m that i and j both have of f_i.f_j / (|f_i| |f_j| + s)

    where only positive means make an edge. The shrinkage s lowers the weight of short rows.

    Args:
        features: Feature rows of each modality, M times [n, d_m]; the work is done on their device.
        present: Rows that have the modality, M times bool [n].
        k: Most neighbours a row can have.
        shrink: s, zero or above.
        block_rows: Rows scored at a time, see ``top_k_by_row``.

    Returns:
        The graph [n, n]; a row without any modality has no edge.

    Raises:
        ValueError: As ``top_k_by_row``, or a present row that is not finite.

    Source: cosine with shrinkage as in Ferrari Dacrema et al., RecSys 2019; the mean [ours].
    """
    modalities = [
        _Unit.of(rows, there, k, block_rows) for rows, there in zip(features, present, strict=True)
    ]
    there = torch.stack([modality.present for modality in modalities], dim=1)  # [n, M]

    def score_rows(start: int, stop: int) -> Tensor:
        scores = modalities[0].similarities(start, stop, shrink)
        for other in modalities[1:]:
            scores += other.similarities(start, stop, shrink)
        if len(modalities) > 1:
            scores /= (there[start:stop].double() @ there.double().T).clamp(min=1)
        return scores.float()

    return top_k_by_row(score_rows, len(there), k, there.any(1), block_rows, "cosine neighbours")


class _Unit(NamedTuple):
    """One modality's rows of length one [n, d], their former lengths [n] and who has one [n]."""

    rows: Tensor
    lengths: Tensor
    present: Tensor

    @classmethod
    def of(cls, features: Tensor, present: Tensor, k: int, block_rows: int | None) -> Self:
        _check(features.shape[0], k, present, block_rows)
        present = present.to(features.device)
        # float64, rounded only once scored: equal features then tie whatever the block or device
        rows = features.masked_fill(~present[:, None], 0.0).double()
        if not rows.isfinite().all():
            what = "features of present rows hold NaN or infinity"
            raise ValueError(f"{what}, expected finite numbers")
        return cls(normalize(rows, dim=1), rows.norm(dim=1), present)

    def similarities(self, start: int, stop: int, shrink: float) -> Tensor:
        """Of rows start to stop to all, [stop - start, n]; zero where one lacks the modality."""
        scores = self.rows[start:stop] @ self.rows.T
        if shrink:
            lengths = self.lengths[start:stop, None] * self.lengths
            scores *= lengths / (lengths + shrink)
        return scores


def cooccurrence_knn(interactions: Graph, k: int, block_rows: int | None = None) -> Graph:
    """The k users with most items in common, w_uv = (R Rᵀ)_uv.

    Args:
        interactions: R, binary [n_users, n_items].
        k: Most neighbours a user can have.
        block_rows: Users counted at a time, see ``top_k_by_row``.

    Returns:
        The graph [n_users, n_users]; users who share no item have no edge.

    Raises:
        ValueError: As ``top_k_by_row``.

    Source: user-user relation graph, ``cooccurrence`` [ours].
    """
    n_users, n_items = interactions.shape
    product = SparseMatrix(interactions)

    def score_rows(start: int, stop: int) -> Tensor:
        mine = (interactions.rows >= start) & (interactions.rows < stop)
        block = torch.zeros(n_items, stop - start)  # R[start:stop]ᵀ, [n_items, b]
        block[interactions.cols[mine], interactions.rows[mine] - start] = 1.0
        counts: Tensor = product(block)  # [n_users, b]
        return counts.T.contiguous()  # topk is slow along strides

    active = interactions.row_sums() > 0
    return top_k_by_row(score_rows, n_users, k, active, block_rows, "co-occurring users")


def normalise_by_degrees(graph: Graph) -> Graph:
    """Divide by the true degrees, w_ij / sqrt(r_i c_j) with row sums r and column sums c.

    A kNN graph is not symmetric, so the column sums are not the row sums.

    Args:
        graph: A graph of positive weights, [n, m].

    Source: [ours].
    """
    row_sums, col_sums = graph.row_sums(), graph.transposed().row_sums()
    degrees = row_sums[graph.rows] * col_sums[graph.cols]  # [nnz]
    return Graph(graph.rows, graph.cols, graph.weights / degrees.sqrt(), graph.shape)


def normalise_by_row_sums(graph: Graph) -> Graph:
    """D^(-1/2) S D^(-1/2) with D the row sums of S on both sides, w_ij / sqrt(r_i r_j).

    On a graph that is not symmetric this is not the true normalisation, but the one that LATTICE
    and the models after it state. An edge to a row that has no edge of its own is dropped.

    Args:
        graph: A square graph of positive weights, [n, n].

    Source: Zhang et al., LATTICE, MM 2021.
    """
    row_sums = graph.row_sums()
    degrees = row_sums[graph.rows] * row_sums[graph.cols]  # [nnz]
    kept = degrees > 0
    weights = graph.weights[kept] / degrees[kept].sqrt()
    return Graph(graph.rows[kept], graph.cols[kept], weights, graph.shape)


def softmax_by_row(graph: Graph) -> Graph:
    """Softmax over the weights of each row's edges.

    Args:
        graph: A graph, [n, m].
    """
    highest = torch.full((graph.shape[0],), -torch.inf)
    highest = highest.scatter_reduce(0, graph.rows, graph.weights, "amax")
    exponentials = (graph.weights - highest[graph.rows]).exp()
    unnormalised = Graph(graph.rows, graph.cols, exponentials, graph.shape)
    weights = exponentials / unnormalised.row_sums()[graph.rows]
    return Graph(graph.rows, graph.cols, weights, graph.shape)


def weighted_sum(graphs: Sequence[Graph], weights: Sequence[float]) -> Graph:
    """The graph sum_m w_m S^m.

    Args:
        graphs: S^m, of one shape.
        weights: w_m, one a graph.

    Raises:
        ValueError: No graph, shapes that differ, or another number of weights.
    """
    if not graphs or len({graph.shape for graph in graphs}) != 1 or len(graphs) != len(weights):
        shapes = [graph.shape for graph in graphs]
        raise ValueError(f"graphs of shapes {shapes} and {len(weights)} weights do not agree")
    return Graph(
        torch.cat([graph.rows for graph in graphs]),
        torch.cat([graph.cols for graph in graphs]),
        torch.cat([w * graph.weights for graph, w in zip(graphs, weights, strict=True)]),
        graphs[0].shape,
    ).coalesced()


def with_self_loops(graph: Graph, present: Tensor, weight: float | Tensor = 1.0) -> Graph:
    """Add an edge of the given weight from each present row to itself.

    Args:
        graph: A square graph, [n, n].
        present: Rows that get a loop, bool [n].
        weight: Weight of all loops, or of each row's [n]; added to loops already there.

    Raises:
        ValueError: The graph is not square, or present is not [n].
    """
    n = graph.shape[0]
    if graph.shape != (n, n) or present.shape != (n,):
        raise ValueError(f"graph {graph.shape} and present {tuple(present.shape)} do not agree")
    loops = present.cpu().nonzero().flatten()
    return Graph(
        torch.cat([graph.rows, loops]),
        torch.cat([graph.cols, loops]),
        torch.cat([graph.weights, torch.as_tensor(weight).expand(n)[loops]]),
        graph.shape,
    )


def _check(n: int, k: int, candidates: Tensor, block_rows: int | None) -> None:
    if k < 1:
        raise ValueError(f"k is {k}, expected at least 1 neighbour")
    if block_rows is not None and block_rows < 1:
        raise ValueError(f"block_rows is {block_rows}, expected at least 1, or None")
    if candidates.dtype != torch.bool or candidates.shape != (n,):
        given = f"{candidates.dtype} {tuple(candidates.shape)}"
        raise ValueError(f"the mask of rows is {given}, expected bool [{n}]")


def _no_edges() -> tuple[Tensor, Tensor, Tensor]:
    ids = torch.empty(0, dtype=torch.int64)
    return ids, ids, torch.empty(0)


def _block_edges(
    scores: Tensor, start: int, k: int, candidates: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    here = torch.arange(scores.shape[0], device=scores.device)  # [b]
    scores = scores.float().masked_fill(~candidates, 0.0)  # [b, n], a copy; score 0 is no edge
    scores[~candidates[start : start + len(here)]] = 0.0
    scores[here, start + here] = 0.0
    cols = _top_columns(scores, min(k, scores.shape[1]))  # [b, k]
    weights = scores.gather(1, cols)
    row, place = (weights > 0).nonzero(as_tuple=True)
    return (start + row).cpu(), cols[row, place].cpu(), weights[row, place].cpu()


def _top_columns(scores: Tensor, k: int) -> Tensor:
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
