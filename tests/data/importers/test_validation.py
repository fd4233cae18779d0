"""A validation split drawn from training rows."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers import LAYOUTS
from recbole_drepmrec.data.importers.imported import Imported
from recbole_drepmrec.data.importers.validation import with_validation
from recbole_drepmrec.errors import UserError
from tests.data.importers.small_sources import SPLIT_PAIRS, matrix


def imported(train: list[int], test: int = 2) -> Imported:
    """Users with so many training rows each, and rows of the last user for testing."""
    rows = [(f"u{u}", str(i), "train") for u, n in enumerate(train) for i in range(n)]
    rows += [(f"u{len(train) - 1}", f"t{i}", "test") for i in range(test)]
    return Imported(pd.DataFrame(rows, columns=["user_id", "item_id", "split"]), {})


@settings(deadline=None)
@given(train=st.lists(st.integers(1, 9), min_size=1, max_size=6), share=st.floats(0.01, 0.99))
def test_the_share_is_drawn_and_each_user_keeps_one(train: list[int], share: float) -> None:
    source, free = imported(train), sum(train) - len(train)
    expected = min(round(share * sum(train)), free)
    if not expected:
        with pytest.raises(UserError, match="draws none of the"):
            with_validation(source, share)
        return
    result = with_validation(source, share)
    frame = result.interactions
    counts = frame["split"].value_counts()
    assert counts["valid"] == expected
    assert counts["train"] == sum(train) - expected
    assert frame.loc[frame["split"] == "train", "user_id"].nunique() == len(train)
    assert counts["test"] == 2
    assert (source.interactions["split"] != "valid").all()  # what was given stays as it is
    pairs = ["user_id", "item_id"]
    pd.testing.assert_frame_equal(frame[pairs], source.interactions[pairs])
    pd.testing.assert_frame_equal(with_validation(source, share).interactions, frame)
    note = f"{expected} of {sum(train)} training interactions were drawn for validation, seed 999"
    assert result.notes == [note]


@pytest.mark.parametrize(
    ("source", "share", "message"),
    [
        (imported([5]), 0.0, "is 0.0, expected a share above 0"),
        (imported([5]), 1.0, "is 1.0, expected a share"),
        (imported([5]), float("nan"), "is nan, expected a share"),
        (imported([1, 1]), 0.5, "draws none of the 2 training"),
        (Imported(imported([5]).interactions.drop(columns="split"), {}), 0.1, "has no split"),
        (Imported(imported([5]).interactions.assign(split="valid"), {}), 0.1, "leave it out"),
    ],
)
def test_where_it_makes_no_sense(source: Imported, share: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_validation(source, share)


def write_csv(folder: Path) -> None:
    rows = [
        f"{user},{item},{split}\n"
        for split in ("train", "test")
        for user, item in SPLIT_PAIRS[split]
    ]
    (folder / "interactions.csv").write_text("user,item,split\n" + "".join(rows))


def write_recbole(folder: Path) -> None:
    for split in ("train", "test"):
        lines = [f"{user}\t{item}\n" for user, item in SPLIT_PAIRS[split]]
        header = "user_id:token\titem_id:token\n"
        (folder / f"a.{split}.inter").write_text(header + "".join(lines))


def write_diffmm(folder: Path) -> None:
    for split, name in (("train", "trnMat"), ("test", "tstMat")):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(matrix(split)))


def write_lattice(folder: Path) -> None:
    for split in ("train", "test"):
        held: dict[int, list[int]] = {}
        for user, item in SPLIT_PAIRS[split]:
            held.setdefault(user, []).append(item)
        (folder / f"{split}.json").write_text(json.dumps(held))


def write_cornac(folder: Path) -> None:
    for split in ("train", "test"):
        lines = [f"{user},{item}\n" for user, item in SPLIT_PAIRS[split]]
        (folder / f"{split}.csv").write_text("".join(lines))


def write_mmrec(folder: Path) -> None:
    labels = {"train": 0, "test": 2}
    rows = [f"{u}\t{i}\t{x}\n" for split, x in labels.items() for u, i in SPLIT_PAIRS[split]]
    (folder / "a.inter").write_text("userID\titemID\tx_label\n" + "".join(rows))


WRITERS: dict[str, Callable[[Path], None]] = {
    "csv": write_csv,
    "recbole": write_recbole,
    "mmrec": write_mmrec,
    "diffmm": write_diffmm,
    "lattice": write_lattice,
    "cornac": write_cornac,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_may_lack_validation(layout: str, tmp_path: Path) -> None:
    WRITERS[layout](tmp_path)
    frame = with_validation(LAYOUTS[layout](tmp_path, "a"), 0.3).interactions
    counts = frame["split"].value_counts().to_dict()
    assert counts == {"train": 4, "valid": 2, "test": 3}
    test = frame.loc[frame["split"] == "test", ["user_id", "item_id"]].to_numpy().tolist()
    assert sorted(test) == sorted([str(u), str(i)] for u, i in SPLIT_PAIRS["test"])
