"""Frozen graphs: user-item, item-item and user-user, and the products with them."""

from recbole_drepmrec.graph.bipartite import (
    bipartite_matrix,
    interaction_graph,
    mean_by_row,
    normalised_bipartite,
    sample_edges,
)
from recbole_drepmrec.graph.cache import cached_graph, content_hash
from recbole_drepmrec.graph.cosine import cosine_knn, mean_cosine_knn
from recbole_drepmrec.graph.knn import cooccurrence_knn, top_columns
from recbole_drepmrec.graph.products import product_without_gradient
from recbole_drepmrec.graph.search import NeighbourSearch, Search
from recbole_drepmrec.graph.sparse import Graph, SparseMatrix, index_type, row_starts
from recbole_drepmrec.graph.weights import (
    normalise_by_degrees,
    normalise_by_row_sums,
    softmax_by_row,
    weighted_sum,
    with_self_loops,
)

__all__ = [
    "Graph",
    "NeighbourSearch",
    "Search",
    "SparseMatrix",
    "bipartite_matrix",
    "cached_graph",
    "content_hash",
    "cooccurrence_knn",
    "cosine_knn",
    "index_type",
    "interaction_graph",
    "mean_by_row",
    "mean_cosine_knn",
    "normalise_by_degrees",
    "normalise_by_row_sums",
    "normalised_bipartite",
    "product_without_gradient",
    "row_starts",
    "sample_edges",
    "softmax_by_row",
    "top_columns",
    "weighted_sum",
    "with_self_loops",
]
