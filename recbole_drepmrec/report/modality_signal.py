"""Whether a modality says anything about who takes what, before a model is trained on it."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import Graph, cosine_knn

BLOCK_PAIRS = 65536
SHUFFLES = 5


@dataclass(frozen=True)
class Signal:
    """Users that two items have in common, on average over pairs.

    Attributes:
        neighbours: Of nearest neighbours in the features.
        random: Of random pairs of the same items.
    """

    neighbours: float
    random: float

    @property
    def ratio(self) -> float:
        """How much more often neighbours are taken together; 1 says nothing, NaN is unknown."""
        return self.neighbours / self.random if self.random else float("nan")


def modality_signal(
    features: PreparedFeatures, interactions: Graph, k: int = 10, seed: int = 0
) -> Signal:
    """Compare the nearest neighbours in the features with random pairs. [ours]

    Random pairs are the neighbour pairs with their second items shuffled: each item stands in as
    many pairs as before, so what is merely popular, or merely central, raises both alike.

    Args:
        features: One modality, [n_items, d_m].
        interactions: R of the training split, [n_users, n_items].
        k: Neighbours an item.
        seed: Of the shuffles.
    """
    taken = interactions.transposed().row_sums() > 0
    graph = cosine_knn(features.values, features.present & taken, k)
    items, others = graph.rows.numpy(), graph.cols.numpy()
    ones = np.ones(interactions.n_edges, dtype=np.float32)
    ends = (interactions.cols.numpy(), interactions.rows.numpy())
    users_of = sp.csr_matrix((ones, ends), shape=interactions.shape[::-1])  # [n_items, n_users]
    generator = np.random.default_rng(seed)
    random = [
        _mean_in_common(users_of, items, generator.permutation(others)) for _ in range(SHUFFLES)
    ]
    return Signal(_mean_in_common(users_of, items, others), float(np.mean(random)))


def _mean_in_common(
    users_of: sp.csr_matrix, items: NDArray[np.int64], others: NDArray[np.int64]
) -> float:
    """Mean number of users in common, over the pairs of two different items."""
    different = items != others
    items, others = items[different], others[different]
    total = 0.0
    for start in range(0, len(items), BLOCK_PAIRS):
        pairs = slice(start, start + BLOCK_PAIRS)
        common = users_of[items[pairs]].multiply(users_of[others[pairs]]).sum(axis=1)
        total += float(np.asarray(common).sum())
    return total / len(items) if len(items) else float("nan")
