"""RecBole's batches of a full ranking, the same ones, made from whole columns."""

from typing import Any, NamedTuple

import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor


class _ItemsOfUsers(NamedTuple):
    """Items user after user [n], where each user's begin [U], and how many there are [U]."""

    items: Tensor
    starts: Tensor
    counts: Tensor

    @classmethod
    def of(cls, lists: list[Tensor]) -> "_ItemsOfUsers":
        counts = torch.tensor([len(items) for items in lists], dtype=torch.int64)
        none = torch.tensor([], dtype=torch.int64)  # a split may have no user
        return cls(torch.cat([none, *lists]), counts.cumsum(0) - counts, counts)

    def pairs(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Place b in ``users`` [B] of each of their items, and the item."""
        starts, counts = self.starts[users], self.counts[users]
        places = torch.arange(len(users)).repeat_interleave(counts)
        before = counts.cumsum(0) - counts  # items of the users before
        return places, self.items[torch.arange(len(places)) + (starts - before)[places]]


class RankingLoader(FullSortEvalDataLoader):
    """RecBole's loader for full ranking, which takes a batch's items out of one column.

    RecBole joins a tensor a user.

    Args:
        loader: RecBole's loader, of users, as it is to stay: which items are masked is read here.
    """

    def __init__(self, loader: Any) -> None:
        self.__dict__.update(loader.__dict__)
        self.__dict__["collate_fn"] = self.in_columns  # torch keeps the one it was made with
        users = loader.uid_list.numpy()
        self._history = _ItemsOfUsers.of(list(loader.uid2history_item[users]))
        self._positive = _ItemsOfUsers.of(list(loader.uid2positive_item[users]))

    def in_columns(self, index: list[int]) -> tuple[Any, Any, Tensor, Tensor]:
        """Return what RecBole's does: users, (row, item) that are masked, and those to be found.

        Args:
            index: Places in ``uid_list``.
        """
        users = torch.tensor(index)
        frame = self.user_df[users]
        return frame, self._history.pairs(users), *self._positive.pairs(users)


def ranked_in_columns(loader: Any) -> Any:
    """The evaluation loader, faster where it is RecBole's plain one for full ranking.

    Args:
        loader: What RecBole made.
    """
    plain = type(loader) is FullSortEvalDataLoader and not loader.is_sequential
    return RankingLoader(loader) if plain else loader
