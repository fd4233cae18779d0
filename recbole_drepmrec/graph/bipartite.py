"""The user-item graph, its normalisations, and draws of its edges."""

import torch
from torch import Tensor

from recbole_drepmrec.graph.sparse import Graph, SparseMatrix


def interaction_graph(users: Tensor, items: Tensor, n_users: int, n_items: int) -> Graph:
    """Interactions as a binary matrix, R[u, i] = 1 for each pair, once however often it repeats.

    Args:
        users: User ids of the training pairs, [n_pairs].
        items: Item ids of the training pairs, [n_pairs].
        n_users: Number of users, padding included.
        n_items: Number of items, padding included.

    Returns:
        R, [n_users, n_items]; pairs with id 0, the padding, are left out.

    Raises:
        ValueError: Lengths that differ, or an id outside the range.
    """
    users, items = users.long().cpu(), items.long().cpu()
    pairs = Graph(users, items, torch.ones(users.shape), (n_users, n_items))
    real = (pairs.rows > 0) & (pairs.cols > 0)
    once = Graph(users[real], items[real], pairs.weights[real], pairs.shape).coalesced()
    return Graph(once.rows, once.cols, torch.ones(once.n_edges), once.shape)


def normalised_bipartite(interactions: Graph) -> Graph:
    """Symmetrically normalised user-item graph, D^(-1/2) A D^(-1/2) with A = [[0, R], [Rᵀ, 0]].

    Args:
        interactions: R, [n_users, n_items].

    Returns:
        The square graph of n_users + n_items nodes, users first; an isolated node has no edge.

    Source: LightGCN's propagation, the Behavior Line [paper].
    """
    user_degree = interactions.row_sums()  # [n_users]
    item_degree = interactions.transposed().row_sums()  # [n_items]
    degrees = user_degree[interactions.rows] * item_degree[interactions.cols]  # [nnz]
    weights = interactions.weights / degrees.sqrt()
    users, items = interactions.rows, interactions.cols + interactions.shape[0]
    n_nodes = sum(interactions.shape)
    return Graph(
        torch.cat([users, items]),
        torch.cat([items, users]),
        torch.cat([weights, weights]),
        (n_nodes, n_nodes),
    )


def bipartite_matrix(interactions: Graph) -> SparseMatrix:
    """``normalised_bipartite`` as it is multiplied with.

    Args:
        interactions: R, [n_users, n_items].
    """
    return SparseMatrix(normalised_bipartite(interactions), symmetric=True)


def sample_edges(interactions: Graph, dropped: float) -> Graph:
    """Draw the edges to keep without replacement, those between nodes of high degree the least.

        p_ui ∝ 1 / sqrt(d_u d_i)

    Args:
        interactions: R, [n_users, n_items].
        dropped: Share of the edges left out, at least 0 and below 1.

    Returns:
        R with n - floor(dropped n) of its n edges, drawn with torch's generator.

    Source: Zhou and Shen, FREEDOM, MM 2023, degree-sensitive edge pruning.
    """
    n_kept = interactions.n_edges - int(dropped * interactions.n_edges)
    user_degree = interactions.row_sums()  # [n_users]
    item_degree = interactions.transposed().row_sums()  # [n_items]
    rates = (user_degree[interactions.rows] * item_degree[interactions.cols]).rsqrt()  # [nnz]
    # the first of exponential clocks are a draw without replacement; torch.multinomial draws the
    # same way, but from 2**24 edges at most
    times = torch.empty_like(rates).exponential_() / rates
    return interactions.select(times.topk(n_kept, largest=False).indices)


def mean_by_row(graph: Graph) -> Graph:
    """Divide by the row sums, w_ij / r_i: the product is the mean of each row's neighbours.

    Args:
        graph: A graph of positive weights, [n, m]; a row without an edge stays without one.
    """
    weights = graph.weights / graph.row_sums()[graph.rows]
    return Graph(graph.rows, graph.cols, weights, graph.shape)
