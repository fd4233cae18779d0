"""Vectors brought to length one, and the way back of a gradient of theirs."""

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SHORTEST = 1e-12
"""A row that is not longer has no direction: it becomes zero, and has no gradient."""


class UnitRows(NamedTuple):
    """Rows y = x / |x|. [ours]

        dL/dx = (dL/dy - <dL/dy, y> y) / |x|,   both zero where x has no direction

    By hand, for losses that make their gradients along with their value, and for ``unit_length``:
    torch's own ``F.normalize`` takes more than twice the time there and back.

    Attributes:
        rows: y, in float32 at least, shape [n, d].
        inverse: 1 / |x|, zero where x has no direction, [n, 1].
    """

    rows: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> Self:
        """Bring vectors to length one; without autograd.

        Args:
            vectors: x, in any floating-point type, shape [n, d].
        """
        full = vectors.detach().to(torch.promote_types(vectors.dtype, torch.float32))
        lengths = torch.linalg.vector_norm(full, dim=-1, keepdim=True)
        inverse = torch.where(lengths > SHORTEST, 1 / lengths, 0.0)
        return cls(full * inverse, inverse)

    def gradient(self, of_rows: Tensor) -> Tensor:
        """dL/dx, shape [n, d].

        Args:
            of_rows: dL/dy, [n, d].
        """
        along = (of_rows * self.rows).sum(-1, keepdim=True)
        return torch.addcmul(of_rows, along, self.rows, value=-1).mul_(self.inverse)


def unit_length(vectors: Tensor) -> Tensor:
    """Return y of ``UnitRows``, [n, d], with its gradient.

    Args:
        vectors: x, in any floating-point type, shape [n, d].

    Raises:
        RuntimeError: Once a second derivative is asked for; there is none.
    """
    rows: Tensor = _UnitLength.apply(vectors)  # type: ignore[no-untyped-call]
    return rows


class _UnitLength(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor) -> Tensor:
        unit = UnitRows.of(vectors)
        ctx.save_for_backward(*unit)
        return unit.rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return UnitRows(*ctx.saved_tensors).gradient(grads[0])
