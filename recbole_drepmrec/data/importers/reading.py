"""Tables as text or Parquet files hold them, their columns as ids, numbers and times."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pandas as pd

from recbole_drepmrec.errors import UserError

SEPARATORS = {".tsv": "\t", ".inter": "\t"}
"""Separator of a text table by the end of its name; of any other it is read off its header."""


@contextmanager
def read_errors(path: Path, expected: str) -> Iterator[None]:
    """Turn what the system or a parser says of a file into the user's error.

    Args:
        path: The file that is read.
        expected: What it should hold, to end the message with.

    Raises:
        UserError: The file cannot be opened, decoded or parsed.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; expected {expected}."
        ) from error
    except ImportError as error:
        raise UserError(
            f"{path} needs a package that reads Parquet; run `pip install pyarrow`, or save the "
            "table as .csv."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}); expected {expected}.") from error
    except (ValueError, EOFError, SyntaxError, TokenError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{path} cannot be read: {reason}. Expected {expected}.") from error


def read_table(path: Path) -> pd.DataFrame:
    """Read a .csv, .tsv or .parquet file; a text table's values stay text, absent ones empty.

    Raises:
        UserError: The file cannot be read, has no rows, or names a column twice.
    """
    with read_errors(path, "a table with a header line"):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _with_header(path)
    names = [str(name).strip() for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path} names the column {twice[0]!r} twice; rename or drop one.")
    if frame.empty:
        raise UserError(f"{path} has no rows below its header; expected one a line.")
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _with_header(path: Path) -> pd.DataFrame:
    # Not by pandas' own header: it would rename a repeated column, and cut a row that is too long.
    lines = read_lines(path)
    return lines.iloc[1:].set_axis(lines.iloc[0].to_list(), axis=1)


def read_lines(path: Path, n: int | None = None) -> pd.DataFrame:
    """Lines of a text table, a header being the first of them; values are text, absent ones empty.

    Args:
        path: The file.
        n: How many lines; None reads all.

    Raises:
        Exception: What ``read_errors`` turns into a UserError.
    """
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    separator = SEPARATORS.get(path.suffix) or max(",;\t", key=first.count)
    lines: pd.DataFrame = pd.read_csv(
        path,
        sep=separator,
        header=None,
        nrows=n,
        dtype=object,
        keep_default_na=False,
        na_values=[],
        encoding="utf-8-sig",
        quoting=3 if path.suffix == ".inter" else 0,
    )
    return lines


def as_ids(path: Path, column: str, values: pd.Series) -> pd.Series:
    """Ids as text: a whole number is written without a decimal point, nothing is an empty text.

    Args:
        path: The file, for the message.
        column: Its column, for the message.
        values: Texts, numbers or bytes.

    Raises:
        UserError: The values are neither texts nor whole numbers.
    """
    if values.dtype.kind in "iu":
        return values.astype(str).astype(object)
    if values.dtype.kind == "f":
        known = values.dropna()
        if not np.isfinite(known).all() or (known % 1).any():
            raise UserError(
                f"{path}: column '{column}' holds fractions; expected ids: texts or integers."
            )
    return values.map(_as_id, na_action="ignore").astype(object).where(values.notna(), "")


def _as_id(value: Any) -> str:
    return str(int(value)) if isinstance(value, float | np.floating) else str(value)


def as_numbers(path: Path, column: str, values: pd.Series) -> pd.Series:
    """Finite float64 numbers.

    Raises:
        UserError: A value is missing, infinite or no number.
    """
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise UserError(
            f"{path}, data row {bad[0] + 1}: column '{column}' has "
            f"{values.iloc[bad[0]]!r}, expected a finite number. Mend it, or drop the column."
        )
    return numbers


def as_seconds(path: Path, column: str, values: pd.Series) -> pd.Series:
    """Times in seconds: numbers as they are, dates counted from 1970 (UTC).

    Raises:
        UserError: A value is neither a number nor a date such as 2024-05-31 or 2024-05-31T10:00:00.
    """
    if values.dtype.kind != "M" and pd.to_numeric(values, errors="coerce").notna().any():
        return as_numbers(path, column, values)
    dates = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    bad = np.flatnonzero(dates.isna())
    if len(bad):
        raise UserError(
            f"{path}, data row {bad[0] + 1}: column '{column}' has "
            f"{values.iloc[bad[0]]!r}, expected seconds or a date such as 2024-05-31T10:00:00."
        )
    return (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()


def only_file(source: Path, patterns: list[str], expected: str) -> Path:
    """The file itself, or the only one of a folder that the first matching pattern finds.

    Args:
        source: A file or a folder.
        patterns: Globs, tried in this order.
        expected: What the file should be, for the message.

    Raises:
        UserError: There is none, or more than one.
    """
    if source.is_file():
        return source
    if not source.is_dir():
        raise UserError(f"{source} does not exist; give {expected}, or the folder that holds it.")
    for pattern in patterns:
        found = sorted(path for path in source.glob(pattern) if path.is_file())
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise UserError(f"{source} holds {names}; name the one to read instead of the folder.")
    held = ", ".join(sorted(path.name for path in source.iterdir())[:10]) or "nothing"
    raise UserError(f"{source} holds {held}; expected {expected}.")
