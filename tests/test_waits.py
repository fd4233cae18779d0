"""What the watch over a step would notice."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.waits import Waits


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.detach().numpy(),
        lambda x: x.to("cpu"),
        lambda x: torch.tensor([1.0]) + x,
        lambda x: x[x > 0],
        lambda x: x[(x > 0).to(torch.uint8)],
        lambda x: x.nonzero(),
        lambda x: x.unique(),
        lambda x: torch.bincount(x.long()),
        lambda x: torch.ones(3).repeat_interleave(x.long()),
    ],
)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_what_reads_from_a_gpu_is_noticed(read: Callable[[Tensor], object]) -> None:
    x = torch.tensor([1.0, 0.0, 2.0])
    with Waits() as waits:
        read(x)
    assert waits.found


def test_what_only_computes_is_not() -> None:
    x = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with Waits() as waits:
        y = torch.where(x > 0, x, 0.0).to(torch.float64)
        y[torch.zeros(1, dtype=torch.int64)].sum().backward()
    assert not waits.found
