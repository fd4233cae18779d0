"""Vectors brought to length one, and the way back of a gradient of theirs."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

SHORTEST = 1e-12
"""What shorter rows are divided by, so that one of zeros stays so."""


class UnitRows(NamedTuple):
    """Rows y = x / |x|. [ours]

        dL/dx = (dL/dy - <dL/dy, y> y) / |x|

    By hand, for losses that make their gradients along with their value: torch's own
    ``F.normalize`` takes more than twice the time there and back.

    Attributes:
        rows: y, in float32 at least, shape [n, d].
        lengths: |x|, never below ``SHORTEST``, [n, 1].
    """

    rows: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> Self:
        """Divide vectors by their lengths; without autograd.

        Args:
            vectors: x, in any floating-point type, shape [n, d].
        """
        full = vectors.detach().to(torch.promote_types(vectors.dtype, torch.float32))
        lengths = torch.linalg.vector_norm(full, dim=-1, keepdim=True).clamp_(min=SHORTEST)
        return cls(full / lengths, lengths)

    def gradient(self, of_rows: Tensor) -> Tensor:
        """dL/dx, shape [n, d].

        Args:
            of_rows: dL/dy, [n, d].
        """
        along = (of_rows * self.rows).sum(-1, keepdim=True)
        return torch.addcmul(of_rows, along, self.rows, value=-1).div_(self.lengths)
