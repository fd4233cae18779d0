"""The distinct ids of a batch, found without making the host wait for a GPU."""

from typing import NamedTuple

import torch
from torch import Tensor


class Distinct(NamedTuple):
    """Ids of a batch, each once.

    Attributes:
        ids: The distinct ids, sorted, then zeros that only fill up, [n].
        places: Where each of the given ids stands in ``ids``, [B].
        counted: Which of ``ids`` do not only fill up, bool [n]; None for all of them.
    """

    ids: Tensor
    places: Tensor
    counted: Tensor | None

    def counted_if(self, there: Tensor) -> Tensor:
        """Which of ``ids`` are counted if a mask says so too, bool [n].

        Args:
            there: Of each of ``ids``, bool [n].
        """
        return there if self.counted is None else there & self.counted


def distinct(ids: Tensor) -> Distinct:
    """Find the distinct ids, on a GPU in a shape that does not depend on them. [ours]

    How many there are is known to the device only, and who asks it waits until all that it has to
    do is done. So a GPU fills up to n = B, and on a CPU n is the number of distinct ids.

    Args:
        ids: Ids of users or items, which may repeat, [B].
    """
    if not has_fixed_shapes(ids.device):
        found, places = torch.unique(ids, return_inverse=True)
        return Distinct(found, places, None)
    ordered, order = ids.sort()
    is_first = torch.cat([ordered.new_ones(1), ordered.diff()]).bool()[: len(ids)]
    places = is_first.cumsum(0) - 1  # of the ordered ids
    filled = torch.zeros_like(ids).scatter_(0, places, ordered)
    counted = torch.zeros_like(is_first).scatter_(0, places, True)
    return Distinct(filled, torch.empty_like(ids).scatter_(0, order, places), counted)


def has_fixed_shapes(device: torch.device) -> bool:
    """Whether tensors of a batch on this device are of shapes that do not depend on its content.

    Args:
        device: Where the batch is.
    """
    return device.type != "cpu"
