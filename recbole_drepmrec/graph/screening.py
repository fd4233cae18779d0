"""The highest scores of each row of a symmetric matrix that is made in tiles and never whole."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from recbole_drepmrec.graph.knn import blocks

TILE_ROWS = 2048
"""Rows and columns of a tile: 16 MiB of float32, large enough for fast products."""

Tile = Callable[[slice, slice], Tensor]
"""The scores of some rows with some columns, [b, w]."""


class Candidates(NamedTuple):
    """The columns of the highest scores of each row.

    Attributes:
        scores: Highest first, [n, c]; minus infinity where there were fewer columns.
        columns: Whose they are, [n, c].
    """

    scores: Tensor
    columns: Tensor

    def offer(self, rows: slice, first: int, scores: Tensor) -> None:
        """Let columns compete for the places of some rows.

        Args:
            rows: Which rows, b of them.
            first: The first of the columns; the others follow it.
            scores: Of the rows with the columns, [b, w].
        """
        lowest = self.scores[rows, -1:]  # [b, 1]
        if lowest.isinf().any():  # places are free, so most would pass
            best = scores.topk(min(self.scores.shape[1], scores.shape[1]), dim=1)
            self._keep(rows, best.values, best.indices + first)
            return
        row, column = (scores > lowest).nonzero(as_tuple=True)  # few: a pass is cheaper than topk
        count = row.bincount(minlength=len(scores))
        width = int(count.max())
        if width == 0:
            return
        place = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count)[row]
        values = scores.new_full((len(scores), width), -torch.inf)
        columns = row.new_zeros((len(scores), width))
        values[row, place] = scores[row, column]
        columns[row, place] = column + first
        self._keep(rows, values, columns)

    def _keep(self, rows: slice, values: Tensor, columns: Tensor) -> None:
        values = torch.cat([self.scores[rows], values], dim=1)
        columns = torch.cat([self.columns[rows], columns], dim=1)
        best = values.topk(self.scores.shape[1], dim=1)
        self.scores[rows] = best.values
        self.columns[rows] = columns.gather(1, best.indices)


def highest_of_rows(tile: Tile, n: int, most: int, size: int, device: torch.device) -> Candidates:
    """The highest scores of each row of a symmetric matrix [n, n], its diagonal left out.

    A tile above the diagonal stands for its mirror image too: half of the products are saved.

    Args:
        tile: Makes a tile of the matrix, which may be changed.
        n: Rows and columns.
        most: c, how many of each row.
        size: Rows and columns of a tile.
        device: Where the tiles are.

    Returns:
        Scores and columns, [n, min(c, n)] each; of equal scores any may be there.
    """
    shape = (n, min(most, n))
    found = Candidates(
        torch.full(shape, -torch.inf, device=device),
        torch.zeros(shape, dtype=torch.int64, device=device),
    )
    for start, stop in blocks(n, size, "cosine neighbours"):
        rows = slice(start, stop)
        for left in range(start, n, size):
            columns = slice(left, min(left + size, n))
            scores = tile(rows, columns)
            if left == start:
                scores.fill_diagonal_(-torch.inf)
            else:
                found.offer(columns, start, scores.T)
            found.offer(rows, left, scores)
    return found
