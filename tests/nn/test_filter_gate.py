"""The filter gate against values worked out by hand."""

import math

import pytest
import torch

from recbole_drepmrec.nn import FilterGate, FrozenMatrix


def gate(kind: str) -> FilterGate:
    """A gate whose projection takes the first feature and whose opening is sigmoid(2x + 1)."""
    module = FilterGate(2, 1, kind)  # type: ignore[arg-type]
    with torch.no_grad():
        module.projection.weight.copy_(torch.tensor([[1.0, 0.0]]))
        module.projection.bias.fill_(0.5)
        if module.gate is not None:
            module.gate.weight.fill_(2.0)
            module.gate.bias.fill_(1.0)
    return module


FEATURES = FrozenMatrix(torch.tensor([[1.0, 9.0]]))  # projected: 1.5
OPENING = 1 / (1 + math.exp(-(2 * 1.5 + 1)))
TABLE = torch.tensor([[-4.0]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *(("none", 1.5), ("self", 1.5 * OPENING), ("both", -4 * OPENING + 1.5)),
        *(("own", -4 * OPENING), ("behavior", -4 * OPENING)),
    ],
)
def test_gate_by_hand(kind: str, expected: float) -> None:
    assert gate(kind)(FEATURES, TABLE).item() == pytest.approx(expected)


def test_gate_starts_half_open() -> None:
    module = FilterGate(5, 3, "self")
    assert module.gate is not None
    torch.testing.assert_close(torch.sigmoid(module.gate.bias), torch.full((3,), 0.5))


def test_ungated_has_no_gate_parameters() -> None:
    names = {name for name, _ in FilterGate(5, 3, "none").named_parameters()}
    assert names == {"projection.weight", "projection.bias"}


@pytest.mark.parametrize("kind", ["both", "own", "behavior"])
def test_gate_that_lets_a_table_through_needs_one(kind: str) -> None:
    with pytest.raises(ValueError, match="needs an item table"):
        gate(kind)(FEATURES)


def test_unknown_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="'open' is not one of both, own, self, none, behavior"):
        FilterGate(5, 3, "open")  # type: ignore[arg-type]
