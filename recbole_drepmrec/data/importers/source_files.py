"""What several importers share: JSON files, checked, and split interactions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_drepmrec.data.importers.checks import check_ids
from recbole_drepmrec.data.importers.imported import SPLITS
from recbole_drepmrec.data.importers.reading import read_errors
from recbole_drepmrec.errors import UserError

Pairs = list[tuple[str, str]]
"""User and item of each interaction, raw ids."""


def need_folder(path: Path, layout: str) -> None:
    """Raise a UserError unless ``path`` is a folder."""
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; give the folder that holds the {layout} files.")


def read_json(path: Path) -> Any:
    """Read a JSON file in which no key stands twice."""
    with read_errors(path, "JSON, whole"):
        try:
            return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error


def read_user_items(path: Path) -> Pairs:
    """Read ``{user: [items]}`` whose items are row numbers, 0 or more."""
    held = read_json(path)
    if not isinstance(held, dict):
        raise UserError(f"{path} holds a {type(held).__name__}, expected {{user: [items]}}.")
    pairs: Pairs = []
    for user, items in held.items():
        rows = items if isinstance(items, list) else [None]
        for item in rows:
            if type(item) is not int or item < 0:
                raise UserError(
                    f"{path}: user {user!r} has {_short(items)}, expected a list of item numbers, "
                    "0 or more; mend the entry."
                )
        pairs.extend((user, str(item)) for item in rows)
    return pairs


def split_interactions(parts: Mapping[str, Pairs], where: Path) -> pd.DataFrame:
    """Put the splits into one table, in the order train, valid, test.

    Args:
        parts: Split to its pairs; a split may be missing.
        where: What was read, for messages.

    Raises:
        UserError: There are no training interactions, or an id cannot stand in a table.
    """
    if not parts.get("train"):
        raise UserError(f"{where} has no training interactions; give the files with some.")
    rows = [(user, item, split) for split in SPLITS for user, item in parts.get(split, [])]
    # Before the table is made: pandas refuses half a character with an error of its own.
    check_ids(str(where), list(dict.fromkeys(user for user, _, _ in rows)))
    check_ids(str(where), list(dict.fromkeys(item for _, item, _ in rows)))
    return pd.DataFrame(rows, columns=["user_id", "item_id", "split"])


def one_of(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files that is there."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in held if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return held


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
