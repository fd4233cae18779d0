"""How the rows of one modality are prepared: learnt from the training items, applied to any."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

FeatureNorm = Literal["center_l2", "l2", "none"]
"""Centred and scaled to length one, scaled only, or as they are."""


@dataclass(frozen=True)
class RowPreparation:
    """What turns a row of a feature file into what a model reads. [ours]

        y = (f - origin) C^T,   x = (y - mean) / ||y - mean||

    Attributes:
        norm: ``center_l2``, ``l2`` (mean left in) or ``none`` (x = y).
        width: Numbers of a row f.
        mean: What is taken off, shape [d_m]; None if nothing is.
        rounding: A centred row no longer than this is the mean but for rounding, and has no
            direction.
        components: C, principal components, float64 [d_m, width]; None for y = f.
        origin: float64 [width]; None without components.
    """

    norm: FeatureNorm
    width: int
    mean: Tensor | None = None
    rounding: float = 0.0
    components: NDArray[np.float64] | None = None
    origin: NDArray[np.float64] | None = None

    def reduced(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows' principal components, [n, d_m]; the rows themselves where none were found.

        Args:
            rows: Shape [n, width].
        """
        if self.components is None or self.origin is None:
            return rows
        found = rows.astype(np.float64) @ self.components.T - self.origin @ self.components.T
        return found.astype(np.float32)

    def scaled(self, rows: Tensor) -> Tensor:
        """Rows centred and scaled as ``norm`` says, [n, d_m].

        Args:
            rows: Reduced rows, [n, d_m].
        """
        if self.norm == "none":
            return rows
        if self.mean is not None:
            rows = rows - self.mean
            rows = torch.where(rows.norm(dim=1, keepdim=True) > self.rounding, rows, 0.0)
        return normalize(rows, dim=1)

    def apply(self, rows: NDArray[np.float32]) -> Tensor:
        """Prepare rows as they stand in a file, [n, d_m].

        Args:
            rows: Shape [n, width].
        """
        return self.scaled(torch.from_numpy(self.reduced(rows)))

    def state(self) -> dict[str, Any]:
        """All of it as tensors, arrays and plain data; ``RowPreparation(**state)`` is it again."""
        return asdict(self)
