"""What Cornac reads and Ducho writes: a ``.npy`` an item, or a matrix with its rows' ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.importers.checks import check_ids
from recbole_drepmrec.data.importers.columns import interactions_of, is_header
from recbole_drepmrec.data.importers.imported import FeatureTable, Imported
from recbole_drepmrec.data.importers.matrices import (
    modality_name,
    read_array,
    read_id_list,
    read_matrix,
)
from recbole_drepmrec.data.importers.reading import read_errors, read_lines, read_table
from recbole_drepmrec.data.importers.source_files import need_folder, one_of, read_json
from recbole_drepmrec.errors import UserError

COLUMNS = ("user_id", "item_id", "rating", "timestamp")
"""Cornac's UIR and UIRT, in this order where there is no header."""

_ALONE = ("interactions", "ratings", "reviews", "data", "uirt", "uir")
_SPLITS = {"train": ("train",), "valid": ("val", "valid", "validation"), "test": ("test",)}
_ENDINGS = (".csv", ".tsv")


def import_cornac(path: Path, name: str) -> Imported:
    """Read interactions ``uir`` or ``uirt`` and the features beside them.

    Interactions: one ``.csv`` or ``.tsv`` (``interactions``, ``ratings``, ... if there are more),
    or ``train``, ``val`` and ``test``. Features: folders whose ``.npy`` files are named by item, or
    ``NAME.npy`` with ``NAME_ids.txt`` or ``NAME_ids.json`` (a list, or id to row).

    Args:
        path: The folder.
        name: The data set's name, for the datasheet.

    Raises:
        UserError: Files are missing or damaged, or do not fit together.
    """
    need_folder(path, "Cornac or Ducho")
    notes: list[str] = []
    frame = _interactions(path, notes)
    features = _matrices(path)
    for modality, table in _folders(path).items():
        if modality in features:
            raise UserError(f"{path} has '{modality}' as a matrix and as a folder; take one out.")
        features[modality] = table
    return Imported(frame, features, source=f"{name}, Cornac layout, {path}", notes=notes)


def _interactions(folder: Path, notes: list[str]) -> pd.DataFrame:
    parts = {
        split: one_of(folder, [f"{stem}{ending}" for stem in stems for ending in _ENDINGS])
        for split, stems in _SPLITS.items()
    }
    if not (parts["train"] and parts["test"]):
        return _read_table(_single(folder), notes)
    tables = [_read_table(file, notes).assign(split=split) for split, file in parts.items() if file]
    if len({tuple(table.columns) for table in tables}) > 1:
        raise UserError(f"train, val and test in {folder} have other columns; give them the same.")
    return pd.concat(tables, ignore_index=True)


def _single(folder: Path) -> Path:
    found = sorted(p for p in folder.iterdir() if p.suffix in _ENDINGS and p.is_file())
    if len(found) > 1:
        found = [path for path in found if path.stem.lower() in _ALONE]
    if len(found) != 1:
        there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:20]) or "nothing"
        raise UserError(
            f"{folder} has {len(found)} files of interactions ({there}); expected interactions.csv "
            "or .tsv (user, item, rating[, time]), or train, val and test. Name the file so."
        )
    return found[0]


def _read_table(path: Path, notes: list[str]) -> pd.DataFrame:
    with read_errors(path, "user, item, rating[, time] a line"):
        if is_header(read_lines(path, 1).iloc[0]):
            return interactions_of(path, read_table(path), notes)
        lines = read_lines(path)
    if not 2 <= lines.shape[1] <= len(COLUMNS):
        raise UserError(
            f"{path} has {lines.shape[1]} columns and no header, expected user, item, rating[, "
            "time]. Name the columns in a first line, or the file by its separator: .csv or .tsv."
        )
    return interactions_of(path, lines.set_axis(COLUMNS[: lines.shape[1]], axis=1), notes)


def _matrices(folder: Path) -> dict[str, FeatureTable]:
    tables = {}
    for path in sorted(folder.glob("*.npy")):
        modality = modality_name(path.stem)
        stems = dict.fromkeys((f"{path.stem}_ids", f"{modality}_ids", path.stem, "item_ids"))
        names = [f"{stem}{ending}" for stem in stems for ending in (".txt", ".json")]
        id_file = one_of(folder, names)
        if id_file is None:
            raise UserError(
                f"{path} has no list of the items of its rows; expected one of {', '.join(names)}: "
                "an id a line, a JSON list of ids, or a JSON map of id to row."
            )
        matrix = read_matrix(path)
        tables[modality] = FeatureTable(_row_ids(id_file, len(matrix)), matrix)
    return tables


def _row_ids(path: Path, n_rows: int) -> list[str]:
    is_json = path.suffix == ".json"
    ids = _json_ids(path, read_json(path), n_rows) if is_json else read_id_list(path)
    if len(ids) != n_rows or len(set(ids)) < len(ids):
        raise UserError(
            f"{path} has {len(ids)} ids ({len(set(ids))} different ones) for {n_rows} rows; each "
            "row needs one id of its own, in the same order."
        )
    check_ids(str(path), ids)
    return ids


def _json_ids(path: Path, held: Any, n_rows: int) -> list[str]:
    if isinstance(held, list) and all(type(raw) in {str, int} for raw in held):
        return [str(raw) for raw in held]
    rows = held.values() if isinstance(held, dict) else []
    if not held or any(type(row) is not int for row in rows) or set(rows) != set(range(n_rows)):
        raise UserError(
            f"{path} is neither a list of ids nor a map of id to the rows 0 to {n_rows - 1}, each "
            "row once; write it so."
        )
    return sorted(held, key=held.__getitem__)


def _folders(folder: Path) -> dict[str, FeatureTable]:
    tables = {}
    for top in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        leaves = sorted({file.parent for file in top.rglob("*.npy")})
        for leaf in leaves:
            # Ducho puts the network's and layer's folders below the modality's.
            below = leaf.relative_to(top).parts if len(leaves) > 1 else ()
            tables["_".join((modality_name(top.name), *below))] = _per_item(leaf)
    return tables


def _per_item(folder: Path) -> FeatureTable:
    paths = sorted(folder.glob("*.npy"))
    first = _vector(paths[0])
    values: NDArray[Any] = np.empty((len(paths), len(first)), dtype=np.float32)
    for row, path in enumerate(paths):
        vector = _vector(path)
        if len(vector) != len(first):
            raise UserError(
                f"{path} has {len(vector)} numbers, but {paths[0].name} has {len(first)}; items "
                "of one folder need vectors of one length. Extract them with one network and layer."
            )
        with np.errstate(over="ignore"):  # infinity is reported where features are aligned
            values[row] = vector
    ids = [path.stem for path in paths]
    check_ids(str(folder), ids)
    return FeatureTable(ids, values)


def _vector(path: Path) -> NDArray[Any]:
    """One item's numbers, of shape [d] or [1, d]."""
    array = read_array(path)
    if array.ndim == 0 or array.size != array.shape[-1]:
        raise UserError(
            f"{path} has shape {array.shape}, expected one vector: [features] or [1, features]."
        )
    return array.reshape(-1)
