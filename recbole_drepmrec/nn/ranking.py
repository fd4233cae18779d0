"""The ranking loss of a batch's pairs, and the vectors that go with it when items are scored."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.nn.batch import Batch
from recbole_drepmrec.nn.losses import bpr_loss, softmax_loss
from recbole_drepmrec.nn.representations import Representations

RankingKind = Literal["bpr", "softmax"]
"""Each positive item against its own negative one, or against the negative ones of the batch."""

MOST_PAIRS = 4096
"""Pairs that share their negative items."""


class RankingLoss(nn.Module):
    """How the items that users took are brought before those they did not. [ours]

        bpr        -log sigmoid(<u, i> - <u, j>)              j: the negative item of the pair
        softmax    -log( exp(cos(u, i)/t) / (exp(cos(u, i)/t) + sum_j exp(cos(u, j)/t)) )
                                                              j: the negative items of all pairs

    Under ``softmax`` items are scored by cosines too: the length of an item's vector, which the
    loss leaves open, has no say in the ranking. More than 4,096 pairs share their negatives in
    parts of so many.

    Args:
        kind: ``bpr`` or ``softmax``.
        temperature: t, above zero.

    Raises:
        ValueError: ``kind`` is neither, or the temperature is not above zero.
    """

    def __init__(self, kind: RankingKind = "softmax", temperature: float = 0.2) -> None:
        super().__init__()
        if kind not in get_args(RankingKind):
            raise ValueError(
                f"ranking loss {kind!r} is not one of {', '.join(get_args(RankingKind))}"
            )
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a number above zero")
        self.kind = kind
        self.temperature = temperature

    def forward(self, pairs: Representations, items: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the pairs, a scalar.

        Args:
            pairs: User and positive item of each pair, [B, d] each.
            items: The distinct items of the batch, [I, d].
            batch: The training pairs.
        """
        if self.kind == "bpr":
            negatives = items[batch.negative]
            scores = [(pairs.users * one).sum(-1) for one in (pairs.items, negatives)]
            return bpr_loss(*scores)
        parts = zip(
            *(torch.split(one, MOST_PAIRS) for one in (*pairs, batch.negative)), strict=True
        )
        losses = [
            len(users) * softmax_loss(users, positives, items[negative.unique()], self.temperature)
            for users, positives, negative in parts
        ]
        return torch.stack(losses).sum() / len(pairs.users)

    def scoring(self, encoded: Representations) -> Representations:
        """The vectors whose dot products rank the items: under ``softmax`` items of length one.

        Args:
            encoded: Users [n_users, d] and items [n_items, d].
        """
        if self.kind == "bpr":
            return encoded
        return Representations(encoded.users, F.normalize(encoded.items, dim=-1))

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"kind={self.kind}, temperature={self.temperature}"
