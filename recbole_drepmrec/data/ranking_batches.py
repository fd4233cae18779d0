"""RecBole's batches of a full ranking, the same ones, made from whole columns."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_drepmrec.data.pairs import are_among, distinct, numbered


class _ItemsOfUsers(NamedTuple):
    """Items user after user [n], where each user's begin [U], and how many there are [U]."""

    items: Tensor
    starts: Tensor
    counts: Tensor

    @classmethod
    def of(cls, pairs: NDArray[np.int64], users: NDArray[np.int64], n_items: int) -> Self:
        """Those of some users.

        Args:
            pairs: user * n_items + item, sorted, [n].
            users: Sorted, [U].
            n_items: How many items there are.
        """
        owners, items = np.divmod(pairs, n_items)
        starts, ends = (np.searchsorted(owners, users, side) for side in ("left", "right"))
        arrays = (items, starts, ends - starts)
        return cls(*map(torch.from_numpy, arrays))

    def pairs(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Place b in ``users`` [B] of each of their items, and the item."""
        starts, counts = self.starts[users], self.counts[users]
        places = torch.arange(len(users)).repeat_interleave(counts)
        before = counts.cumsum(0) - counts  # items of the users before
        return places, self.items[torch.arange(len(places)) + (starts - before)[places]]

    def lists(self) -> list[Tensor]:
        """The items of each user, U tensors."""
        ends = (self.starts + self.counts).tolist()
        bounds = zip(self.starts.tolist(), ends, strict=True)
        return [self.items[start:end] for start, end in bounds]


class RankingLoader(FullSortEvalDataLoader):
    """RecBole's loader for full ranking, which takes a batch's items out of one column.

    RecBole makes two tensors a user before the first batch, and joins those of a batch.

    Args:
        config: The resolved configuration.
        dataset: The part whose items are to be found.
        sampler: RecBole's sampler of its phase.
        masked: Parts whose items are left out of a user's ranking where they are not to be found.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, masked: Iterable[Any]) -> None:
        # RecBole's order, which the hash of a run's data is of
        dataset.sort(by=dataset.uid_field, ascending=True)
        found = distinct(numbered(dataset))
        others = distinct(np.concatenate([found[:0], *map(numbered, masked)]))
        self.is_sequential = False  # read by RecBole before it sets it
        self.uid_field, self.iid_field = dataset.uid_field, dataset.iid_field
        users = distinct(found // dataset.item_num)
        self.uid_list = torch.from_numpy(users)
        self.user_df = dataset.join(Interaction({self.uid_field: self.uid_list}))
        self.sample_size = len(users)
        self._positive = _ItemsOfUsers.of(found, users, dataset.item_num)
        history = others[~are_among(others, found)]
        self._history = _ItemsOfUsers.of(history, users, dataset.item_num)
        # not RecBole's own constructor, which makes the tensors
        super(FullSortEvalDataLoader, self).__init__(config, dataset, sampler)

    def collate_fn(self, index: list[int]) -> tuple[Any, Any, Tensor, Tensor]:
        """Return what RecBole's does: users, (row, item) that are masked, and those to be found.

        Args:
            index: Places in ``uid_list``.
        """
        users = torch.tensor(index)
        frame = self.user_df[users]
        return frame, self._history.pairs(users), *self._positive.pairs(users)

    @cached_property
    def uid2positive_item(self) -> NDArray[np.object_]:
        """The items to be found, one tensor a user that has any, None for the others, [n_users]."""
        return self._by_id(self._positive.lists())

    @cached_property
    def uid2history_item(self) -> NDArray[np.object_]:
        """The items that are masked, as above."""
        return self._by_id(self._history.lists())

    @cached_property
    def uid2items_num(self) -> NDArray[np.int64]:
        """How many items are to be found, [n_users]."""
        counts = np.zeros(self._dataset.user_num, dtype=np.int64)
        counts[self.uid_list.numpy()] = self._positive.counts.numpy()
        return counts

    def _by_id(self, lists: list[Tensor]) -> NDArray[np.object_]:
        values = np.full(self._dataset.user_num, None, dtype=object)
        for user, items in zip(self.uid_list.tolist(), lists, strict=True):
            values[user] = items
        return values
