"""Collects what an evaluation measures: of all users, in one process or several."""

from typing import Any

import torch
from recbole.evaluator import Collector
from recbole.evaluator.collector import DataStruct
from torch import Tensor

from recbole_drepmrec.distributed import gather_samples


class TopCollector(Collector):
    """RecBole's collector, which looks at the top of each list only.

    To see which of a list's items are a user's, RecBole fills a matrix of all users and items of a
    batch, and it copies all lists so far at each batch. Here the listed pairs are looked up among
    the user's, and the lists are joined once. In several processes it puts all users back in order.
    RecBole averages the processes' metrics instead, counting a padded user twice and weighing each
    process alike whatever its number of users.

    Args:
        config: The resolved configuration.

    Attributes:
        n_samples: Users (or interactions) of the evaluation now running.
    """

    n_samples: int

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        needed = [name for name in ("rec.items", "rec.topk") if self.register.need(name)]
        self._batches: dict[str, list[Tensor]] = {name: [] for name in needed}
        for name in needed:  # ours; what else there is to collect stays RecBole's
            delattr(self.register, name)

    def eval_batch_collect(
        self, scores_tensor: Tensor, interaction: Any, positive_u: Tensor, positive_i: Tensor
    ) -> None:
        """Collect one batch.

        Args:
            scores_tensor: Scores of all items, [B, n_items].
            interaction: The batch.
            positive_u: Row of each item to be found.
            positive_i: The item.
        """
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
        if not self._batches:
            return
        listed = scores_tensor.topk(max(self.topk), dim=-1).indices  # [B, K]
        if "rec.items" in self._batches:
            self._batches["rec.items"].append(listed)
        if "rec.topk" in self._batches:
            hits = _hits(listed, scores_tensor.shape[1], positive_u, positive_i)
            self._batches["rec.topk"].append(hits)

    def get_data_struct(self) -> DataStruct:
        """Return what the evaluator reads, of all users, once each, and forget this evaluation.

        RecBole's own fails on the plain numbers that ItemCoverage and ShannonEntropy need.
        """
        collected = self.data_struct._data_dict
        kept = {name: value for name, value in collected.items() if not isinstance(value, Tensor)}
        tensors = {name: value for name, value in collected.items() if isinstance(value, Tensor)}
        tensors |= {name: torch.cat(some) for name, some in self._batches.items() if some}
        self.data_struct._data_dict = kept
        self._batches = {name: [] for name in self._batches}
        struct = DataStruct()
        struct._data_dict = kept | {name: self._gather(rows) for name, rows in tensors.items()}
        return struct

    def _gather(self, rows: Tensor) -> Tensor:
        if self.config["single_spec"]:
            return rows.cpu()
        return gather_samples(rows.to(self.config["device"]), self.n_samples).cpu()


def _hits(listed: Tensor, n_items: int, rows: Tensor, items: Tensor) -> Tensor:
    """Whether each listed item is to be found, and how many are: [B, K + 1], as RecBole has it."""
    rows, items = rows.to(listed.device), items.to(listed.device)
    pairs = torch.arange(len(listed), device=listed.device).unsqueeze(1) * n_items + listed
    hits = torch.isin(pairs, rows * n_items + items)
    counts = torch.bincount(rows, minlength=len(listed))
    return torch.cat([hits.int(), counts.int().unsqueeze(1)], dim=1)
