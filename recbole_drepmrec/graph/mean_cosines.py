"""Means of the cosines of several modalities, in float32 to screen and in float64 to decide."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

Some = Tensor | slice
"""Which rows or columns."""


class Unit(NamedTuple):
    """One modality's rows of length one, zero where missing, and what their cosines need.

    Attributes:
        rows: float64, [n, d].
        single: The same in float32.
        lengths: Former lengths, [n].
        present: Who has one, bool [n].
        shrink: s.
    """

    rows: Tensor
    single: Tensor
    lengths: Tensor
    present: Tensor
    shrink: float

    @classmethod
    def of(cls, features: Tensor, present: Tensor, shrink: float) -> Self:
        """Scale the rows [n, d] of those who have one, bool [n], to length one."""
        rows = features.masked_fill(~present[:, None], 0.0).double()
        if not rows.isfinite().all():
            what = "features of present rows hold NaN or infinity"
            raise ValueError(f"{what}, expected finite numbers")
        lengths, unit = rows.norm(dim=1), normalize(rows, dim=1)
        return cls(unit, unit.float(), lengths, present, shrink)

    def shrunk(self, scores: Tensor, rows: Some, cols: Some) -> Tensor:
        """The scores of rows with columns, shrunk in place."""
        if self.shrink:
            lengths = self.lengths[rows].unsqueeze(1) * self.lengths[cols]
            scores *= (lengths / (lengths + self.shrink)).to(scores.dtype)
        return scores


class MeanCosines:
    """Means of the modalities' cosines, of rows with all or with chosen ones.

    Attributes:
        error: How far ``screened`` can be from the others, at most.
    """

    def __init__(self, modalities: Sequence[Unit]) -> None:
        self.modalities = modalities
        self.there = torch.stack([modality.present for modality in modalities], dim=1)  # [n, M]
        widest = max(modality.rows.shape[1] for modality in modalities)
        # twice the bound of a product of unit vectors, their own rounding and the mean's included
        self.error = (widest + 8) * torch.finfo(torch.float32).eps

    def screened(self, rows: slice, cols: slice) -> Tensor:
        """Of some rows with some columns, in float32, [b, w]."""
        # mixed precision or not, for ``error`` is float32's
        with torch.autocast(self.there.device.type, enabled=False):
            scores = [
                m.shrunk(m.single[rows] @ m.single[cols].T, rows, cols) for m in self.modalities
            ]
        return self._mean(scores, rows, cols)

    def exact(self, rows: Tensor) -> Tensor:
        """Of rows [b] with all, [b, n]."""
        everyone = slice(None)
        scores = [m.shrunk(m.rows[rows] @ m.rows.T, rows, everyone) for m in self.modalities]
        return self._mean(scores, rows, everyone).float()

    def of_pairs(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Of rows [b] with columns of their own, [b, c]."""
        scores = [
            m.shrunk((m.rows[cols] @ m.rows[rows].unsqueeze(2)).squeeze(2), rows, cols)
            for m in self.modalities
        ]
        return self._mean(scores, rows, cols).float()

    def _mean(self, scores: list[Tensor], rows: Some, cols: Some) -> Tensor:
        """Over the modalities that both have; a missing one's cosine is zero."""
        total = scores[0]
        for other in scores[1:]:
            total += other
        if len(scores) > 1:
            mine, others = (self.there[which].to(total.dtype) for which in (rows, cols))
            own_columns = others.dim() == 3  # [b, c, M]
            shared = (mine.unsqueeze(1) * others).sum(-1) if own_columns else mine @ others.T
            total /= shared.clamp(min=1)
        return total
