"""The plain layouts: MMRec's folder, tables (CSV, TSV, Parquet), and RecBole's atomic files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.atomic_files import Column, read_columns, read_header
from recbole_drepmrec.data.importers.columns import find_column, interactions_of
from recbole_drepmrec.data.importers.imported import SPLITS, FeatureTable, Imported
from recbole_drepmrec.data.importers.matrices import matrices_with_ids, read_matrix
from recbole_drepmrec.data.importers.reading import (
    as_ids,
    only_file,
    read_errors,
    read_table,
)
from recbole_drepmrec.errors import UserError

TABLE_ENDINGS = (".csv", ".tsv", ".parquet")


def import_mmrec(source: Path, name: str) -> Imported:
    """Read MMRec's layout: ``NAME.inter`` with an ``x_label``, row r of a feature file is item r.

    Users of the validation and test rows who have no training row are dropped, as in MMRec.

    Args:
        source: The folder, or its ``.inter`` file.
        name: The data set's name.

    Raises:
        UserError: A file is missing or malformed, or a feature file lacks rows.
    """
    path = only_file(source, [f"{name}.inter", "*.inter"], "an MMRec file NAME.inter")
    notes: list[str] = []
    interactions = interactions_of(path, read_table(path), notes)
    if "split" not in interactions:
        raise UserError(
            f"{path} has no column x_label; expected 0 (train), 1 (valid) or 2 (test) in each row. "
            "Add it, or use the layout csv or recbole."
        )
    features = {
        file.name.removesuffix("_feat.npy"): _rows_as_items(file, interactions["item_id"])
        for file in sorted(path.parent.glob("*_feat.npy"))
    }
    kept = _users_seen_in_training(interactions, notes)
    return Imported(kept, features, source=f"MMRec layout, {path}", notes=notes)


def _users_seen_in_training(interactions: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    seen = interactions.loc[interactions["split"] == SPLITS[0], "user_id"].unique()
    known = interactions["user_id"].isin(seen)
    users = interactions.loc[~known, "user_id"].nunique()
    if users:
        notes.append(
            f"{users} users of the validation or test rows have no training row; they and their "
            f"{int((~known).sum())} interactions were dropped"
        )
    return interactions[known].reset_index(drop=True)


def _rows_as_items(path: Path, items: pd.Series) -> FeatureTable:
    values = read_matrix(path)
    rows = [str(row) for row in range(len(values))]
    without = sorted(set(items) - set(rows))
    if without:
        raise UserError(
            f"{path} has rows for the items 0 to {len(rows) - 1}, but {len(without)} items of the "
            f"interactions are others, such as {without[0]!r}; in this layout row r is item r. Use "
            "the layout csv with an id list if the ids are not row numbers."
        )
    return FeatureTable(rows, values)


def import_csv(source: Path, name: str) -> Imported:
    """Read tables: ``interactions.csv``, optionally ``items.csv``, and feature files.

    Features are ``M_feat.npy`` with ``M_ids.txt``, or a table ``M.parquet`` or ``M_feat.csv`` with
    an item column beside columns of numbers or one column of lists. Any of the tables may be
    ``.csv``, ``.tsv`` or ``.parquet``.

    Args:
        source: The folder, or the file of interactions.
        name: The data set's name.

    Raises:
        UserError: A file is missing or malformed, or has no column of users or items.
    """
    tables = [table for stem in ("interactions", name) if (table := _table(source, stem))]
    names = [table.name for table in tables]
    path = only_file(source, names, "interactions.csv, .tsv or .parquet")
    notes: list[str] = []
    interactions = interactions_of(path, read_table(path), notes)
    items = _table(path.parent, "items")
    features = matrices_with_ids(path.parent)
    for file in _feature_tables(path.parent, {path, items}):
        modality = file.stem.removesuffix("_feat")
        if modality in features:
            raise UserError(f"{file} and another file both hold '{modality}'; keep one of them.")
        features[modality] = _feature_table(file)
    known = _item_texts(items, read_table(items)) if items else None
    return Imported(interactions, features, known, source=f"tables, {path}", notes=notes)


def _table(folder: Path, stem: str) -> Path | None:
    """The one table of that name in a folder, whatever its ending."""
    found = [file for end in TABLE_ENDINGS if (file := folder / f"{stem}{end}").is_file()]
    if len(found) > 1:
        raise UserError(f"{found[0]} and {found[1].name} both hold {stem}; keep one of them.")
    return found[0] if found else None


def _feature_tables(folder: Path, others: set[Path | None]) -> list[Path]:
    tables = [path for end in (".csv", ".tsv") for path in folder.glob(f"*_feat{end}")]
    return sorted({*tables, *folder.glob("*.parquet")} - others)


def _feature_table(path: Path) -> FeatureTable:
    frame = read_table(path)
    item = find_column(path, frame, "item_id", needed=True)
    rest = frame.drop(columns=item)
    with read_errors(path, "an item column beside columns of numbers, or one column of lists"):
        if rest.shape[1] == 1 and rest.iloc[:, 0].map(lambda cell: np.ndim(cell) == 1).all():
            values: NDArray[Any] = np.stack([np.asarray(cell) for cell in rest.iloc[:, 0]])
        else:
            values = rest.to_numpy()
        values = values.astype(np.float64)
    return FeatureTable(as_ids(path, str(item), frame[item]).to_list(), values)


def _item_texts(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    item = find_column(path, frame, "item_id", needed=True)
    texts = {
        str(column): frame[column].map(str, na_action="ignore").astype(object)
        for column in frame.columns
        if column != item
    }
    return pd.DataFrame({"item_id": as_ids(path, str(item), frame[item]), **texts})


def import_recbole(source: Path, name: str) -> Imported:
    """Read RecBole's atomic files: ``NAME.inter``, or ``NAME.train.inter`` and so on.

    ``NAME.valid.inter`` may be missing; ``NAME.item`` and ``M_feat.npy`` with ``M_ids.txt`` are
    taken along where they are.

    Args:
        source: The folder, or its ``.inter`` file.
        name: The data set's name.

    Raises:
        UserError: A file is missing or malformed.
    """
    expected = "RecBole's NAME.inter, or NAME.train.inter, NAME.valid.inter and NAME.test.inter"
    patterns = [f"{name}.train.inter", f"{name}.inter", "*.train.inter", "*.inter"]
    path = only_file(source, patterns, expected)
    notes: list[str] = []
    stem = path.name.removesuffix(".inter")
    split = stem.rpartition(".")[2] in SPLITS
    stem = stem.rpartition(".")[0] if split else stem
    if split:
        parts = {part: path.with_name(f"{stem}.{part}.inter") for part in SPLITS}
        if not parts["valid"].is_file():
            del parts["valid"]
        tables = [_atomic(file).assign(split=part) for part, file in parts.items()]
    else:
        tables = [_atomic(path)]
    interactions = interactions_of(path, pd.concat(tables, ignore_index=True), notes)
    items, file = None, path.with_name(f"{stem}.item")
    if file.is_file():
        items = _item_texts(file, _atomic(file))
        notes.append(f"the columns of {file.name} were taken as text")
    features = matrices_with_ids(path.parent)
    return Imported(interactions, features, items, source=f"RecBole layout, {path}", notes=notes)


def _atomic(path: Path) -> pd.DataFrame:
    """All columns of an atomic file as text, an absent value as an empty one."""
    with read_errors(path, "RecBole's atomic file"):
        columns: Sequence[Column] = read_header(path, "\t", "utf-8")
        texts = [Column(column.name, "token") for column in columns]
        frame = read_columns(path, columns, texts, "\t", "utf-8")
    return frame.astype(object).where(frame.notna(), "")
