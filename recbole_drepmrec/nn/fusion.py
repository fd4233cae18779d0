"""The simple fusion of the two lines' representations."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

FusionKind = Literal["late", "sum", "concat", "weighted"]
"""Scores added, of lines that rank apart; one vector added to the other; scores added, of lines
that rank together; or learnt weights."""


class Fusion(nn.Module):
    """Joins behavior b and modal m into one vector whose dot products are the scores.

        sum        b + s m
        concat     [b ; s m]                            <u, i> = <b_u, b_i> + s^2 <m_u, m_i>
        late       the same vectors; each line has a ranking loss of its own
        weighted   2 (w_1 b + w_2 s m),  w = softmax(a), a learnt and zero at first: a ``sum``

    That the fusion is a simple one is [paper]; these forms are [ours].

    Args:
        kind: ``late``, ``sum``, ``concat`` or ``weighted``.
        modal_scale: s, above zero.

    Raises:
        ValueError: ``kind`` is none of these, or the scale is not above zero.
    """

    def __init__(self, kind: FusionKind = "sum", modal_scale: float = 1.0) -> None:
        super().__init__()
        if kind not in get_args(FusionKind):
            raise ValueError(f"fusion {kind!r} is not one of {', '.join(get_args(FusionKind))}")
        if not modal_scale > 0:
            raise ValueError(f"modal_scale is {modal_scale}, expected a number above zero")
        self.kind = kind
        self.modal_scale = modal_scale
        self.weights = nn.Parameter(torch.zeros(2)) if kind == "weighted" else None

    def forward(self, behavior: Tensor, modal: Tensor) -> Tensor:
        """Return the fused vectors, shape [n, d], or [n, 2d] for ``concat`` and ``late``.

        Args:
            behavior: Shape [n, d].
            modal: Shape [n, d].
        """
        scaled = self.modal_scale * modal
        if self.kind in ("concat", "late"):
            return torch.cat([behavior, scaled], dim=-1)
        if self.weights is None:
            return behavior + scaled
        behavior_weight, modal_weight = 2 * self.weights.softmax(0)
        weighted: Tensor = behavior_weight * behavior + modal_weight * scaled
        return weighted

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"kind={self.kind}, modal_scale={self.modal_scale}"
