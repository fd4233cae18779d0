"""The signal of a modality: neighbours that are taken together."""

import pytest
import torch

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import interaction_graph
from recbole_drepmrec.report.modality_signal import modality_signal

# Users 1 and 2 take items 1 and 2, users 3 and 4 items 3 and 4.
USERS = torch.tensor([1, 1, 2, 2, 3, 3, 4, 4])
ITEMS = torch.tensor([1, 2, 1, 2, 3, 4, 3, 4])


def features(*rows: tuple[float, float]) -> PreparedFeatures:
    values = torch.tensor([(0.0, 0.0), *rows])
    return PreparedFeatures(values, values.norm(dim=1) > 0, None)


def test_neighbours_that_are_always_taken_together() -> None:
    near = features((1.0, 0.0), (1.0, 0.1), (0.0, 1.0), (0.1, 1.0))
    signal = modality_signal(near, interaction_graph(USERS, ITEMS, 5, 5), k=1)
    assert signal.neighbours == 2
    assert signal.random < 2
    assert signal.ratio > 1


def test_neighbours_that_never_are() -> None:
    crossed = features((1.0, 0.0), (0.0, 1.0), (1.0, 0.1), (0.1, 1.0))
    signal = modality_signal(crossed, interaction_graph(USERS, ITEMS, 5, 5), k=1)
    assert signal.neighbours == 0


def test_random_features_have_a_ratio_near_one() -> None:
    generator = torch.Generator().manual_seed(0)
    users = torch.randint(1, 200, (3000,), generator=generator)
    items = torch.randint(1, 100, (3000,), generator=generator)
    values = torch.randn(100, 8, generator=generator)
    values[0] = 0
    prepared = PreparedFeatures(values, values.norm(dim=1) > 0, None)
    signal = modality_signal(prepared, interaction_graph(users, items, 200, 100))
    assert signal.ratio == pytest.approx(1, abs=0.05)
