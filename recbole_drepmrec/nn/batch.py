"""A training batch by the distinct users and items that it reads."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from recbole_drepmrec.nn.representations import Representations


class Batch(NamedTuple):
    """Training pairs as places among the distinct users and items of the batch. [ours]

    The gradient of ``table[ids]`` is a table of zeros with some rows filled, made anew for every
    such term. Loss terms that share the few rows taken out once leave one such table a batch.

    Attributes:
        users: The distinct users, sorted, [U].
        items: The distinct items, positive or negative, sorted, [I].
        user: Where each pair's user stands in ``users``, [B].
        positive: Where its positive item stands in ``items``, [B].
        negative: Where its negative item stands in ``items``, [B].
    """

    users: Tensor
    items: Tensor
    user: Tensor
    positive: Tensor
    negative: Tensor

    @classmethod
    def of(cls, users: Tensor, positives: Tensor, negatives: Tensor) -> Self:
        """Find the distinct users and items.

        Args:
            users: Users of the batch, [B].
            positives: Their items, [B].
            negatives: Items drawn for them, [B].
        """
        distinct_users, user = torch.unique(users, return_inverse=True)
        items, item = torch.unique(torch.cat([positives, negatives]), return_inverse=True)
        positive, negative = item.split(len(positives))
        return cls(distinct_users, items, user, positive, negative)

    def rows(self, of_all: Representations) -> Representations:
        """The rows of this batch: users [U, d] and items [I, d].

        Args:
            of_all: Users [n_users, d] and items [n_items, d].
        """
        return Representations(of_all.users[self.users], of_all.items[self.items])

    def pairs(self, rows: Representations) -> list[Tensor]:
        """Users, positive and negative items of the pairs, [B, d] each.

        Args:
            rows: What ``rows`` returned.
        """
        return [rows.users[self.user], rows.items[self.positive], rows.items[self.negative]]
