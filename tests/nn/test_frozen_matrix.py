"""A matrix on the host multiplies as one on the device does, in values and in gradients."""

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.nn import FilterGate, FrozenMatrix, frozen_matrix
from recbole_drepmrec.nn.filter_gate import GateKind


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[1, 9, 1000])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[FrozenMatrix]:
    """The same matrix [7, 4] in both places, in blocks of one row, of two, and whole."""
    monkeypatch.setattr(frozen_matrix, "BLOCK_NUMBERS", request.param)
    return [FrozenMatrix(numbers(7, 4), on_host) for on_host in (False, True)]


@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients_of_the_linear_map_agree(
    pair: list[FrozenMatrix], with_bias: bool
) -> None:
    results = []
    for matrix in pair:
        weight = numbers(3, 4, seed=1).requires_grad_()
        bias = numbers(3, seed=2).requires_grad_()
        product = matrix.linear(weight, bias if with_bias else None)
        wanted = [weight, bias] if with_bias else [weight]
        gradients = torch.autograd.grad((product * numbers(7, 3, seed=3)).sum(), wanted)
        results.append([product.detach(), *gradients])
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(
        results[0][0], numbers(7, 4) @ numbers(3, 4, seed=1).T + with_bias * numbers(3, seed=2)
    )


def test_both_products_without_a_gradient_agree(pair: list[FrozenMatrix]) -> None:
    device, host = pair
    torch.testing.assert_close(host.times(numbers(4, 2)), device.times(numbers(4, 2)))
    torch.testing.assert_close(
        host.transposed_times(numbers(7, 2)), device.transposed_times(numbers(7, 2))
    )
    assert torch.equal(host.rows(torch.tensor([5, 0])), numbers(7, 4)[[5, 0]])


@pytest.mark.parametrize("kind", ["self", "none", "behavior", "own", "both"])
def test_mixed_precision_reaches_every_gate_in_either_place(kind: GateKind) -> None:
    """Two gates multiply their weights first, which gives bfloat16."""
    gate, table = FilterGate(4, 3, kind), numbers(7, 3).float()
    results = []
    for on_host in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            gated = gate(FrozenMatrix(numbers(7, 4).float(), on_host), table)
        gradient = torch.autograd.grad(gated.float().sum(), gate.projection.weight)[0]
        results.append([gated.detach().float(), gradient])
    torch.testing.assert_close(results[1], results[0], rtol=0.05, atol=0.05)


def test_only_the_one_on_the_host_stays_when_the_model_moves() -> None:
    """A device without memory stands for a GPU."""
    moved = [FrozenMatrix(numbers(7, 4), host).to("meta").values.device.type for host in (0, 1)]
    assert moved == ["meta", "cpu"]
    assert not FrozenMatrix(numbers(7, 4)).state_dict()
