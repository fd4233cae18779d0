"""The distinct ids of a batch, found without making the host wait for a GPU."""

from typing import NamedTuple

import torch
from torch import Tensor

from recbole_drepmrec import fixed_shapes

MOST_PAIRS = 512
"""Training pairs that are set against each other in one InfoNCE or softmax; more go in parts."""


class Distinct(NamedTuple):
    """Ids of a batch, each once.

    Attributes:
        ids: The distinct ids, sorted, and after them zeros that fill up, [n].
        places: Where each of the given ids stands in ``ids``, [B].
        counted: False for the zeros that fill up, bool [n]; None where nothing fills up.
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

    Where shapes are fixed (``has_fixed_shapes``) zeros fill up to n = B; else n is the number of
    distinct ids.

    Args:
        ids: Ids of users or items, which may repeat, [B].
    """
    if not fixed_shapes.has_fixed_shapes(ids.device):
        found, places = torch.unique(ids, return_inverse=True)
        return Distinct(found, places, None)
    ordered, order = ids.sort()
    is_first = torch.cat([ordered.new_ones(1), ordered.diff()]).bool()[: len(ids)]
    rank = is_first.cumsum(0) - 1  # among the distinct ones, of the ordered ids
    filled = torch.zeros_like(ids).scatter_(0, rank, ordered)
    counted = torch.zeros_like(is_first).scatter_(0, rank, True)
    return Distinct(filled, torch.empty_like(rank).scatter_(0, order, rank), counted)


class DistinctInParts(NamedTuple):
    """Ids of a batch in parts of ``MOST_PAIRS``, in each part each once.

    Attributes:
        ids: The distinct ids of each part, one part after the other, [n].
        counted: As in ``Distinct``, [n].
        sizes: Of each part, how many ids were given and how many are distinct (or fill up).
    """

    ids: Tensor
    counted: Tensor | None
    sizes: list[tuple[int, int]]


def distinct_in_parts(ids: Tensor) -> DistinctInParts:
    """Find the distinct ids of each part.

    The gradient of ``table[ids]`` is a table of its own: rows that are taken out once for all parts
    keep the cost from growing with the square of the batch.

    Args:
        ids: Ids of users or items, which may repeat, [B].
    """
    parts = [distinct(part) for part in torch.split(ids, MOST_PAIRS)]
    counted = [part.counted for part in parts if part.counted is not None]
    return DistinctInParts(
        torch.cat([part.ids for part in parts]),
        torch.cat(counted) if counted else None,
        [(len(part.places), len(part.ids)) for part in parts],
    )
