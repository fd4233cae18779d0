"""RecBole's training batches and negatives, the same ones, made by whole columns."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.data.dataloader import TrainDataLoader
from recbole.data.interaction import Interaction
from recbole.sampler import Sampler
from torch import Tensor


class VectorisedSampler(Sampler):
    """RecBole's sampler by rejection, which looks all draws up at once and not one by one.

    From the same state of numpy's generator it draws the same negatives. A draw is looked up as
    user * n_items + item among the sorted numbers of the user's own items.

    Args:
        sampler: RecBole's sampler of one phase.
    """

    def __init__(self, sampler: Any) -> None:
        # RecBole's constructor would count all interactions once more.
        self.__dict__.update(sampler.__dict__)
        counts = np.fromiter(map(len, self.used_ids), np.int64, len(self.used_ids))
        items = (item for used in self.used_ids for item in used)
        used = np.fromiter(items, np.int64, counts.sum())
        self._used = np.sort(np.repeat(np.arange(len(counts)), counts) * self.item_num + used)

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The items that are drawn from, a user's own ones among them, sorted, [C]."""
        return np.arange(1, self.item_num)

    def own_items(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Users and items of all pairs that are never drawn, sorted, [n] each."""
        users, items = np.divmod(self._used, self.item_num)
        return users, items

    def sample_by_key_ids(self, key_ids: Any, num: int) -> Tensor:
        """Draw items that a user does not have.

        Args:
            key_ids: Users, [B].
            num: Items for each.

        Returns:
            The first item of each user, then the second of each, and so on, [num * B].
        """
        users = np.tile(np.asarray(key_ids), num)
        items = np.zeros(len(users), dtype=np.int64)
        open_places = np.arange(len(users))
        while len(open_places) > 0:
            items[open_places] = self.sampling(len(open_places))
            open_places = open_places[self._has(users[open_places], items[open_places])]
        return torch.from_numpy(items)

    def _has(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
        drawn = users * self.item_num + items
        places = np.searchsorted(self._used, drawn)
        found: NDArray[np.bool_] = self._used[np.minimum(places, len(self._used) - 1)] == drawn
        return found


class ColumnLoader(TrainDataLoader):
    """RecBole's training loader, which cuts its batches out of whole columns.

    torch's loader collects a batch item by item, as a list of Python integers. The order is the
    same, and so is what is left of the generator.

    Args:
        loader: RecBole's training loader, without workers.
    """

    device = torch.device("cpu")

    def __init__(self, loader: Any) -> None:
        self.__dict__.update(loader.__dict__)

    def __iter__(self) -> Iterator[Interaction]:
        """Yield the batches of one epoch."""
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)  # torch's loader does
        order = torch.tensor(list(self.sampler), device=self.device)
        for rows in torch.split(order, self.step):
            batch = Interaction({name: column[rows] for name, column in self.columns().items()})
            yield self._neg_sampling(self.transform(self._dataset, self._dataset.join(batch)))

    def columns(self) -> dict[str, Tensor]:
        """The columns that batches are cut out of, on ``device``, [n] each."""
        columns: dict[str, Tensor] = self._dataset.inter_feat.interaction
        return columns


def in_columns(config: Any, train_data: Any) -> Any:
    """The training loader, faster where it is RecBole's plain one.

    Args:
        config: The resolved configuration.
        train_data: What RecBole made.
    """
    if type(train_data) is not TrainDataLoader:
        return train_data  # those of knowledge graphs, for one, have rules of their own
    if type(train_data._sampler) is Sampler:
        train_data._sampler = VectorisedSampler(train_data._sampler)
    return train_data if config["worker"] else ColumnLoader(train_data)
