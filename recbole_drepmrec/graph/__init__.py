"""Frozen graphs: user-item, item-item and user-user, and the products with them."""

from recbole_drepmrec.graph.bipartite import (
    interaction_graph,
    mean_by_row,
    normalised_bipartite,
    sample_edges,
)
from recbole_drepmrec.graph.cache import cached_graph, content_hash
from recbole_drepmrec.graph.knn import (
    cooccurrence_knn,
    cosine_knn,
    mean_cosine_knn,
    normalise_by_degrees,
    normalise_by_row_sums,
    softmax_by_row,
    top_k_by_row,
    weighted_sum,
    with_self_loops,
)
from recbole_drepmrec.graph.sparse import Graph, SparseMatrix

__all__ = [
    "Graph",
    "SparseMatrix",
    "cached_graph",
    "content_hash",
    "cooccurrence_knn",
    "cosine_knn",
    "interaction_graph",
    "mean_by_row",
    "mean_cosine_knn",
    "normalise_by_degrees",
    "normalise_by_row_sums",
    "normalised_bipartite",
    "sample_edges",
    "softmax_by_row",
    "top_k_by_row",
    "weighted_sum",
    "with_self_loops",
]
