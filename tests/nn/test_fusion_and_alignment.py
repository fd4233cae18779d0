"""Fusion and BMA against values worked out by hand, and what BMA's gradients touch."""

import math

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.nn import (
    BehaviorModalAlignment,
    Fusion,
    Representations,
    cosine_distance,
    distinct_ids,
    info_nce,
)

B = torch.tensor([[1.0, 2.0]])
M = torch.tensor([[10.0, -4.0]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("sum", [6.0, 0.0]),
        ("concat", [1.0, 2.0, 5.0, -2.0]),
        ("late", [1.0, 2.0, 5.0, -2.0]),
        ("weighted", [6.0, 0.0]),
    ],
)
def test_fusion_by_hand(kind: str, expected: list[float]) -> None:
    """With scale 0.5; ``weighted`` starts as a sum."""
    torch.testing.assert_close(Fusion(kind, 0.5)(B, M), torch.tensor([expected]))  # type: ignore[arg-type]


def test_concat_adds_the_scores_of_the_lines() -> None:
    fusion = Fusion("concat", modal_scale=0.5)
    score = (fusion(B, M) * fusion(2 * B, 3 * M)).sum()
    torch.testing.assert_close(score, 2 * (B * B).sum() + 0.25 * 3 * (M * M).sum())


def test_weights_are_learnt_and_sum_to_two() -> None:
    fusion = Fusion("weighted")
    assert fusion.weights is not None
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([1.0, -1.0]))
    weights = 2 * fusion.weights.softmax(0)
    torch.testing.assert_close(fusion(B, M), weights[0] * B + weights[1] * M)
    assert weights.sum().item() == pytest.approx(2.0)


def test_bad_fusion_is_refused() -> None:
    with pytest.raises(ValueError, match="'mean' is not one of late, sum, concat, weighted"):
        Fusion("mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="modal_scale is 0"):
        Fusion("sum", 0)


def lines() -> tuple[Representations, Representations]:
    """Two lines of 5 users and 6 items with gradients."""
    torch.manual_seed(0)
    tables = [torch.randn(n, 4, requires_grad=True) for n in (5, 6, 5, 6)]
    return Representations(*tables[:2]), Representations(*tables[2:])


USERS, ITEMS = torch.tensor([1, 2, 2, 4]), torch.tensor([3, 5, 1, 3])


def gradients(loss: Tensor, line: Representations) -> list[Tensor | None]:
    return list(torch.autograd.grad(loss, line, allow_unused=True, retain_graph=True))


def test_bma_returns_its_parts() -> None:
    behavior, modal = lines()
    bma = BehaviorModalAlignment(Fusion(), temperature=0.3, one_way=False)
    alignment = bma(behavior, modal, USERS, ITEMS)
    intra = [cosine_distance(x.users[USERS], x.items[ITEMS]) for x in (behavior, modal)]
    torch.testing.assert_close(alignment.intra, (intra[0] + intra[1]) / 2)
    inter = [
        info_nce(a[ids.unique()], b[ids.unique()], 0.3)
        for pair, ids in zip(zip(behavior, modal, strict=True), (USERS, ITEMS), strict=True)
        for a, b in (pair, pair[::-1])
    ]
    torch.testing.assert_close(alignment.inter, torch.stack(inter).mean())
    torch.testing.assert_close(alignment.fused.users, behavior.users + modal.users)
    torch.testing.assert_close(alignment.fused.items, behavior.items + modal.items)


def test_intra_of_a_line_touches_that_line_only() -> None:
    behavior, modal = lines()
    bma = BehaviorModalAlignment(Fusion())
    still = Representations(modal.users.detach(), modal.items.detach())
    with_modal = gradients(bma.intra(behavior, modal, USERS, ITEMS), behavior)
    without = gradients(bma.intra(behavior, still, USERS, ITEMS), behavior)
    for one, other in zip(with_modal, without, strict=True):
        assert one is not None
        torch.testing.assert_close(one, other)


def test_one_way_inter_leaves_the_behavior_line_alone() -> None:
    behavior, modal = lines()
    loss = BehaviorModalAlignment(Fusion(), one_way=True).inter(behavior, modal, USERS, ITEMS)
    assert gradients(loss, behavior) == [None, None]
    assert all(g is not None and g.abs().sum() > 0 for g in gradients(loss, modal))


def test_two_way_inter_moves_both_lines() -> None:
    behavior, modal = lines()
    loss = BehaviorModalAlignment(Fusion(), one_way=False).inter(behavior, modal, USERS, ITEMS)
    for line in (behavior, modal):
        assert all(g is not None and g.abs().sum() > 0 for g in gradients(loss, line))


def test_inter_with_duplicates_by_hand() -> None:
    """User 1 stands in the batch twice and still has user 2 as the only negative."""
    users = torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0]])
    line = Representations(users, users)
    bma = BehaviorModalAlignment(Fusion(), temperature=1.0)
    loss = bma.inter(line, line, torch.tensor([1, 2, 1]), torch.tensor([2, 2, 1]))
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)))


def test_aligned_lines_have_a_lower_inter_loss() -> None:
    behavior, modal = lines()
    bma = BehaviorModalAlignment(Fusion())
    aligned = bma.inter(behavior, behavior, USERS, ITEMS)
    assert aligned < bma.inter(behavior, modal, USERS, ITEMS)


def test_bad_temperature_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature is 0"):
        BehaviorModalAlignment(Fusion(), temperature=0)


def test_who_has_no_modality_has_no_part_in_the_alignment() -> None:
    """A zero modal vector has no direction, and would be a negative of all others."""
    bma = BehaviorModalAlignment(Fusion(), one_way=False)
    generator = torch.Generator().manual_seed(0)
    behavior, modal = (
        Representations(*(torch.randn(n, 3, generator=generator).requires_grad_() for n in (4, 5)))
        for _ in range(2)
    )
    gap = torch.ones(5, 1)
    gap[2] = 0
    gappy = Representations(modal.users, modal.items * gap)
    users, items = torch.tensor([0, 1, 3]), torch.tensor([1, 2, 4])
    others = torch.tensor([True, False, True])
    torch.testing.assert_close(
        bma._inter(behavior.items, gappy.items, items),
        bma._inter(behavior.items, modal.items, items[others]),
    )
    (gradient,) = torch.autograd.grad(bma.inter(behavior, gappy, users, items), behavior.items)
    assert gradient[2].abs().sum() == 0
    in_behavior = cosine_distance(behavior.users[users], behavior.items[items])
    in_modal = cosine_distance(modal.users[users[others]], modal.items[items[others]])
    torch.testing.assert_close(
        bma.intra(behavior, gappy, users, items), (in_behavior + in_modal) / 2
    )


def test_inter_of_a_large_batch_is_the_mean_over_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    bma = BehaviorModalAlignment(Fusion())
    generator = torch.Generator().manual_seed(0)
    b, m = (torch.randn(7, 3, generator=generator).requires_grad_() for _ in range(2))
    monkeypatch.setattr(distinct_ids, "MOST_PAIRS", 3)
    ids = torch.tensor([5, 0, 5, 2, 6, 0, 3])
    parts = ([0, 5], [0, 2, 6], [3])
    expected = torch.stack([info_nce(m[p], b[p], 0.2) * len(p) for p in parts]).sum() / 6
    loss = bma._inter(b, m, ids)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, m), torch.autograd.grad(expected, m))
