"""A batch by its distinct users and items."""

import torch

from recbole_drepmrec.nn import Batch, Representations, squared_norm

USERS, POSITIVES, NEGATIVES = (torch.tensor(ids) for ids in ([5, 2, 5], [1, 3, 3], [3, 4, 1]))


def random_tables() -> Representations:
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 2, generator=generator).requires_grad_() for n in (6, 5))
    return Representations(users, items)


def test_pairs_are_the_rows_of_their_users_and_items() -> None:
    tables = random_tables()
    batch = Batch.of(USERS, POSITIVES, NEGATIVES)
    assert batch.users.tolist() == [2, 5]
    assert batch.items.tolist() == [1, 3, 4]
    rows = batch.rows(tables)
    pairs = batch.positive_pairs(rows)
    assert torch.equal(pairs.users, tables.users[USERS])
    assert torch.equal(pairs.items, tables.items[POSITIVES])
    assert torch.equal(rows.items[batch.negative], tables.items[NEGATIVES])


def test_a_row_read_twice_gets_both_gradients() -> None:
    tables = random_tables()
    batch = Batch.of(USERS, POSITIVES, NEGATIVES)
    pairs = batch.positive_pairs(batch.rows(tables))
    (pairs.users.sum() + pairs.items.sum()).backward()
    assert tables.users.grad is not None
    assert tables.items.grad is not None
    assert tables.users.grad[:, 0].tolist() == [0, 0, 1, 0, 0, 2]
    assert tables.items.grad[:, 0].tolist() == [0, 1, 0, 2, 0]


def test_the_penalty_counts_a_row_as_often_as_it_is_read() -> None:
    tables = random_tables()
    batch = Batch.of(USERS, POSITIVES, NEGATIVES)
    rows = (tables.users[USERS], tables.items[POSITIVES], tables.items[NEGATIVES])
    distinct_rows = batch.rows(tables)
    for found, expected in (
        (batch.squared_norm(distinct_rows), squared_norm(*rows)),
        (batch.squared_norm_of_items(distinct_rows.items), squared_norm(*rows[1:])),
    ):
        torch.testing.assert_close(found, expected)
        gradients = [
            torch.autograd.grad(loss, tables.items, retain_graph=True)[0]
            for loss in (found, expected)
        ]
        torch.testing.assert_close(*gradients)
