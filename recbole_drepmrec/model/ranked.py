"""Recommenders of one vector a user and an item, whose ranking loss can be chosen."""

import torch

from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.model.ranking_settings import RankingSettings
from recbole_drepmrec.nn import ENCODED, RankingLoss, Representations


class RankedRecommender(MultimodalRecommender):
    """A recommender that ranks what ``forward`` encodes by a ``RankingLoss``. [ours]

    Its papers rank by BPR; ``ranking_loss: softmax`` is DRepMRec's loss, so that a comparison can
    tell a model from its loss. A subclass sets ``ranking``.

    Args:
        config: The resolved configuration.
        dataset: The training split.
    """

    settings: RankingSettings
    ranking: RankingLoss

    def scoring_vectors(self) -> Representations:
        """The encoded users and items, by ``softmax`` of length one and with their popularity."""
        return self.ranking.scoring(self.forward())

    @torch.no_grad()
    def parts(self) -> dict[str, Representations]:
        """By ``softmax`` the encoded vectors, apart from popularity; none by ``bpr``."""
        return {ENCODED: self.forward()} if self.cosine_weights() else {}

    def cosine_weights(self) -> tuple[float, ...] | None:
        """Length one by ``softmax``, any by ``bpr``."""
        return self.ranking.cosine_weights()
