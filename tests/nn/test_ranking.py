"""The ranking loss of a batch: who stands against whom, and how items are scored then."""

import pytest
import torch

from recbole_drepmrec.nn import Batch, RankingLoss, Representations, bpr_loss, softmax_loss
from recbole_drepmrec.nn import ranking as module

BATCH = Batch.of(torch.tensor([1, 2, 2]), torch.tensor([3, 4, 3]), torch.tensor([5, 5, 1]))
GENERATOR = torch.Generator().manual_seed(0)
ENCODED = Representations(
    torch.randn(3, 4, generator=GENERATOR), torch.randn(6, 4, generator=GENERATOR)
)
ROWS = BATCH.rows(ENCODED)
PAIRS = BATCH.positive_pairs(ROWS)


def test_bpr_takes_each_pairs_own_negative_item() -> None:
    users = ENCODED.users[[1, 2, 2]]
    positive, negative = ((users * ENCODED.items[ids]).sum(-1) for ids in ([3, 4, 3], [5, 5, 1]))
    expected = bpr_loss(positive, negative)
    torch.testing.assert_close(RankingLoss("bpr")(PAIRS, ROWS.items, BATCH), expected)


def test_softmax_takes_the_negative_items_of_all_pairs_each_once() -> None:
    expected = softmax_loss(
        ENCODED.users[[1, 2, 2]], ENCODED.items[[3, 4, 3]], ENCODED.items[[1, 5]], 0.3
    )
    torch.testing.assert_close(RankingLoss("softmax", 0.3)(PAIRS, ROWS.items, BATCH), expected)


def test_parts_of_a_large_batch_have_negatives_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 2)
    users, items = ENCODED
    first = softmax_loss(users[[1, 2]], items[[3, 4]], items[[5]], 0.2)
    second = softmax_loss(users[[2]], items[[3]], items[[1]], 0.2)
    loss = RankingLoss("softmax")(PAIRS, ROWS.items, BATCH)
    torch.testing.assert_close(loss, (2 * first + second) / 3)


def test_items_are_scored_by_what_was_trained() -> None:
    assert RankingLoss("bpr").scoring(ENCODED) is ENCODED
    users, items = RankingLoss("softmax").scoring(ENCODED)
    assert users is ENCODED.users
    torch.testing.assert_close(items.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(items * ENCODED.items.norm(dim=1, keepdim=True), ENCODED.items)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="'hinge' is not one of bpr, softmax"):
        RankingLoss("hinge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="temperature is 0"):
        RankingLoss("softmax", 0.0)
