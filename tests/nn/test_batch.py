"""A batch by its distinct users and items."""

import torch

from recbole_drepmrec.nn import Batch, Representations

USERS, POSITIVES, NEGATIVES = (torch.tensor(ids) for ids in ([5, 2, 5], [1, 3, 3], [3, 4, 1]))


def test_pairs_are_the_rows_of_their_users_and_items() -> None:
    tables = Representations(torch.randn(6, 2), torch.randn(5, 2))
    batch = Batch.of(USERS, POSITIVES, NEGATIVES)
    assert batch.users.tolist() == [2, 5]
    assert batch.items.tolist() == [1, 3, 4]
    of_users, positive, negative = batch.pairs(batch.rows(tables))
    assert torch.equal(of_users, tables.users[USERS])
    assert torch.equal(positive, tables.items[POSITIVES])
    assert torch.equal(negative, tables.items[NEGATIVES])


def test_a_row_read_twice_gets_both_gradients() -> None:
    tables = Representations(
        torch.zeros(6, 1, requires_grad=True), torch.zeros(5, 1, requires_grad=True)
    )
    batch = Batch.of(USERS, POSITIVES, NEGATIVES)
    torch.cat(batch.pairs(batch.rows(tables))).sum().backward()
    assert tables.users.grad is not None
    assert tables.items.grad is not None
    assert tables.users.grad.squeeze().tolist() == [0, 0, 1, 0, 0, 2]
    assert tables.items.grad.squeeze().tolist() == [0, 2, 0, 3, 1]
