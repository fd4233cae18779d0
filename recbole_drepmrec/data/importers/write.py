"""Writes an imported data set in our layout: whole, or not at all."""

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.importers.checks import checked, matching_rows
from recbole_drepmrec.data.importers.datasheet import DATASHEET, datasheet, listed_files
from recbole_drepmrec.data.importers.imported import SPLITS, Imported
from recbole_drepmrec.data.importers.properties import MARK, property_file
from recbole_drepmrec.data.importers.replacing import replacing
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file, write_errors

BLOCK_VALUES = 2**22
"""Values of a feature matrix that are copied at a time: 16 MiB of float32."""

MADE_AGAIN = ("graphs", "info")
"""Folders that training and ``info`` put into a data set, and make anew when they are gone."""

_TYPES = {"user_id": "token", "item_id": "token", "rating": "float", "timestamp": "float"}


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        folder: The data set's folder.
        properties: Its property file.
        imported: The data as they were written, with all notes.
    """

    folder: Path
    properties: Path
    imported: Imported


def write_dataset(imported: Imported, name: str, out: Path, source: Path | None = None) -> Written:
    """Write ``out/dataset/NAME/`` and ``out/properties/dataset/NAME.yaml``.

    An earlier import of that name is replaced in the end, when the new one is whole.

    Args:
        imported: The data.
        name: The data set's name.
        out: The folder that holds ``dataset`` and ``properties``.
        source: Where the data are read from, which must not be what is replaced.

    Raises:
        UserError: The data are not in order, the name is taken by something else, or the disk
            cannot be written.
    """
    folder, properties = check_target(name, out, source)
    with write_errors(folder):
        imported = checked(imported)
        with replacing(folder) as temporary:
            imported = _write_folder(imported, name, temporary)
        with atomic_file(properties) as file:
            file.write_text(property_file(imported, name), encoding="utf-8")
    return Written(folder, properties, imported)


def check_target(name: str, out: Path, source: Path | None = None) -> tuple[Path, Path]:
    """The data set's folder and its property file, if they may be written.

    Args:
        name: The data set's name.
        out: The folder that holds ``dataset`` and ``properties``.
        source: Where the data are read from.

    Raises:
        UserError: The name is no file name, or something else would be replaced by the import.
    """
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise UserError(
            f"the name is {name[:120]!r}, expected at most 100 letters, digits, _, - and dots; "
            "mend --name."
        )
    folder, properties = out / "dataset" / name, out / "properties" / "dataset" / f"{name}.yaml"
    with write_errors(folder):
        _check_replaceable(folder, properties, source)
    return folder, properties


def _check_replaceable(folder: Path, properties: Path, source: Path | None) -> None:
    """Refuse to replace what no import wrote, and to replace the source by what is read from it."""
    if source is not None and source.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"{source} is where the data set would be written; choose another --name or --out."
        )
    known = {DATASHEET, *MADE_AGAIN, *listed_files(folder / DATASHEET)}
    found = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if found - known:
        raise UserError(
            f"{folder} holds {', '.join(sorted(found - known)[:5])}, not written by `prepare` and "
            "lost if it is replaced; move it away, or choose another --name or --out."
        )
    if properties.exists() and not properties.read_bytes().startswith(MARK.encode()):
        raise UserError(
            f"{properties} was not written by `prepare`; move it away, or choose another --name or "
            "--out."
        )


def _write_folder(imported: Imported, name: str, folder: Path) -> Imported:
    """Write all files, and return the data with notes on what was left out."""
    _write_interactions(imported.interactions, name, folder)
    known = set(imported.interactions["item_id"])
    notes = list(imported.notes)
    if imported.items is not None:
        _write_items(imported.items, folder / f"{name}.item")
        known |= set(imported.items["item_id"])
    for modality, table in imported.features.items():
        rows = matching_rows(modality, table, known)
        ids = [table.ids[row] for row in rows]
        dropped = len(table.ids) - len(ids)
        if dropped:
            notes.append(f"{dropped} rows of '{modality}' belong to no item and were dropped")
        write_matrix(modality, table.values, rows, ids, folder / f"{modality}_feat.npy")
        lines = "".join(f"{raw}\n" for raw in ids)
        (folder / f"{modality}_ids.txt").write_text(lines, encoding="utf-8", newline="\n")
    imported = replace(imported, notes=notes)
    (folder / DATASHEET).write_text(datasheet(imported, name, folder), encoding="utf-8")
    return imported


def _write_interactions(frame: pd.DataFrame, name: str, folder: Path) -> None:
    columns = [column for column in _TYPES if column in frame]
    header = [f"{column}:{_TYPES[column]}" for column in columns]
    if "split" not in frame:
        _write_table(frame[columns], header, folder / f"{name}.inter")
        return
    for split in SPLITS:
        rows = frame.loc[frame["split"] == split, columns]
        _write_table(rows, header, folder / f"{name}.{split}.inter")


def _write_items(items: pd.DataFrame, path: Path) -> None:
    """Write what is known of the items, a text of several words as a sequence of them."""
    texts, header = {"item_id": items["item_id"]}, ["item_id:token"]
    for column in items.columns.drop("item_id"):
        words = items[column].fillna("").map(lambda text: " ".join(str(text).split()))
        texts[column] = words
        plain = re.sub(r"\W", "_", str(column))
        header.append(f"{plain}:{'token_seq' if words.str.contains(' ').any() else 'token'}")
    if len(set(header)) < len(header):
        raise UserError(f"two columns of the items have the same name: {header}; rename one.")
    _write_table(pd.DataFrame(texts), header, path)


def _write_table(frame: pd.DataFrame, header: list[str], path: Path) -> None:
    frame.to_csv(
        path,
        sep="\t",
        header=header,
        index=False,
        encoding="utf-8",
        lineterminator="\n",
        quoting=csv.QUOTE_MINIMAL,
    )


def write_matrix(
    name: str, values: NDArray[Any], rows: NDArray[np.int64], ids: list[str], path: Path
) -> None:
    """Copy rows of a matrix to a float32 ``.npy``, some at a time.

    Args:
        name: The modality, for the messages.
        values: Shape [n, d_m]; may be larger than the memory.
        rows: The rows to copy, in this order.
        ids: Raw item id of each, for the messages.
        path: The file.

    Raises:
        UserError: A value is not finite in float32, or every row is zero.
    """
    if values.dtype.kind not in "fiu":
        raise UserError(f"modality '{name}' holds {values.dtype}, expected numbers.")
    shape = (len(rows), values.shape[1])
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    block, any_present = max(1, BLOCK_VALUES // values.shape[1]), False
    for start in range(0, len(rows), block):
        with np.errstate(over="ignore"):  # infinity is reported below
            part = np.asarray(values[rows[start : start + block]]).astype(np.float32)
        bad = ~np.isfinite(part).all(axis=1)
        if bad.any():
            raise UserError(
                f"modality '{name}': the row of item {ids[start + int(bad.argmax())]!r} has NaN or "
                "infinity (or overflows float32); repair it, or leave the item out of the features."
            )
        any_present = any_present or bool(part.any())
        out[start : start + block] = part
    out.flush()
    if not any_present:
        raise UserError(f"modality '{name}': every row is zero; leave its file out.")
