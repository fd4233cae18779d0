"""A frozen matrix of features, on the model's device or left in the host's memory."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

BLOCK_NUMBERS = 2**22
"""Numbers that are on the device at a time: 16 MiB of float32."""


class FrozenMatrix(nn.Module):
    """F, which no gradient changes, and the products with it that a model asks for.

    Left on the host, F comes to the device in blocks of rows, once a product; what it is
    multiplied with, and the products, stay on the device all the time.

    Args:
        values: F, [n, d_m].
        on_host: Whether F stays where it is, whatever device the model moves to.
    """

    values: Tensor

    def __init__(self, values: Tensor, on_host: bool = False) -> None:
        super().__init__()
        self.on_host = on_host
        if on_host:
            self.values = values  # no buffer, so that it does not move
        else:
            self.register_buffer("values", values, persistent=False)

    def linear(self, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """F Wᵀ + b, [n, d], with gradients for both; mixed precision leaves that of the host full.

        Args:
            weight: W, [d, d_m].
            bias: b, [d].
        """
        if not self.on_host:
            return F.linear(self.values, weight, bias)
        weight = weight.to(self.values.dtype)  # mixed or not: blocks come as they are
        product: Tensor = _HostProduct.apply(self, weight)  # type: ignore[no-untyped-call]
        return product if bias is None else product + bias

    @torch.no_grad()
    def times(self, right: Tensor) -> Tensor:
        """F X, [n, c], without a gradient.

        Args:
            right: X, [d_m, c].
        """
        if not self.on_host:
            return self.values @ right
        product = right.new_empty(len(self.values), right.shape[1])
        for start, block in self._blocks(right.device):
            torch.mm(block, right, out=product[start : start + len(block)])
        return product

    @torch.no_grad()
    def transposed_times(self, right: Tensor) -> Tensor:
        """Fᵀ X, [d_m, c], without a gradient.

        Args:
            right: X, [n, c].
        """
        if not self.on_host:
            return self.values.T @ right
        product = right.new_zeros(self.values.shape[1], right.shape[1])
        for start, block in self._blocks(right.device):
            product.addmm_(block.T, right[start : start + len(block)])
        return product

    def rows(self, ids: Tensor) -> Tensor:
        """Some rows, [b, d_m], on the device of their ids.

        Args:
            ids: Which, [b].
        """
        return self.values[ids.to(self.values.device)].to(ids.device)

    def _blocks(self, device: torch.device) -> Iterator[tuple[int, Tensor]]:
        size = max(1, BLOCK_NUMBERS // max(self.values.shape[1], 1))
        for start in range(0, len(self.values), size):
            yield start, self.values[start : start + size].to(device, non_blocking=True)

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"{tuple(self.values.shape)}, on_host={self.on_host}"


class _HostProduct(torch.autograd.Function):
    """F Wᵀ of a matrix on the host; its gradient Gᵀ F takes a second pass over the blocks."""

    @staticmethod
    def forward(ctx: Any, matrix: FrozenMatrix, weight: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.times(weight.T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        matrix: FrozenMatrix = ctx.matrix
        return None, matrix.transposed_times(grads[0]).T
