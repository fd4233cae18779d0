"""Recommenders of one vector a user and an item, whose ranking loss can be chosen."""

import torch
from pydantic import Field

from recbole_drepmrec.graph import Graph
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.nn import BEHAVIOR, RankingKind, RankingLoss, Representations
from recbole_drepmrec.settings import AboveZero, Settings


class RankingSettings(Settings):
    """Keys of the ranking loss."""

    ranking_loss: RankingKind = Field(
        description="By the batch's negative items, or each pair's own."
    )
    ranking_temperature: AboveZero = Field(description="Temperature of `ranking_loss: softmax`.")


def ranking_loss(settings: RankingSettings, interactions: Graph) -> RankingLoss:
    """The ranking loss that the settings ask for.

    Args:
        settings: Its keys.
        interactions: R of the training split, [n_users, n_items].
    """
    times = interactions.transposed().row_sums()  # [n_items]
    return RankingLoss(settings.ranking_loss, settings.ranking_temperature, times)


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
        return {BEHAVIOR: self.forward()} if self.cosine_weights() else {}

    def cosine_weights(self) -> tuple[float, ...] | None:
        """Length one by ``softmax``, any by ``bpr``."""
        return (1.0,) if self.settings.ranking_loss == "softmax" else None
