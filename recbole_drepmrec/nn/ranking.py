"""The ranking loss of a batch's pairs, and the vectors that go with it when items are scored."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from recbole_drepmrec.nn.batch import Batch
from recbole_drepmrec.nn.blocks import divided, lengths_of
from recbole_drepmrec.nn.exponentials import BiasedVectors
from recbole_drepmrec.nn.losses import bpr_loss, softmax_loss
from recbole_drepmrec.nn.representations import Representations

RankingKind = Literal["bpr", "softmax"]
"""Each positive item against its own negative one, or against the negative ones of the batch."""


class RankingLoss(nn.Module):
    """How the items that users took are brought before those they did not. [ours]

        bpr        -log sigmoid(<u, i> - <u, j>)              j: the negative item of the pair
        softmax    -log( exp(x_ui) / (exp(x_ui) + sum_j exp(x_uj)) ),   x_ui = cos(u, i)/t + beta_i
                                                              j: those of a part of the batch

    Under ``softmax`` items are scored by x too: the lengths of vectors, which the loss leaves open,
    have no say in the ranking. So popularity, which under ``bpr`` makes vectors long,
    has a number beta of its own, zero at first. The cost grows with the batch, and not with its
    square, because no more than ``MOST_PAIRS`` pairs share their negatives.

    Args:
        kind: ``bpr`` or ``softmax``.
        temperature: t, above zero.
        interactions: Of each item in training, [n_items]. One without any takes the mean beta of
            the others: what it learns is only that it was never taken.

    Raises:
        ValueError: ``kind`` is neither, or the temperature is not above zero.
    """

    untrained: Tensor

    def __init__(self, kind: RankingKind, temperature: float, interactions: Tensor) -> None:
        super().__init__()
        if kind not in get_args(RankingKind):
            raise ValueError(
                f"ranking loss {kind!r} is not one of {', '.join(get_args(RankingKind))}"
            )
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a number above zero")
        self.kind = kind
        self.temperature = temperature
        self.item_bias: nn.Parameter | None = None
        if kind == "softmax":
            self.item_bias = nn.Parameter(torch.zeros(len(interactions)))
        self.register_buffer("untrained", interactions == 0, persistent=False)

    def forward(self, pairs: Representations, items: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the pairs, a scalar.

        Args:
            pairs: User and positive item of each pair, [B, d] each.
            items: The distinct items of the batch, [I, d].
            batch: The training pairs.
        """
        if self.item_bias is None:
            scores = ((pairs.users * one).sum(-1) for one in (pairs.items, items[batch.negative]))
            return bpr_loss(*scores)
        biases = self.item_bias[batch.items]
        drawn = batch.negatives_in_parts
        levels = biases[drawn.ids]
        if drawn.counted is not None:
            levels = levels.masked_fill(~drawn.counted, -torch.inf)
        taken = BiasedVectors(pairs.items, biases[batch.positive])
        offered = BiasedVectors(items[drawn.ids], levels)
        return softmax_loss(pairs.users, taken, offered, self.temperature, drawn.sizes)

    def scoring(self, encoded: Representations) -> Representations:
        """The vectors whose dot products rank the items.

        Under ``softmax`` users [u / |u|, t] and items [i / |i|, beta_i], so that scores are t x.

        Args:
            encoded: Users [n_users, d] and items [n_items, d].
        """
        levels, weights = self.levels(), self.cosine_weights()
        if levels is None or weights is None:
            return encoded
        return by_cosines(encoded, weights, levels, self.temperature)

    def cosine_weights(self) -> tuple[float, ...] | None:
        """The length of the vectors that ``scoring`` makes, popularity apart; None for any."""
        return None if self.item_bias is None else (1.0,)

    def levels(self) -> Tensor | None:
        """Each beta as items are scored, [n_items]; None under ``bpr``."""
        if self.item_bias is None:
            return None
        trained = self.item_bias[~self.untrained].mean()
        return torch.where(self.untrained, trained, self.item_bias)

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"kind={self.kind}, temperature={self.temperature}"


def by_cosines(
    encoded: Representations, weights: Sequence[float], levels: Tensor, temperature: float
) -> Representations:
    """Vectors whose dot products are the weighed cosines of their blocks, plus t times a level.

    Args:
        encoded: Users [n_users, D] and items [n_items, D].
        weights: The lengths of the blocks (``blocks``).
        levels: Of the items, [n_items].
        temperature: t, the last number of each user.
    """
    users, items = map(divided, encoded, lengths_of(encoded, weights))
    return Representations(
        torch.cat([users, users.new_full((len(users), 1), temperature)], dim=1),
        torch.cat([items, levels.unsqueeze(1)], dim=1),
    )
