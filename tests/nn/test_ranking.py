"""The ranking loss of a batch: who stands against whom, and how items are scored then."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from recbole_drepmrec.nn import (
    Batch,
    BiasedVectors,
    RankingKind,
    RankingLoss,
    Representations,
    bpr_loss,
    distinct_ids,
    softmax_loss,
)

IDS = (torch.tensor([1, 2, 2]), torch.tensor([3, 4, 3]), torch.tensor([5, 5, 1]))
BATCH = Batch.of(*IDS)
GENERATOR = torch.Generator().manual_seed(0)
ENCODED = Representations(
    torch.randn(3, 4, generator=GENERATOR), torch.randn(6, 4, generator=GENERATOR)
)
ROWS = BATCH.rows(ENCODED)
PAIRS = BATCH.positive_pairs(ROWS)
TIMES = torch.tensor([0.0, 2.0, 0.0, 3.0, 1.0, 1.0])
BIASES = torch.tensor([9.0, 0.1, -5.0, 0.3, 0.4, -0.4])


def ranking(kind: RankingKind, temperature: float = 0.2) -> RankingLoss:
    loss = RankingLoss(kind, temperature, TIMES)
    if loss.item_bias is not None:
        with torch.no_grad():
            loss.item_bias.copy_(BIASES)
    return loss


def expected_softmax(
    users: list[int], items: list[int], negatives: list[int], temperature: float = 0.2
) -> Tensor:
    positives, others = (BiasedVectors(ENCODED.items[i], BIASES[i]) for i in (items, negatives))
    return softmax_loss(ENCODED.users[users], positives, others, temperature)


def test_bpr_takes_each_pairs_own_negative_item() -> None:
    users = ENCODED.users[[1, 2, 2]]
    positive, negative = ((users * ENCODED.items[ids]).sum(-1) for ids in ([3, 4, 3], [5, 5, 1]))
    expected = bpr_loss(positive, negative)
    torch.testing.assert_close(ranking("bpr")(PAIRS, ROWS.items, BATCH), expected)


def test_softmax_takes_the_negative_items_of_all_pairs_each_once() -> None:
    expected = expected_softmax([1, 2, 2], [3, 4, 3], [1, 5], 0.3)
    torch.testing.assert_close(ranking("softmax", 0.3)(PAIRS, ROWS.items, BATCH), expected)


def test_parts_of_a_large_batch_have_negatives_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(distinct_ids, "MOST_PAIRS", 2)
    first = expected_softmax([1, 2], [3, 4], [5])
    second = expected_softmax([2], [3], [1])
    loss = ranking("softmax")(PAIRS, ROWS.items, Batch.of(*IDS))
    torch.testing.assert_close(loss, (2 * first + second) / 3)


def test_items_are_scored_by_what_was_trained() -> None:
    """Cosine by temperature and bias; padding and item 2, never taken, have the others' mean."""
    assert ranking("bpr").scoring(ENCODED) is ENCODED
    users, items = ranking("softmax", 0.5).scoring(ENCODED)
    cosines = normalize(ENCODED.users, dim=1) @ normalize(ENCODED.items, dim=1).T
    biases = torch.tensor([0.1, 0.1, 0.1, 0.3, 0.4, -0.4])
    torch.testing.assert_close(users @ items.T, 0.5 * (cosines / 0.5 + biases))


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="'hinge' is not one of bpr, softmax"):
        RankingLoss("hinge", 0.2, TIMES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="temperature is 0"):
        RankingLoss("softmax", 0.0, TIMES)
