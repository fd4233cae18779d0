"""The rows of most similar features: screened in float32, decided in float64."""

from collections.abc import Sequence

import torch
from torch import Tensor

from recbole_drepmrec.graph.knn import (
    BLOCK_BYTES,
    Edges,
    best_edges,
    blocks,
    check_request,
    joined,
    positive_edges,
    top_columns,
)
from recbole_drepmrec.graph.mean_cosines import MeanCosines, Unit
from recbole_drepmrec.graph.screening import TILE_ROWS, highest_of_rows
from recbole_drepmrec.graph.sparse import Graph

SPARE = 6
"""Candidates of a row beyond its k: enough that near ties rarely reach past them."""


def cosine_knn(features: Tensor, present: Tensor, k: int, block_rows: int | None = None) -> Graph:
    """The k rows of most similar features, w_ij = max(cos(f_i, f_j), 0).

    Args:
        features: Feature rows, [n, d]; the work is done on their device.
        present: Rows that have features, bool [n]; the others have no edge.
        k: Most neighbours a row can have.
        block_rows: As for ``mean_cosine_knn``.

    Returns:
        The graph [n, n]; a row with fewer than k positive cosines has fewer edges.

    Raises:
        ValueError: As ``check_request``, or a present row that is not finite.

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

    The answer is that of float64, rounded to float32, the lower id first among equal weights:
    equal features then tie whatever the block or the device. All pairs are screened in float32,
    each once, which is several times faster. A row whose k best are not certain by the bound of
    float32's error, as too many others are as near, is decided among all in float64.

    Args:
        features: Feature rows of each modality, M times [n, d_m]; the work is done on their device.
        present: Rows that have the modality, M times bool [n].
        k: Most neighbours a row can have.
        shrink: s, zero or above.
        block_rows: Rows of a tile of scores, and rows decided at a time; None takes 2,048, and as
            many as keep within some 128 MiB.

    Returns:
        The graph [n, n]; a row without any modality has no edge.

    Raises:
        ValueError: As ``check_request``, or a present row that is not finite.

    Source: cosine with shrinkage as in Ferrari Dacrema et al., RecSys 2019; the mean [ours].
    """
    for rows, there in zip(features, present, strict=True):
        check_request(rows.shape[0], k, there, block_rows)
    device = features[0].device
    present = [there.to(device) for there in present]
    ids = torch.stack(present, dim=1).any(1).nonzero().squeeze(1)  # of those who have any
    cosines = MeanCosines(
        [
            Unit.of(rows[ids], there[ids], shrink)
            for rows, there in zip(features, present, strict=True)
        ]
    )
    n = len(ids)
    found = highest_of_rows(cosines.screened, n, k + SPARE, block_rows or TILE_ROWS, device)
    widest = max(n, (k + SPARE) * max(rows.shape[1] for rows in features))
    size = block_rows or BLOCK_BYTES // (8 * max(widest, 1))
    parts: list[Edges] = []
    for start, stop in blocks(n, size, "chosen neighbours"):
        rows = torch.arange(start, stop, device=device)
        parts += _edges_of(cosines, rows, found.scores[rows], found.columns[rows], k)
    graph = joined(parts, n).coalesced()
    ids, n = ids.cpu(), len(present[0])
    return Graph(ids[graph.rows], ids[graph.cols], graph.weights, (n, n))


def _edges_of(
    cosines: MeanCosines, rows: Tensor, screened: Tensor, cols: Tensor, k: int
) -> list[Edges]:
    """The edges of some rows: those that screening makes certain, and the others.

    Args:
        cosines: Of all.
        rows: Their ids, [b].
        screened: The highest scores of each, highest first, [b, c].
        cols: Whose they are, [b, c].
        k: Most neighbours a row can have.
    """
    lowest = screened[:, -1]
    cols = cols.where(screened.isfinite(), rows.unsqueeze(1))  # there were fewer than c others
    cols = cols.sort(dim=1).values  # so that of equal weights the lower id comes first
    weights = cosines.of_pairs(rows, cols)  # [b, c]
    weights[cols == rows.unsqueeze(1)] = 0.0
    k = min(k, weights.shape[1])
    best = top_columns(weights, k)  # [b, k]
    cols, weights = cols.gather(1, best), weights.gather(1, best)
    # whatever was screened out lies at most as high as the lowest candidate, but for the error
    certain = weights.amin(1).clamp(min=0.0) > lowest + cosines.error
    certain |= lowest.isinf()  # all are candidates
    found = positive_edges(rows[certain], cols[certain], weights[certain])
    rest = rows[~certain]
    if not len(rest):
        return [found]
    return [found, best_edges(cosines.exact(rest), rest, k)]
