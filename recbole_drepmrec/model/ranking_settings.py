"""The keys of the ranking loss, and the loss that they ask for."""

from pydantic import Field

from recbole_drepmrec.graph import Graph
from recbole_drepmrec.nn import RankingKind, RankingLoss
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
