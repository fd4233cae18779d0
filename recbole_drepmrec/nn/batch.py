"""A training batch by the distinct users and items that it reads."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from recbole_drepmrec.nn.distinct_ids import DistinctInParts, distinct, distinct_in_parts
from recbole_drepmrec.nn.representations import Representations


@dataclass(frozen=True, eq=False)
class Batch:
    """Training pairs as places among the distinct users and items of the batch. [ours]

    The gradient of ``table[ids]`` is a table of zeros with some rows filled, made anew for every
    such term. Loss terms that share the few rows taken out once leave one such table a batch.

    Attributes:
        users: The distinct users, sorted; on a GPU filled up with zeros, [U].
        items: The distinct items, positive or negative, the same way, [I].
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
        of_users = distinct(users)
        of_items = distinct(torch.cat([positives, negatives]))
        positive, negative = torch.split(of_items.places, len(positives))
        return cls(of_users.ids, of_items.ids, of_users.places, positive, negative)

    @cached_property
    def negatives_in_parts(self) -> DistinctInParts:
        """The distinct negative items of each part, by their places in ``items``."""
        return distinct_in_parts(self.negative)

    def rows(self, of_all: Representations) -> Representations:
        """The rows of this batch: users [U, d] and items [I, d].

        Args:
            of_all: Users [n_users, d] and items [n_items, d].
        """
        return Representations(of_all.users[self.users], of_all.items[self.items])

    def positive_pairs(self, rows: Representations) -> Representations:
        """User and positive item of each pair, [B, d] each.

        Args:
            rows: What ``rows`` returned.
        """
        return Representations(rows.users[self.user], rows.items[self.positive])

    def squared_norm(self, rows: Representations) -> Tensor:
        """L2 penalty of the rows that the pairs read: sum over pairs of ||rows||^2 / 2B. [ours]

        A row counts as often as it is read, though it is taken out once.

        Args:
            rows: What ``rows`` returned.
        """
        of_users = _squares(rows.users, self.user) / (2 * len(self.user))
        return of_users + self.squared_norm_of_items(rows.items)

    def squared_norm_of_items(self, rows: Tensor) -> Tensor:
        """The same of positive and negative items alone.

        Args:
            rows: Of the distinct items, [I, d].
        """
        read = torch.cat([self.positive, self.negative])
        return _squares(rows, read) / (2 * len(self.user))


def _squares(rows: Tensor, read: Tensor) -> Tensor:
    """Sum of ||row||^2 over the places that are read, a scalar."""
    # not bincount, which makes the host wait for a GPU
    times = rows.new_zeros(len(rows)).index_add_(0, read, rows.new_ones(len(read)))
    return rows.pow(2).sum(1) @ times
