"""The frozen relation graphs of a model, built once from interactions and features."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import (
    Graph,
    NeighbourSearch,
    SparseMatrix,
    bipartite_matrix,
    normalise_by_degrees,
    normalise_by_row_sums,
    softmax_by_row,
    weighted_sum,
    with_self_loops,
)

UserGraph = Literal["knn", "cooccurrence", "none"]


def item_graph(
    features: PreparedFeatures, k: int, self_loop: bool, search: NeighbourSearch
) -> Graph:
    """S_II: the k items of highest cosine, normalised by row and column degrees. [ours]

    Args:
        features: One modality, [n_items, d_m].
        k: Neighbours an item.
        self_loop: Whether an item is its own neighbour too, with its cosine of 1.
        search: How neighbours are found and where they are kept.
    """
    neighbours = search.cosine(features.values, features.present, k)
    return _finished(neighbours, features.present, 1.0 if self_loop else None)


def published_item_graph(
    features: PreparedFeatures, k: int, binary: bool, search: NeighbourSearch
) -> Graph:
    """The item graph of LATTICE and of the models after it, D^(-1/2) S D^(-1/2).

    S keeps the k highest cosines of each row, the item's own among them as in the published code,
    so an item has k - 1 others; D are the row sums of S.

    Args:
        features: One modality, [n_items, d_m].
        k: Entries of a row, the item itself among them; 1 or more.
        binary: Whether each edge counts 1 (FREEDOM), not its cosine (LATTICE, MGCN).
        search: How neighbours are found and where they are kept.

    Source: Zhang et al., LATTICE, MM 2021; Zhou and Shen, FREEDOM, MM 2023.
    """
    if k > 1:
        others = search.cosine(features.values, features.present, k - 1)
    else:
        nobody = torch.empty(0, dtype=torch.int64)
        others = Graph(nobody, nobody, torch.empty(0), (len(features.present),) * 2)
    if binary:
        others = Graph(others.rows, others.cols, torch.ones(others.n_edges), others.shape)
    return normalise_by_row_sums(with_self_loops(others, features.present, 1.0))


def fused_item_graph(
    features: Mapping[str, PreparedFeatures],
    weights: Mapping[str, float] | None,
    k: int,
    search: NeighbourSearch,
) -> Graph:
    """FREEDOM's frozen item graph, S = sum_m w_m S^m, of unweighted edges.

    The sum of row i is divided by the weights of the modalities that item i has, so that an item
    which lacks one is as well connected as the others; only the weights' ratio counts. [ours]

    Args:
        features: The modalities by name, each [n_items, d_m].
        weights: w_m by name; None weighs all alike.
        k: Entries of a row of S^m, the item itself among them.
        search: How neighbours are found and where they are kept.

    Raises:
        UserError: The weights are of other modalities, or all zero.

    Source: Zhou and Shen, FREEDOM, MM 2023.
    """
    shares = _modality_shares(list(features), weights)
    graphs = [published_item_graph(features[name], k, True, search) for name in shares]
    fused = weighted_sum(graphs, list(shares.values()))
    present = torch.stack([features[name].present for name in shares], dim=1)  # [n_items, M]
    known = present.float() @ torch.tensor(list(shares.values()), dtype=torch.float32)  # [n_items]
    return Graph(fused.rows, fused.cols, fused.weights / known[fused.rows], fused.shape)


def _modality_shares(names: list[str], weights: Mapping[str, float] | None) -> dict[str, float]:
    """The weights above zero, by modality."""
    if weights is None:
        return dict.fromkeys(names, 1.0)
    if set(weights) != set(names):
        raise UserError(
            f"`modality_weights` is {dict(weights)!r}, expected a weight for each of the "
            f"modalities {', '.join(names)} and for no other; leave it out to weigh all alike."
        )
    if not any(weights.values()):
        raise UserError(
            f"`modality_weights` is {dict(weights)!r}, expected at least one weight above 0."
        )
    return {name: weights[name] for name in names if weights[name] > 0}


def content_neighbours(
    features: Sequence[PreparedFeatures], k: int, shrink: float, search: NeighbourSearch
) -> Graph:
    """The k items most alike over all modalities, weighted by the mean of their cosines.

    Args:
        features: The modalities, M times [n_items, d_m].
        k: Neighbours an item.
        shrink: Added to the product of two items' lengths in the cosine.
        search: How neighbours are found and where they are kept.
    """
    values = [modality.values for modality in features]
    present = [modality.present for modality in features]
    return search.mean_cosine(values, present, k, shrink)


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
    return bipartite_matrix(seen)


def user_graph(
    kind: UserGraph,
    features: PreparedFeatures,
    interactions: Graph,
    k: int,
    self_loop: bool,
    search: NeighbourSearch,
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
        search: How neighbours are found and where they are kept.
    """
    if kind == "none":
        return None
    matrix = SparseMatrix(interactions)
    counts = matrix(features.present.float().unsqueeze(1))  # [n_users, 1]
    present = counts.squeeze(1) > 0
    own: float | Tensor
    if kind == "knn":
        means = matrix(features.values) / counts.clamp(min=1)  # [n_users, d_m]
        neighbours, own = search.cosine(means, present, k), 1.0
    else:
        neighbours = search.cooccurring(interactions, k)
        own = interactions.row_sums()
    # who has no item with this modality has no vector to lend or to smooth
    return _finished(neighbours.among(present), present, own if self_loop else None)


def softmax_user_graph(interactions: Graph, k: int, search: NeighbourSearch) -> Graph:
    """S_UU of DualGNN and DRAGON: the k users with most items in common, a softmax of the numbers.

    Args:
        interactions: R, [n_users, n_items].
        k: Neighbours a user.
        search: How neighbours are found and where they are kept.

    Source: Wang et al., DualGNN, TMM 2021; Zhou et al., DRAGON, ECAI 2023.
    """
    return softmax_by_row(search.cooccurring(interactions, k))


def _finished(neighbours: Graph, present: Tensor, own_weight: float | Tensor | None) -> Graph:
    if own_weight is not None:
        neighbours = with_self_loops(neighbours, present, own_weight)
    return normalise_by_degrees(neighbours)
