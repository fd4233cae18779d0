"""GRCN's routing and edge weights against values worked out by hand."""

import math

import pytest
import torch

from recbole_drepmrec.graph import interaction_graph
from recbole_drepmrec.nn import (
    EdgeSet,
    EdgeWeighting,
    FeatureProjection,
    NeighbourRouting,
    Representations,
    Routed,
)

# User 1 took items 1 and 2, user 2 item 2; 0 is padding.
EDGES = EdgeSet(interaction_graph(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]), 3, 4))
FEATURES = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
ALL = torch.tensor([False, True, True, True])
NOTHING = Representations(torch.zeros(3, 1), torch.zeros(4, 1))


def routing(n_routing: int, present: torch.Tensor = ALL) -> NeighbourRouting:
    """The features as they are, and users who look along the first feature."""
    features = FEATURES * present.unsqueeze(1)
    made = NeighbourRouting(FeatureProjection(features, present, 2), EDGES, n_routing)
    with torch.no_grad():
        made.projection.linear.weight.copy_(torch.eye(2))
        made.preference.copy_(torch.tensor([[1.0, 0.0]]).expand(3, 2))
    return made


def test_affinities_by_hand() -> None:
    routed = routing(0)()
    e = math.e  # user 1: cosine 1 with item 1, 0 with item 2
    assert routed.to_users.tolist() == pytest.approx([e / (e + 1), 1 / (e + 1), 1.0])
    assert routed.to_items.tolist() == pytest.approx([1.0, 0.5, 0.5])
    assert routed.content.users[1].tolist() == pytest.approx([1 + e / (e + 1), 1 / (e + 1)])
    assert routed.content.items[2].tolist() == pytest.approx([1.0, 1.0])
    assert routed.content.items[3].tolist() == pytest.approx([0.5**0.5, 0.5**0.5])


def test_routing_draws_the_prototype_to_the_items() -> None:
    first, second = 1 + math.e / (math.e + 1), 1 / (math.e + 1)
    length = math.hypot(first, second)
    scores = [math.exp(first / length), math.exp(second / length)]
    routed = routing(1)()
    assert routed.to_users[0].item() == pytest.approx(scores[0] / sum(scores))


def test_an_item_without_the_modality_takes_no_part() -> None:
    routed = routing(1, torch.tensor([False, True, False, True]))()
    assert routed.taken.tolist() == [True, False, False]
    assert routed.to_users.tolist() == pytest.approx([1, 0, 0])
    assert routed.to_items.tolist() == pytest.approx([1, 0, 0])
    assert routed.content.items[2].abs().sum() == 0
    assert routed.content.users[2].tolist() == [1, 0]  # without a neighbour: as preferred


IMAGE = Routed(
    NOTHING,
    torch.tensor([0.25, 0.75, 0.5]),
    torch.tensor([1.0, 0.5, 0.5]),
    torch.tensor([True, True, True]),
)
TEXT = Routed(
    NOTHING,
    torch.tensor([1.0, 0.0, 0.0]),
    torch.tensor([0.5, 0.0, 0.0]),
    torch.tensor([True, False, False]),
)


def test_highest_and_mean_affinity_over_the_modalities_of_the_item() -> None:
    highest, _ = EdgeWeighting(3, 4, 2, "max")([IMAGE, TEXT], EDGES)
    assert highest.tolist() == [1.0, 0.75, 0.5]
    mean, back = EdgeWeighting(3, 4, 2, "mean")([IMAGE, TEXT], EDGES)
    assert mean.tolist() == [0.625, 0.75, 0.5]
    assert back.tolist() == [0.75, 0.5, 0.5]


def weighting(pruning: str) -> EdgeWeighting:
    made = EdgeWeighting(3, 4, 2, "confidence", pruning)  # type: ignore[arg-type]
    assert made.of_items is not None
    assert made.of_users is not None
    with torch.no_grad():
        made.of_items.copy_(torch.tensor([[0.0, 0], [2, 1], [-1, 5], [0, 0]]))
        made.of_users.copy_(torch.tensor([[0.0, 0], [1, 4], [-2, 0]]))
    return made


def test_confidence_is_that_of_the_sender() -> None:
    to_users, to_items = weighting("soft")([IMAGE, TEXT], EDGES)
    assert to_users.tolist() == [1.0, -0.75, -0.5]  # text has no say on the edges to item 2
    assert to_items.tolist() == [2.0, 0.5, -1.0]


def test_hard_pruning_cuts_below_zero() -> None:
    to_users, to_items = weighting("hard")([IMAGE, TEXT], EDGES)
    assert to_users.tolist() == [1.0, 0.0, 0.0]
    assert to_items.tolist() == [2.0, 0.5, 0.0]


def test_an_edge_of_no_modality_weighs_nothing() -> None:
    to_users, _ = EdgeWeighting(3, 4, 1, "max")([TEXT], EDGES)
    assert to_users.tolist() == [1.0, 0.0, 0.0]


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(ValueError, match="integration 'sum'"):
        EdgeWeighting(3, 4, 1, "sum")  # type: ignore[arg-type]
