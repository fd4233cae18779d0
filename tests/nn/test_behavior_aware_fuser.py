"""MGCN's fuser, by hand."""

import math

import pytest
import torch

from recbole_drepmrec.nn import BehaviorAwareFuser


@pytest.fixture
def fuser() -> BehaviorAwareFuser:
    """Attention scores tanh(first number) log 3 / tanh(1), preferences half open."""
    fuser = BehaviorAwareFuser(2, 2)
    first, _, query = fuser.attention
    with torch.no_grad():
        first.weight.copy_(torch.eye(2))
        query.weight.copy_(torch.tensor([[math.log(3) / math.tanh(1), 0.0]]))
        for layer in fuser.preferences:
            layer.weight.zero_()
    return fuser


VIEWS = torch.tensor([[[1.0, 4.0], [0.0, 8.0]]])


def test_attention_and_preferences_by_hand(fuser: BehaviorAwareFuser) -> None:
    """Weights 3/4 and 1/4; [.75, 5] is shared, [.25, -1] and [-.75, 3] are left."""
    both = torch.tensor([[True, True]])
    torch.testing.assert_close(fuser.weights(VIEWS, both), torch.tensor([[0.75, 0.25]]))
    halves = (torch.tensor([0.25, -1.0]) + torch.tensor([-0.75, 3.0])) / 2
    expected = torch.tensor([0.75, 5.0]) + halves / 2
    torch.testing.assert_close(fuser(VIEWS, both, torch.zeros(1, 2))[0], expected)


def test_preferences_follow_the_behavior(fuser: BehaviorAwareFuser) -> None:
    """A modality asked for fully, the other not at all."""
    with torch.no_grad():
        for layer, sign in zip(fuser.preferences, (1.0, -1.0), strict=True):
            layer.weight.fill_(sign * 100)
    fused = fuser(VIEWS, torch.tensor([[True, True]]), torch.ones(1, 2))
    torch.testing.assert_close(fused[0], torch.tensor([0.75 + 0.25 / 2, 5 - 1 / 2]))


def test_a_missing_modality_has_no_part(fuser: BehaviorAwareFuser) -> None:
    """Who has one modality gets its view; who has none gets zero; neither has a NaN gradient."""
    views = VIEWS.repeat(3, 1, 1).requires_grad_()
    present = torch.tensor([[True, False], [False, True], [False, False]])
    fused = fuser(views * present.unsqueeze(-1), present, torch.ones(3, 2))
    expected = torch.tensor([[1.0, 4.0], [0.0, 8.0], [0.0, 0.0]])
    torch.testing.assert_close(fused, expected)
    fused.sum().backward()
    assert views.grad is not None
    assert views.grad.isfinite().all()
    assert views.grad[~present].abs().sum() == 0
