"""How the neighbours of relation graphs are found, and where they are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from recbole_drepmrec.graph.approximate import approximate_cosine_knn
from recbole_drepmrec.graph.cache import cached_graph, content_hash
from recbole_drepmrec.graph.cosine import cosine_knn, mean_cosine_knn
from recbole_drepmrec.graph.knn import cooccurrence_knn
from recbole_drepmrec.graph.sparse import Graph

VERSION = 1
"""Of the search: part of its graphs' cache key, to be raised when the answer changes."""

Search = Literal["exact", "approximate"]
"""All pairs, or an index of lists of similar rows (faiss) where there are many rows."""

FEWEST_ROWS = 20_000
"""With fewer rows the exact search takes seconds, and an index gains nothing."""


@dataclass(frozen=True)
class NeighbourSearch:
    """Finds k nearest neighbours once, and keeps them under a hash of all they depend on.

    Attributes:
        folder: Where they are kept; None keeps them nowhere.
        kind: How neighbours by the cosine of one modality are found; others are always exact.
    """

    folder: Path | None = None
    kind: Search = "exact"

    def cosine(self, values: Tensor, present: Tensor, k: int) -> Graph:
        """The k rows of highest cosine.

        Args:
            values: Feature rows, [n, d].
            present: Rows that have features, bool [n].
            k: Neighbours of a row.

        Raises:
            UserError: The search is approximate and faiss is not installed.
        """
        if self.kind == "approximate" and len(values) >= FEWEST_ROWS:
            key = content_hash("approximate cosine", VERSION, k, values, present)
            return self._kept(key, lambda: approximate_cosine_knn(values, present, k))
        key = content_hash("cosine", VERSION, k, values, present)
        return self._kept(key, lambda: cosine_knn(values, present, k))

    def mean_cosine(
        self, values: Sequence[Tensor], present: Sequence[Tensor], k: int, shrink: float
    ) -> Graph:
        """The k rows most alike over several modalities.

        Args:
            values: Feature rows of each modality, M times [n, d_m].
            present: Rows that have the modality, M times bool [n].
            k: Neighbours of a row.
            shrink: Added to the product of two rows' lengths in the cosine.
        """
        key = content_hash("mean cosine", VERSION, k, shrink, *values, *present)
        return self._kept(key, lambda: mean_cosine_knn(values, present, k, shrink))

    def cooccurring(self, interactions: Graph, k: int) -> Graph:
        """The k users with most items in common, weighted by their number.

        Args:
            interactions: R, [n_users, n_items].
            k: Neighbours of a user.
        """
        edges = (*interactions.shape, interactions.rows, interactions.cols)
        key = content_hash("cooccurrence", VERSION, k, *edges)
        return self._kept(key, lambda: cooccurrence_knn(interactions, k))

    def _kept(self, key: str, build: Callable[[], Graph]) -> Graph:
        return cached_graph(self.folder, key, build)
