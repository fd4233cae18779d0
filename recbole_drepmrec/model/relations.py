"""The frozen relation graphs of a model, built once from interactions and features."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import (
    Graph,
    SparseMatrix,
    cached_graph,
    content_hash,
    cooccurrence_knn,
    cosine_knn,
    normalise_by_degrees,
    normalise_by_row_sums,
    normalised_bipartite,
    with_self_loops,
)

VERSION = 1
"""Of the graphs' construction: part of their cache key, to be raised when it changes."""

UserGraph = Literal["knn", "cooccurrence", "none"]


def item_graph(features: PreparedFeatures, k: int, self_loop: bool, folder: Path | None) -> Graph:
    """S_II: the k items of highest cosine, normalised by row and column degrees. [ours]

    Args:
        features: One modality, [n_items, d_m].
        k: Neighbours an item.
        self_loop: Whether an item is its own neighbour too, with its cosine of 1.
        folder: Where the neighbours are kept; None keeps them nowhere.
    """
    neighbours = _cosine_neighbours(features.values, features.present, k, folder)
    return _finished(neighbours, features.present, 1.0 if self_loop else None)


def published_item_graph(
    features: PreparedFeatures, k: int, binary: bool, folder: Path | None
) -> Graph:
    """The item graph of LATTICE and of the models after it, D^(-1/2) S D^(-1/2).

    S keeps the k highest cosines of each row, the item's own among them, so an item has k - 1
    others; D are the row sums of S.

    Args:
        features: One modality, [n_items, d_m].
        k: Entries of a row, the item itself among them; 1 or more.
        binary: Whether each edge counts 1 (FREEDOM), not its cosine (LATTICE, MGCN).
        folder: Where the neighbours are kept; None keeps them nowhere.

    Source: Zhang et al., LATTICE, MM 2021, equations 3 to 5; Zhou and Shen, FREEDOM, MM 2023,
        equations 2 and 3.
    """
    if k > 1:
        others = _cosine_neighbours(features.values, features.present, k - 1, folder)
    else:
        nobody = torch.empty(0, dtype=torch.int64)
        others = Graph(nobody, nobody, torch.empty(0), (len(features.present),) * 2)
    if binary:
        others = Graph(others.rows, others.cols, torch.ones(others.n_edges), others.shape)
    return normalise_by_row_sums(with_self_loops(others, features.present, 1.0))


def modality_adjacency(interactions: Graph, present: Tensor, whole: SparseMatrix) -> SparseMatrix:
    """The normalised user-item graph of the items that have a modality. [ours]

    The others are nodes without an edge, so that no zero vector takes part in a sum over
    neighbours; where every interaction is with an item that has it, this is the whole graph.

    Args:
        interactions: R, [n_users, n_items].
        present: Whether an item has the modality, bool [n_items].
        whole: The normalised graph of all items, of n_users + n_items nodes.
    """
    seen = interactions.to_columns(present)
    if seen.n_edges == interactions.n_edges:
        return whole
    return SparseMatrix(normalised_bipartite(seen), symmetric=True)


def user_graph(
    kind: UserGraph,
    features: PreparedFeatures,
    interactions: Graph,
    k: int,
    self_loop: bool,
    folder: Path | None,
) -> Graph | None:
    """S_UU: the k users of most alike items, normalised by row and column degrees. [ours]

    Args:
        kind: ``knn`` compares the users' mean item features, ``cooccurrence`` counts the items
            two users share (R R^T), ``none`` gives None.
        features: One modality, [n_items, d_m].
        interactions: R, [n_users, n_items].
        k: Neighbours a user.
        self_loop: Whether a user is their own neighbour too, with their cosine of 1 or their
            count in R R^T.
        folder: Where the neighbours are kept; None keeps them nowhere.
    """
    if kind == "none":
        return None
    matrix = SparseMatrix(interactions)
    counts = matrix(features.present.float().unsqueeze(1))  # [n_users, 1]
    present = counts.squeeze(1) > 0
    own: float | Tensor
    if kind == "knn":
        means = matrix(features.values) / counts.clamp(min=1)  # [n_users, d_m]
        neighbours, own = _cosine_neighbours(means, present, k, folder), 1.0
    else:
        neighbours = cooccurring_users(interactions, k, folder)
        own = interactions.row_sums()
    # who has no item with this modality has no vector to lend or to smooth
    return _finished(neighbours.among(present), present, own if self_loop else None)


def cooccurring_users(interactions: Graph, k: int, folder: Path | None) -> Graph:
    """The k users with most items in common, weighted by their number.

    Args:
        interactions: R, [n_users, n_items].
        k: Neighbours a user.
        folder: Where the neighbours are kept; None keeps them nowhere.
    """
    edges = (*interactions.shape, interactions.rows, interactions.cols)
    key = content_hash("cooccurrence", VERSION, k, *edges)
    return cached_graph(folder, key, lambda: cooccurrence_knn(interactions, k))


def _cosine_neighbours(values: Tensor, present: Tensor, k: int, folder: Path | None) -> Graph:
    key = content_hash("cosine", VERSION, k, values, present)
    return cached_graph(folder, key, lambda: cosine_knn(values, present, k))


def _finished(neighbours: Graph, present: Tensor, own_weight: float | Tensor | None) -> Graph:
    if own_weight is not None:
        neighbours = with_self_loops(neighbours, present, own_weight)
    return normalise_by_degrees(neighbours)
