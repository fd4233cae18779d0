"""Fine and coarse spaces against values worked out by hand."""

import math

import pytest
import torch

from recbole_drepmrec.nn import FineCoarseAlignment

IDS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
ALL = torch.ones(3, dtype=torch.bool)


def identity(n_modalities: int) -> FineCoarseAlignment:
    made = FineCoarseAlignment(n_modalities, 2)
    with torch.no_grad():
        for linear in (*made.shared, *made.own):
            linear.weight.copy_(torch.eye(2))
    return made


def test_one_modality_is_an_info_nce_with_the_ids() -> None:
    half = math.exp(0.5**0.5)
    expected = math.log(math.e + 1 + half) - 1  # items 1 and 2
    expected = (2 * expected + math.log(math.e + 2 * half) - 1) / 3
    assert identity(1)(IDS, [IDS], [ALL], 1.0).item() == pytest.approx(expected)


def test_an_item_without_the_modality_has_no_part_in_its_term() -> None:
    two = torch.tensor([True, True, False])
    expected = math.log(1 + math.exp(-1))
    views = IDS.clone()
    views[2] = -5 * views[0]
    assert identity(1)(IDS, [views], [two], 1.0).item() == pytest.approx(expected)
    assert identity(1)(IDS, [views], [~ALL], 1.0).item() == 0


def test_the_second_space_is_reached_through_the_first() -> None:
    """A first map that turns all by 90 degrees turns what the second modality sees, too."""
    made = identity(2)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    with torch.no_grad():
        next(iter(made.shared)).weight.copy_(turn)
    turned = IDS @ turn.T
    first = identity(1)(turned, [turned], [ALL], 0.5)
    torch.testing.assert_close(made(IDS, [turned, turned], [ALL, ALL], 0.5), 2 * first)
