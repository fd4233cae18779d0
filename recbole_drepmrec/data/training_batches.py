"""RecBole's training batches, the same ones, made by whole columns."""

from collections.abc import Iterator
from typing import Any

import torch
from recbole.data.dataloader import TrainDataLoader
from recbole.data.interaction import Interaction
from torch import Tensor


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
    return train_data if config["worker"] else ColumnLoader(train_data)
