"""Interactions out of a table whose columns bear usual names."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from recbole_drepmrec.data.importers.imported import SPLITS
from recbole_drepmrec.data.importers.reading import as_ids, as_numbers, as_seconds
from recbole_drepmrec.errors import UserError

USUAL_NAMES = {
    "user_id": {"userid", "user", "uid", "users", "reviewerid", "customerid", "visitorid"},
    "item_id": {"itemid", "item", "iid", "items", "asin", "parentasin", "productid", "movieid"},
    "rating": {"rating", "ratings", "stars", "score", "overall"},
    "timestamp": {"timestamp", "timestamps", "time", "unixreviewtime", "date", "datetime"},
    "split": {"split", "xlabel", "fold"},
}
"""Our columns and the names they go by, in lower case and without anything but letters."""

_SPLIT_NAMES = {
    **dict.fromkeys(("0", "train", "training"), SPLITS[0]),
    **dict.fromkeys(("1", "valid", "val", "validation", "dev"), SPLITS[1]),
    **dict.fromkeys(("2", "test", "testing"), SPLITS[2]),
}


def find_column(path: Path, frame: pd.DataFrame, ours: str, needed: bool = False) -> str | None:
    """The column of a table that is ours under a usual name.

    Args:
        path: The file, for the message.
        frame: Its table.
        ours: A key of ``USUAL_NAMES``.
        needed: Whether it must be there.

    Raises:
        UserError: It is needed and not there, or two columns could be it.
    """
    usual = USUAL_NAMES[ours]
    found = [str(name) for name in frame.columns if _plain(str(name)) in usual]
    if len(found) > 1:
        raise UserError(
            f"{path}: the columns {' and '.join(found)} could both be {ours}; rename or drop one."
        )
    if not found and needed:
        raise UserError(
            f"{path} has the columns {', '.join(map(str, frame.columns))}; none is {ours}. Name it "
            f"{ours} (or one of {', '.join(sorted(usual))})."
        )
    return found[0] if found else None


def is_header(cells: Iterable[object]) -> bool:
    """Whether a line names columns: one of users and one of items, by usual names."""
    names = {_plain(str(cell)) for cell in cells}
    return all(names & USUAL_NAMES[ours] for ours in ("user_id", "item_id"))


def _plain(name: str) -> str:
    return re.sub("[^a-z]", "", name.partition(":")[0].lower())


def interactions_of(path: Path, frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Our columns of a table, under our names and as our types.

    Args:
        path: The file, for the messages.
        frame: Its table.
        notes: Gets a line on the columns that were left out.

    Raises:
        UserError: There is no column of users or items, or a value is not what it should be.
    """
    columns = {}
    for ours in USUAL_NAMES:
        name = find_column(path, frame, ours, needed=ours in ("user_id", "item_id"))
        if name is not None:
            columns[ours] = name
    readers = {"rating": as_numbers, "timestamp": as_seconds, "split": _as_splits}
    taken = pd.DataFrame(
        {ours: readers.get(ours, as_ids)(path, name, frame[name]) for ours, name in columns.items()}
    )
    left = [str(name) for name in frame.columns if name not in columns.values()]
    if left:
        notes.append(f"columns of {path.name} that were left out: {', '.join(left)}")
    return taken


def _as_splits(path: Path, column: str, values: pd.Series) -> pd.Series:
    texts = as_ids(path, column, values)
    splits = texts.str.strip().str.lower().map(_SPLIT_NAMES)
    unknown = splits.isna().to_numpy()
    if unknown.any():
        row = unknown.argmax()
        raise UserError(
            f"{path}, data row {row + 1}: column '{column}' has "
            f"{texts.iloc[row]!r}, expected train, valid or test, or 0, 1 or 2."
        )
    return splits
