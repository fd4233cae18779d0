"""ID tables: the rows that a batch reads."""

import torch

from recbole_drepmrec.nn import IdTables


def test_rows_are_of_the_users_and_of_all_items_given() -> None:
    """A penalty that forgets the negatives would still train."""
    tables = IdTables(3, 4, 2)
    users, positives, negatives = torch.tensor([2, 0]), torch.tensor([1, 1]), torch.tensor([3, 2])
    rows = tables.rows(users, positives, negatives)
    of_users, of_items = tables.tables()
    expected = [of_users[[2, 0]], of_items[[1, 1]], of_items[[3, 2]]]
    assert len(rows) == len(expected)
    for found, wanted in zip(rows, expected, strict=True):
        torch.testing.assert_close(found, wanted)
