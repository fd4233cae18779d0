"""Frozen graphs: user-item, item-item and user-user, and the products with them."""

from recbole_drepmrec.graph.bipartite import interaction_graph, normalised_bipartite, user_degrees
from recbole_drepmrec.graph.cache import cached_graph, content_hash
from recbole_drepmrec.graph.knn import (
    cooccurrence_knn,
    cosine_knn,
    normalise_by_degrees,
    top_k_by_row,
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
    "normalise_by_degrees",
    "normalised_bipartite",
    "top_k_by_row",
    "user_degrees",
    "with_self_loops",
]
