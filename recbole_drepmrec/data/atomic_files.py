"""Reads RecBole's atomic files (``.inter``, ``.user``, ``.item``, ``.kg``, ``.link``).

An atomic file is a table of text. Its first line names each column as ``name:type``, where type is
``token``, ``token_seq``, ``float`` or ``float_seq``.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recbole_drepmrec.errors import UserError

COLUMN_TYPES = ("token", "token_seq", "float", "float_seq")

# What pandas 1.5 reads as "no value". Later versions lengthen the list ("None" in 2.0); pinned, one
# file gives one data set under every pandas.
READ_AS_MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
    *("-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
)

# The C engine's floats are exact from pandas 3.1 on, which warns when asked for them; before, the
# last bit of every third number was wrong unless asked. The Python engine's always are exact.
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
_EXACT_FLOATS = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}


class Column(NamedTuple):
    """One column of an atomic file: its name and its type, one of :data:`COLUMN_TYPES`."""

    name: str
    type: str


def read_header(path: Path, separator: str, encoding: str) -> list[Column]:
    """Read the column names and types from the first line.

    Args:
        path: The atomic file.
        separator: RecBole's ``field_separator``.
        encoding: The file's text encoding.

    Raises:
        UserError: The file is empty, cannot be read as text, names a column twice, or has a column
            that is not ``name:type``.
    """
    try:
        with path.open(encoding=encoding) as file:
            line = file.readline().rstrip("\n").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, encoding) from error
    if not line:
        raise UserError(
            f"{path} has no header: its first line is empty. Expected the columns as name:type, "
            f"such as {separator.join(('user_id:token', 'item_id:token'))!r}."
        )
    columns = []
    for cell in line.split(separator):
        name, colon, column_type = cell.partition(":")
        if not (name and colon) or column_type not in COLUMN_TYPES:
            raise UserError(
                f"{path}, line 1: the header has {cell!r}. Expected name:type, with type one of "
                f"{', '.join(COLUMN_TYPES)}, and columns parted by field_separator "
                f"{separator!r}. Mend the header, or set field_separator."
            )
        columns.append(Column(name, column_type))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"{path}, line 1: column {twice} is named twice. Rename or drop one.")
    return columns


def read_columns(
    path: Path, columns: Sequence[Column], wanted: Sequence[Column], separator: str, encoding: str
) -> pd.DataFrame:
    """Read the wanted columns below the header.

    ``float`` columns become float64, all others Python strings in an object column; a missing value
    is NaN in both. pandas' C engine reads a one-byte separator with exact float parsing: the values
    equal those of the Python engine that RecBole asks for, in a fraction of the time.

    Args:
        path: The atomic file.
        columns: All its columns, from :func:`read_header`.
        wanted: The columns to return, in the file's order.
        separator: RecBole's ``field_separator``, taken literally.
        encoding: The file's text encoding.

    Raises:
        UserError: There are no rows, a row has another number of columns than the header, a
            ``float`` column holds something else, or the text cannot be decoded.
    """
    _check_rows(path, len(columns), separator, encoding)
    types = {c.name: np.float64 if c.type == "float" else object for c in wanted}
    options: dict[str, Any] = {
        "header": 0,
        "names": [column.name for column in columns],
        "usecols": [column.name for column in wanted],
        "index_col": False,
        "encoding": encoding,
        "na_values": list(READ_AS_MISSING),
        "keep_default_na": False,
    }
    if len(separator.encode()) == 1:
        options |= {"sep": separator, "engine": "c", **_EXACT_FLOATS}
    else:
        options |= {"sep": re.escape(separator), "engine": "python"}
    try:
        frame: pd.DataFrame = pd.read_csv(path, **options, dtype=types)
        return frame
    except pd.errors.ParserError as error:
        raise UserError(
            f"{path} cannot be read as a table: {error}. Look for a quotation mark that is not "
            "closed, or a stray separator."
        ) from error
    except ValueError as error:
        text: pd.DataFrame = pd.read_csv(path, **options, dtype=object, skip_blank_lines=False)
        for name in (c.name for c in wanted if c.type == "float"):
            numbers = pd.to_numeric(text[name], errors="coerce")
            for row in np.flatnonzero(numbers.isna() & text[name].notna()):
                raise UserError(
                    f"{path}, line {row + 2}: column '{name}:float' has {text[name][row]!r}, which "
                    f"is no number. Mend the value, or call the column '{name}:token'."
                ) from error
        raise


def split_sequences(
    path: Path, column: Column, values: Iterable[Any], separator: str
) -> list[np.ndarray]:
    """Split the texts of a ``_seq`` column into arrays; a missing text is an empty sequence.

    Args:
        path: The atomic file, for the message.
        column: The column, of type ``token_seq`` or ``float_seq``.
        values: One text a row, or NaN.
        separator: RecBole's ``seq_separator``.

    Raises:
        UserError: A ``float_seq`` value is not a number.
    """
    texts = [text if isinstance(text, str) else "" for text in values]
    parts = [[part for part in text.split(separator) if part] for text in texts]
    if column.type == "token_seq":
        return [np.array(part, dtype=object) for part in parts]
    try:
        return [np.array([float(number) for number in part], dtype=np.float64) for part in parts]
    except ValueError as error:
        raise UserError(
            f"{path}: column '{column.name}:float_seq' has a value that is no number ({error}). "
            f"Expected numbers parted by seq_separator {separator!r}."
        ) from error


def _check_rows(path: Path, width: int, separator: str, encoding: str) -> None:
    """Count each row's columns: pandas pads a short row and cuts a long one without a word."""
    rows = 0
    try:
        with path.open(encoding=encoding) as file:
            next(file)
            for number, line in enumerate(file, start=2):
                found = line.count(separator) + 1
                # A quoted value may hold separators; pandas reads a blank line as none.
                if found != width and '"' not in line and line.strip():
                    raise UserError(
                        f"{path}, line {number}: {found} columns, but the header names {width}. "
                        f"Columns are parted by field_separator {separator!r}; mend the line."
                    )
                rows += bool(line.strip())
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, encoding) from error
    if not rows:
        cure = "it" if path.suffix == ".inter" else "it, or remove the file if nothing is known"
        raise UserError(f"{path} has a header but no rows. Fill {cure}.")


def _wrong_encoding(path: Path, encoding: str) -> UserError:
    return UserError(
        f"{path} is not {encoding} text. Save it as UTF-8, or set the config key encoding."
    )
