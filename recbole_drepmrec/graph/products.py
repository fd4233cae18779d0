"""Products of frozen CSR matrices and dense representations, with gradients of our own."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_HAS_MKL = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


class BothWays(NamedTuple):
    """A frozen sparse matrix and its transpose, both in CSR.

    Attributes:
        matrix: A, [n_rows, n_cols].
        transpose: A^T, [n_cols, n_rows].
    """

    matrix: Tensor
    transpose: Tensor

    def turned(self) -> "BothWays":
        """A^T and its transpose."""
        return BothWays(self.transpose, self.matrix)


def product(x: Tensor, a: BothWays) -> Tensor:
    """Return A x, [n_rows, d].

    Args:
        x: Shape [n_cols, d].
        a: A.
    """
    result: Tensor = _Product.apply(x, a)  # type: ignore[no-untyped-call]
    return result


def mean_of_powers(x: Tensor, a: BothWays, n: int) -> Tensor:
    """Return (x + A x + ... + A^n x) / (n + 1), [n_rows, d].

    Args:
        x: Shape [n_rows, d].
        a: A, square.
        n: The highest power, one or more.
    """
    mean: Tensor = _MeanOfPowers.apply(x, a, n)  # type: ignore[no-untyped-call]
    return mean


def mean_of_powers_at(
    rows: Tensor, x: Tensor, a: BothWays, some: BothWays, n: int
) -> tuple[Tensor, Tensor]:
    """Return some rows of ``mean_of_powers`` and of x, each [B, d].

    Args:
        rows: Row ids, [B].
        x: Shape [n_rows, d].
        a: A, square.
        some: Those rows of A, [B, n_rows].
        n: The highest power, one or more.
    """
    at: tuple[Tensor, Tensor] = _MeanOfPowersAt.apply(  # type: ignore[no-untyped-call]
        rows, x, a, some, n
    )
    return at


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, a: BothWays) -> Tensor:
        ctx.a = a
        return product_without_gradient(a.matrix, x)  # [n_rows, d]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # through the same function, so that second derivatives work too
        return product(grads[0], ctx.a.turned()), None  # [n_cols, d]


class _MeanOfPowers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, a: BothWays, n: int) -> Tensor:
        ctx.a, ctx.n = a, n
        inner = _sum_of_powers(x, a.matrix, n - 1)
        return torch.addmm(x, a.matrix, inner, beta=1 / (n + 1), alpha=1 / (n + 1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return mean_of_powers(grads[0], ctx.a.turned(), ctx.n), None, None


class _MeanOfPowersAt(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, x: Tensor, a: BothWays, some: BothWays, n: int
    ) -> tuple[Tensor, Tensor]:
        ctx.rows, ctx.a, ctx.some, ctx.n = rows, a, some, n
        own = x[rows]
        # x + A x + ... + A^n x = x + A (x + ... + A^(n-1) x)
        inner = _sum_of_powers(x, a.matrix, n - 1)
        return torch.addmm(own, some.matrix, inner, beta=1 / (n + 1), alpha=1 / (n + 1)), own

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, None, None, None]:
        of_mean, of_own = grads
        of_mean = of_mean / (ctx.n + 1)  # [B, d]
        of_all = _sum_of_powers(
            product_without_gradient(ctx.some.transpose, of_mean), ctx.a.transpose, ctx.n - 1
        )
        of_all.index_add_(0, ctx.rows, of_mean.add_(of_own))
        return None, of_all, None, None, None


def product_without_gradient(matrix: Tensor, x: Tensor) -> Tensor:
    """Return A x, [n_rows, d], for the inside of an autograd function.

    It is written once, where torch's own ``@`` fills and copies zeros before.

    Args:
        matrix: A in CSR, [n_rows, n_cols].
        x: Shape [n_cols, d].
    """
    # of MKL's kernels a test shows that they read nothing of what is there
    if x.device.type != "cpu" or not _HAS_MKL:
        return matrix @ x
    return x.new_empty(matrix.shape[0], x.shape[1]).addmm_(matrix, x, beta=0)


def _sum_of_powers(x: Tensor, matrix: Tensor, n: int) -> Tensor:
    """Return x + A x + ... + A^n x, x itself where n is 0."""
    # as x + A (x + A (x + ...)): no power is kept, and each sum is made by the product
    inner = x
    for _ in range(n):
        inner = torch.addmm(x, matrix, inner)
    return inner
