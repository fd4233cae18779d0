"""Splits by hand, and that nothing of the test part is trained on."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.splits import (
    cold_item_labels,
    fixed_labels,
    global_time_labels,
    without_cold_users,
)
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import clustered

N_USERS, PER_USER = 20, 10


@pytest.mark.parametrize(
    "values",
    [[0, 2, 1, 0], [0.0, 2.0, 1.0, 0.0], ["0", "2", "1", "0"], ["train", "test", "valid", "train"]],
)
def test_fixed_labels(values: list[Any]) -> None:
    assert fixed_labels(np.array(values), "the column").tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize("values", [[0, 3], ["train", "dev"], [0.5, 1]])
def test_unknown_label(values: list[Any]) -> None:
    with pytest.raises(UserError, match="the column has the value .*, expected 0, 1, 2"):
        fixed_labels(np.array(values), "the column")


@pytest.mark.parametrize(
    ("times", "ratios", "expected"),
    [
        ([5, 1, 4, 2, 3], [0.6, 0.2, 0.2], [2, 0, 1, 0, 0]),
        ([5, 1, 4, 2, 3], [3, 1, 1], [2, 0, 1, 0, 0]),
        ([1, 2, 3, 3, 4], [0.6, 0.2, 0.2], [0, 0, 1, 1, 2]),  # both at 3 are validated
        ([1, 2, 3, 4, 4], [0.6, 0.2, 0.2], [0, 0, 0, 2, 2]),  # none is left to validate
        ([7, 7, 7], [0.8, 0.1, 0.1], [1, 1, 1]),  # nothing is before a moment that all share
    ],
)
def test_global_time_by_hand(times: Any, ratios: Any, expected: Any) -> None:
    assert global_time_labels(np.array(times), ratios).tolist() == expected


def test_cold_items_by_hand() -> None:
    """Two of four items with interactions: one is validated, one tested, with all of theirs."""
    items = np.array([1, 2, 3, 4, 1, 2, 3, 4])
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    raw_ids = np.array(["[PAD]", "a", "b", "c", "d", "e"])
    new = cold_item_labels(labels, items, raw_ids, 0.5, seed=0)
    of_item = {item: set(new[items == item].tolist()) for item in range(1, 5)}
    cold = [item for item in of_item if 0 not in of_item[item]]
    assert sorted(tuple(of_item[item]) for item in cold) == [(1,), (2,)]
    warm = ~np.isin(items, cold)
    np.testing.assert_array_equal(new[warm], labels[warm])


def test_cold_items_follow_raw_ids_and_seed() -> None:
    items, labels = np.arange(1, 21), np.zeros(20, dtype=np.int64)
    raw_ids = np.array(["[PAD]", *(f"i{n}" for n in range(20))])
    one = cold_item_labels(labels, items, raw_ids, 0.3, seed=1)
    order = np.random.default_rng(0).permutation(20)
    renumbered = np.array(["[PAD]", *raw_ids[1:][order]])
    other = cold_item_labels(labels, items, renumbered, 0.3, seed=1)
    np.testing.assert_array_equal(other, one[order])
    assert (one != cold_item_labels(labels, items, raw_ids, 0.3, seed=2)).any()
    assert np.bincount(one).tolist() == [14, 3, 3]


def test_cold_users_by_hand() -> None:
    labels, users = np.array([0, 1, 1, 2, 2, 0]), np.array([1, 1, 2, 2, 3, 3])
    assert without_cold_users(labels, users).tolist() == [0, 1, -1, -1, 2, 0]


def write(parent: Path, column: str = "x_label:float") -> dict[str, Any]:
    """Users who take ten items each; interaction n of all is at time 1000 n."""
    values = clustered(N_USERS).write(parent)
    folder = parent / "tiny"
    for file in folder.glob("*.inter"):
        file.unlink()
    random = np.random.default_rng(0)
    lines = [f"user_id:token\titem_id:token\ttimestamp:float\t{column}"]
    rows = [(user, item) for user in range(N_USERS) for item in random.permutation(48)[:PER_USER]]
    for time, row in enumerate(random.permutation(len(rows))):
        user, item = rows[row]
        lines.append(f"u{user}\ti{item}\t{1000 * time}\t{row % PER_USER // 4}")
    (folder / "tiny.inter").write_text("\n".join(lines) + "\n")
    return {key: value for key, value in values.items() if key != "benchmark_filename"}


def parts_of(values: dict[str, Any], model: str = "DRepMRec") -> list[Any]:
    torch.manual_seed(0)
    return create_dataset(Config(model, config_dict=values)).build()


def pairs(part: Any) -> list[tuple[str, str]]:
    users = part.id2token("user_id", part.inter_feat["user_id"].numpy())
    items = part.id2token("item_id", part.inter_feat["item_id"].numpy())
    return list(zip(users.tolist(), items.tolist(), strict=True))


def rows_of_file(parent: Path) -> list[list[str]]:
    return [line.split("\t") for line in (parent / "tiny/tiny.inter").read_text().split("\n")[1:-1]]


def assert_no_leak(parts: list[Any]) -> None:
    """No interaction is in two parts."""
    sets = [set(pairs(part)) for part in parts]
    assert sum(map(len, sets)) == len(set.union(*sets))


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("fixed", [80, 80, 40]),
        ("random", [160, 20, 20]),
        ("leave_one_out", [160, 20, 20]),
        ("user_time", [160, 20, 20]),
        ("global_time", [160, 20, 20]),
    ],
)
@pytest.mark.parametrize("model", ["DRepMRec", "BPR"])
def test_each_split(tmp_path: Path, kind: str, sizes: list[int], model: str) -> None:
    parts = parts_of({**write(tmp_path), "split_by": kind}, model)
    assert [len(part) for part in parts] == sizes
    assert_no_leak(parts)
    assert set(parts[0].inter_feat.interaction) == {"user_id", "item_id"}


@pytest.mark.parametrize("column", ["x_label:float", "x_label:token"])
def test_fixed_by_a_column(tmp_path: Path, column: str) -> None:
    values = write(tmp_path, column)
    parts = parts_of({**values, "split_by": "fixed"})
    rows = rows_of_file(tmp_path)
    for number, part in enumerate(parts):
        expected = [(user, item) for user, item, _, label in rows if label == str(number)]
        assert sorted(pairs(part)) == sorted(expected)


def test_by_time_nothing_of_the_future_is_trained_on(tmp_path: Path) -> None:
    values = write(tmp_path)
    times = {(user, item): float(time) for user, item, time, _ in rows_of_file(tmp_path)}
    moments = [
        [times[pair] for pair in pairs(part)]
        for part in parts_of({**values, "split_by": "global_time"})
    ]
    assert max(moments[0]) < min(moments[1]) <= max(moments[1]) < min(moments[2])
    for kind in ("user_time", "leave_one_out"):
        train, _, test = parts_of({**values, "split_by": kind})
        last_trained = {user: 0.0 for user, _ in times}
        for user, item in pairs(train):
            last_trained[user] = max(last_trained[user], times[user, item])
        assert all(times[user, item] > last_trained[user] for user, item in pairs(test))


def test_cold_items_are_never_trained_on(tmp_path: Path) -> None:
    values = {**write(tmp_path), "split_by": "random", "cold_items": 0.25}
    parts = parts_of(values)
    assert_no_leak(parts)
    assert sum(map(len, parts)) == N_USERS * PER_USER
    train, valid, test = ({item for _, item in pairs(part)} for part in parts)
    n_items = len(train | valid | test)
    assert len(train) == n_items - round(0.25 * n_items)
    assert not (valid - train) & (test - train)
    assert parts[0].seen_items().sum() == len(train)


def test_cold_users_are_dropped(tmp_path: Path) -> None:
    values = {**write(tmp_path), "split_by": "global_time", "split_ratios": [1, 5, 4]}
    plain = parts_of(values)
    parts = parts_of({**values, "drop_cold_users": True})
    trained = {user for user, _ in pairs(plain[0])}
    for one, other in zip(plain, parts, strict=True):
        assert sorted(pairs(other)) == sorted(p for p in pairs(one) if p[0] in trained)
    assert len(parts[2]) < len(plain[2])


def test_split_seed_keeps_the_split_while_seed_changes(tmp_path: Path) -> None:
    values = {**write(tmp_path), "split_by": "random", "split_seed": 4}
    torch.manual_seed(1)
    one = create_dataset(Config("BPR", config_dict=values)).build()
    torch.manual_seed(2)
    after = torch.rand(1)
    torch.manual_seed(2)
    other = create_dataset(Config("BPR", config_dict=values)).build()
    assert torch.rand(1) == after  # and it draws nothing from the run's own generator
    assert [pairs(part) for part in one] == [pairs(part) for part in other]


def test_files_may_be_split_anew(tmp_path: Path) -> None:
    values = clustered().write(tmp_path)
    assert [len(part) for part in parts_of({**values, "split_by": "fixed"})] == [360, 60, 60]
    anew = parts_of({**values, "split_by": "random", "split_ratios": [0.5, 0.25, 0.25]})
    assert [len(part) for part in anew] == [240, 120, 120]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split_by": "fixed", "split_field": "part"}, "needs the column 'part'"),
        ({"split_by": "user_time", "TIME_FIELD": "when"}, "name the column by `TIME_FIELD`"),
        ({"split_by": "fixed", "split_field": "timestamp"}, "has the value"),
        ({"split_by": "sometimes"}, "`split_by` is 'sometimes'"),
        (
            {"split_ratios": [1, 1]},
            "`split_ratios` is [1, 1]: list should have at least 3 items, not 2. Expected a value "
            "such as [0.8, 0.1, 0.1].",
        ),
        (
            {"split_ratios": [1, 1, 0]},
            "`split_ratios` is [1, 1, 0]: input should be greater than 0 (at number 3).",
        ),
        ({"cold_items": 1.0}, "`cold_items` is 1.0"),
        ({"split_seed": -1}, "`split_seed` is -1"),
    ],
)
def test_wrong_keys(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parts_of({**write(tmp_path), **values})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ({"split_ratios": [0.5, 0.25, 0.25]}, "recbole"),
        ({"split_ratios": [0.5, 0.25, 0.25], "split_by": "leave_one_out"}, "leave_one_out"),
        ({"split_ratios": [0.5, 0.25, 0.25], "split_by": "fixed"}, "fixed"),
        ({"split_ratios": [0.5, 0.25, 0.25], "split_by": "random"}, None),
        ({"split_ratios": [0.5, 0.25, 0.25], "split_by": "user_time"}, None),
        ({"split_ratios": [0.5, 0.25, 0.25], "split_by": "global_time"}, None),
        ({"split_ratios": [0.8, 0.1, 0.1]}, None),
        ({}, None),
    ],
)
def test_ratios_without_effect_are_warned_of(
    tmp_path: Path, values: dict[str, Any], warned: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # an earlier run may have quietened the root logger
    Config("BPR", "tiny", config_dict={**write(tmp_path), **values})
    found = re.findall("`split_ratios` has no effect with `split_by: (.*?)`", caplog.text)
    assert found == ([] if warned is None else [warned])
    assert ("those of `eval_args`" in caplog.text) == (warned == "recbole")


def test_an_empty_part_is_refused(tmp_path: Path) -> None:
    values = write(tmp_path)
    file = tmp_path / "tiny/tiny.inter"
    file.write_text(file.read_text().replace("\t2\n", "\t1\n"))
    with pytest.raises(UserError, match="leaves no interaction for test"):
        parts_of({**values, "split_by": "fixed"})
