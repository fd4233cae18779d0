"""Neighbours of very many rows, found in an index (faiss) that does not look at all pairs."""

import importlib
import logging
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph.sparse import Graph

SAMPLED_ROWS = 500
"""Rows whose exact neighbours are found as well, to measure the recall."""

TRAINING_ROWS_A_LIST = 40
"""For the k-means that makes the lists; faiss warns below 39."""

SEARCHED_SHARE, FEWEST_LISTS = 1 / 64, 16
"""Of the lists, looked through for a row: so large a share, or so many if that is more."""

BLOCK_ROWS = 16_384

logger = logging.getLogger(__name__)


def approximate_cosine_knn(features: Tensor, present: Tensor, k: int) -> Graph:
    """About the k rows of most similar features, w_ij = max(cos(f_i, f_j), 0).

    K-means sorts the rows into 4 sqrt(n) lists, and a row is compared with those of the lists that
    lie nearest (an inverted file). The share of the exact neighbours that it finds is measured on
    some rows and logged.

    Args:
        features: Feature rows, [n, d].
        present: Rows that have features, bool [n]; the others have no edge.
        k: Most neighbours a row can have.

    Returns:
        The graph [n, n]; a row may have fewer edges than k.

    Raises:
        UserError: faiss is not installed.
        ValueError: k is below 1.

    Source: Sivic and Zisserman, ICCV 2003, as the inverted file of faiss.
    """
    if k < 1:
        raise ValueError(f"k is {k}, expected at least 1 neighbour")
    faiss = _faiss()
    ids = (present.cpu() & (features.cpu().norm(dim=1) > 0)).nonzero().squeeze(1)  # [m]
    unit = normalize(features.cpu()[ids].float(), dim=1).numpy()  # [m, d]
    index = _index(faiss, unit)
    places, cosines = [], []
    for start in range(0, len(unit), BLOCK_ROWS):
        found = index.search(unit[start : start + BLOCK_ROWS], k + 1)  # itself among them
        cosines.append(found[0])
        places.append(found[1])
    graph = _graph(ids, np.concatenate(places), np.concatenate(cosines), k, len(features))
    logger.info(
        "item graph of %d rows by an index: it finds %.3f of the exact %d neighbours of %d rows",
        *(len(unit), _recall(unit, ids, graph, k), k, min(SAMPLED_ROWS, len(unit))),
    )
    return graph


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise UserError(
            "`knn_search: approximate` needs the package faiss-cpu, which is not installed; "
            "pip install faiss-cpu, or set --knn_search=exact."
        ) from error


def _index(faiss: Any, unit: NDArray[np.float32]) -> Any:
    n_lists = max(1, min(int(4 * math.sqrt(len(unit))), len(unit) // TRAINING_ROWS_A_LIST))
    index = faiss.index_factory(unit.shape[1], f"IVF{n_lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.nprobe = min(n_lists, max(FEWEST_LISTS, int(n_lists * SEARCHED_SHARE)))
    drawn = np.random.default_rng(0).permutation(len(unit))[: n_lists * TRAINING_ROWS_A_LIST]
    index.train(unit[np.sort(drawn)])
    index.add(unit)
    return index


def _graph(
    ids: Tensor, places: NDArray[np.int64], cosines: NDArray[np.float32], k: int, n: int
) -> Graph:
    """The edges of what the index found, [m, k + 1] each; where it found none, far below zero."""
    cosines = np.where(places == np.arange(len(places))[:, None], 0, cosines)
    best = np.sort(np.argsort(-cosines, axis=1, kind="stable")[:, :k], axis=1)
    row, column = np.nonzero(np.take_along_axis(cosines, best, axis=1) > 0)
    place = best[row, column]
    cols = ids[torch.from_numpy(places[row, place])]
    weights = torch.from_numpy(cosines[row, place]).clamp(max=1)
    return Graph(ids[torch.from_numpy(row)], cols, weights, (n, n)).coalesced()


def _recall(unit: NDArray[np.float32], ids: Tensor, graph: Graph, k: int) -> float:
    """The share of the exact neighbours of some rows that the graph has."""
    drawn = np.random.default_rng(1).permutation(len(unit))[:SAMPLED_ROWS]
    scores = torch.from_numpy(unit[drawn] @ unit.T)
    scores[torch.arange(len(drawn)), torch.from_numpy(drawn)] = 0
    values, cols = scores.topk(min(k, len(unit)), dim=1)
    exact = ids[torch.from_numpy(drawn)].unsqueeze(1) * graph.shape[1] + ids[cols]
    found = torch.isin(exact[values > 0], graph.rows * graph.shape[1] + graph.cols)
    return float(found.float().mean()) if len(found) else 1.0
