"""What a data set must hold before it is written."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.atomic_files import READ_AS_MISSING
from recbole_drepmrec.data.importers.imported import SPLITS, FeatureTable, Imported
from recbole_drepmrec.errors import UserError

RESERVED_IDS = frozenset({*READ_AS_MISSING, "[PAD]"})
"""Texts that RecBole's atomic files, or RecBole itself, take for no id."""

# Control characters, halves of a surrogate pair, and Unicode's own line and paragraph ends.
_UNWRITABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked(imported: Imported) -> Imported:
    """Refuse what cannot be written and read again unchanged, and drop repeated interactions.

    A pair that stands in several splits is kept in the earliest, so that nothing seen in
    training is tested.

    Args:
        imported: What an importer gave.

    Raises:
        UserError: There are no interactions, or a split has none; an id is missing, reserved or
            holds a control character; a number is not finite; an item or its features stand twice.
    """
    notes = list(imported.notes)
    interactions = _interactions(imported.interactions, notes)
    items = None if imported.items is None else _items(imported.items)
    for name, table in imported.features.items():
        _check_features(name, table)
    return replace(imported, interactions=interactions, items=items, notes=notes)


def _interactions(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    if frame.empty:
        raise UserError("there are no interactions; expected at least one user with one item.")
    for column in ("user_id", "item_id"):
        check_ids(f"the interactions' {column}", frame[column].unique())
    for column in sorted({"rating", "timestamp"} & set(frame.columns)):
        bad = ~np.isfinite(frame[column].to_numpy(np.float64))
        if bad.any():
            raise UserError(
                f"the interactions' {column} has no finite number in {int(bad.sum())} rows, first "
                f"in row {int(bad.argmax()) + 1}; fill them or leave the column out."
            )
    if "split" in frame:
        frame = _ordered_by_split(frame)
    repeated = frame.duplicated(["user_id", "item_id"])
    if repeated.any():
        notes.append(
            f"{int(repeated.sum())} repeated interactions were dropped; the first of each pair of "
            "user and item was kept"
        )
    frame = frame[~repeated].reset_index(drop=True)
    if "split" in frame:
        _check_splits(frame["split"])
    return frame


def _ordered_by_split(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame["split"].map({name: number for number, name in enumerate(SPLITS)})
    if order.isna().any():
        value = frame.loc[order.isna(), "split"].iloc[0]
        raise UserError(f"an interaction's split is {value!r}, expected one of {list(SPLITS)}.")
    rows = np.argsort(order.to_numpy(), kind="stable")
    return frame.iloc[rows].reset_index(drop=True)


def _check_splits(splits: pd.Series) -> None:
    empty = [name for name in SPLITS if name not in set(splits)]
    if empty:
        remedy = "put some of the others there, or leave the split out to have training make one"
        if empty == ["valid"]:
            remedy = "give --valid_share 0.1 to draw a tenth of the training interactions for it"
        raise UserError(f"the split '{empty[0]}' has no interactions; {remedy}.")


def check_ids(what: str, ids: Iterable[object]) -> None:
    """Refuse an id that would not come back from a file as it went in.

    Args:
        what: What the ids are, to begin the message with.
        ids: The ids.

    Raises:
        UserError: An id is missing, reserved, no text, or holds a tab, a line end or the like.
    """
    for raw in ids:
        if not isinstance(raw, str) or not raw.strip() or raw in RESERVED_IDS:
            raise UserError(
                f"{what} has the value {raw!r}, which is read as no id; give each user and item an "
                "id, and none that is spelt like a missing value."
            )
        if any(unicodedata.category(letter) in _UNWRITABLE for letter in raw):
            raise UserError(
                f"{what} has the id {raw!r}, which holds a tab, a line end or another control "
                "character; take these out of the ids of interactions, items and features alike."
            )


def _items(items: pd.DataFrame) -> pd.DataFrame:
    if items.empty:
        raise UserError("the source's table of items is empty; fill it, or take the file out.")
    check_ids("the items' item_id", items["item_id"])
    repeated = items["item_id"].duplicated()
    if repeated.any():
        first = items.loc[repeated, "item_id"].iloc[0]
        raise UserError(
            f"{int(repeated.sum())} items stand more than once among the items, first {first!r}; "
            "each may have one row."
        )
    return items.reset_index(drop=True)


def check_modality_name(name: str, change: str) -> None:
    """Refuse a name that cannot stand in a file's name and in a property file.

    Args:
        name: The modality's name.
        change: What to do about it, to end the message with.

    Raises:
        UserError: It has other characters than letters, digits, _ and -.
    """
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UserError(
            f"a modality is called {name!r}, expected letters, digits, _ and -; {change}."
        )


def _check_features(name: str, table: FeatureTable) -> None:
    check_modality_name(name, "rename its file")
    if table.values.ndim != 2 or len(table.ids) != len(table.values) or 0 in table.values.shape:
        raise UserError(
            f"modality '{name}' has {len(table.ids)} ids for an array of shape "
            f"{table.values.shape}, expected numbers of shape [ids, features]."
        )
    check_ids(f"modality '{name}'", table.ids)
    ids = pd.Series(table.ids, dtype=object)
    repeated = ids.duplicated()
    if repeated.any():
        raise UserError(
            f"modality '{name}' has {int(repeated.sum())} ids more than once, first "
            f"{ids[repeated].iloc[0]!r}; each item may have one row."
        )


def matching_rows(name: str, table: FeatureTable, known: set[str]) -> NDArray[np.int64]:
    """The rows of a modality that belong to items of the data set, in their order.

    Args:
        name: The modality, for the message.
        table: Its features.
        known: Raw ids of the data set's items.

    Raises:
        UserError: There is no such row.
    """
    rows = np.flatnonzero([raw in known for raw in table.ids])
    if not len(rows):
        raise UserError(
            f"modality '{name}': none of its {len(table.ids)} ids (first {table.ids[0]!r}) is an "
            f"item of the data set (such as {min(known)!r}); give the raw item ids of the "
            "interactions."
        )
    return rows
