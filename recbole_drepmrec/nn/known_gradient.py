"""Scalars whose gradients are worked out by hand, in fewer passes than autograd takes."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def with_gradients(value: Tensor, *known: tuple[Tensor, Tensor]) -> Tensor:
    """The scalar as a function of the tensors whose gradients are given.

    Args:
        value: A scalar, made without autograd.
        known: A tensor it was made from and d value / d that tensor, of one shape; any number.
    """
    tensors = [tensor for tensor, _ in known]
    gradients = tuple(gradient for _, gradient in known)
    attached: Tensor = _Known.apply(value, gradients, *tensors)  # type: ignore[no-untyped-call]
    return attached


class _Known(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor, ...], *of: Tensor) -> Tensor:
        ctx.save_for_backward(*gradients)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        return None, None, *(gradient * grad for gradient in ctx.saved_tensors)
