"""RecBole's metrics, the same numbers without a loop over users."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recbole.evaluator import Evaluator
from recbole.evaluator.metrics import MAP, MRR, NDCG, TailPercentage
from recbole.evaluator.register import metrics_dict

Hits = NDArray[np.bool_]
"""Whether the item at each place is one of the user's, [U, K]."""


class VectorisedMRR(MRR):
    """Reciprocal rank of the first hit."""

    def metric_info(self, pos_index: Hits) -> NDArray[np.float64]:
        """Return it for lists of 1 to K items, [U, K]."""
        first = pos_index.argmax(axis=1)[:, None]
        found = pos_index.any(axis=1, keepdims=True) & (np.arange(pos_index.shape[1]) >= first)
        return np.where(found, 1 / (first + 1), 0.0)


class VectorisedMAP(MAP):
    """Average precision, over as many places as there are items to find."""

    def metric_info(self, pos_index: Hits, pos_len: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return it for lists of 1 to K items, [U, K]."""
        places = np.arange(1, pos_index.shape[1] + 1)
        sums = (pos_index.cumsum(axis=1) / places * pos_index).cumsum(axis=1)
        average: NDArray[np.float64] = sums / np.minimum(places, pos_len[:, None])
        return average


class VectorisedNDCG(NDCG):
    """Gain 1 / log2(place + 1) of the hits, over that of the best list."""

    def metric_info(self, pos_index: Hits, pos_len: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return it for lists of 1 to K items, [U, K]."""
        places = np.arange(1, pos_index.shape[1] + 1)
        gains = 1 / np.log2(places + 1)
        best = gains.cumsum()[np.minimum(places, pos_len[:, None]) - 1]
        ratio: NDArray[np.float64] = np.where(pos_index, gains, 0).cumsum(axis=1) / best
        return ratio


class VectorisedTailPercentage(TailPercentage):
    """Share of recommendations out of the least popular items."""

    def get_tail(
        self, item_matrix: NDArray[np.int64], count_items: Mapping[int, int]
    ) -> NDArray[np.float64]:
        """Return whether each is such an item, asking RecBole once for each different one.

        It looks an item up in a list, each time it is recommended.
        """
        different, inverse = np.unique(item_matrix, return_inverse=True)
        tail: NDArray[np.float64] = super().get_tail(different[None], count_items)[0]
        return tail[inverse.reshape(item_matrix.shape)]


VECTORISED: Mapping[type[Any], type[Any]] = {
    MRR: VectorisedMRR,
    MAP: VectorisedMAP,
    NDCG: VectorisedNDCG,
    TailPercentage: VectorisedTailPercentage,
}
"""RecBole's metric and what stands for it; its others have no loop."""


def metric_class(name: str) -> Any:
    """The class that computes a metric.

    Args:
        name: RecBole's name of it, in small letters.
    """
    return VECTORISED.get(metrics_dict[name], metrics_dict[name])


class VectorisedEvaluator(Evaluator):
    """RecBole's evaluator with these metrics.

    Args:
        config: Names the metrics, the k and the decimals.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.metric_class = {name: metric_class(name)(config) for name in self.metrics}
