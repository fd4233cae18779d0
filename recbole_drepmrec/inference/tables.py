"""Writes lists as they come, block by block, as CSV, Parquet or JSON lines."""

import csv
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.inference.ranking import Recommended

Columns = tuple[str, str, str, str]
Write = Callable[[Sequence[Recommended]], None]

ENDINGS = (".csv", ".parquet", ".jsonl")
CSV = "a .csv"


def check_out(out: Path | None) -> None:
    """See that a file of that name can be written, before anything is computed.

    Args:
        out: The file; None for the standard output.

    Raises:
        UserError: Its ending is none of ours, or pyarrow is missing.
    """
    if out is None:
        return
    if out.suffix not in ENDINGS:
        raise UserError(f"--out={out} ends in '{out.suffix}', expected {', '.join(ENDINGS)}.")
    if out.suffix == ".parquet":
        arrow(CSV)


@contextmanager
def table_writer(out: Path | None, columns: Columns) -> Iterator[Write]:
    """Give a function that writes some more rows; the file is there once all are written.

    Args:
        out: The file, by whose ending the format goes; None for CSV on the standard output.
        columns: The header.

    Raises:
        UserError: The file cannot be written.
    """
    check_out(out)
    if out is None:
        yield _csv(sys.stdout, columns)
        return
    with atomic_file(out) as temporary:
        if out.suffix == ".parquet":
            with _parquet(temporary, columns) as write:
                yield write
            return
        make = _csv if out.suffix == ".csv" else _json_lines
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield make(file, columns)


def _csv(file: Any, columns: Columns) -> Write:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    return writer.writerows


def _json_lines(file: Any, columns: Columns) -> Write:
    def write(rows: Sequence[Recommended]) -> None:
        for row in rows:
            record = dict(zip(columns, row, strict=True))
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    return write


@contextmanager
def _parquet(path: Path, columns: Columns) -> Iterator[Write]:
    pa, parquet = arrow(CSV)
    types = (pa.string(), pa.string(), pa.float32(), pa.int32())
    schema = pa.schema(list(zip(columns, types, strict=True)))
    with parquet.ParquetWriter(path, schema) as writer:

        def write(rows: Sequence[Recommended]) -> None:
            values = zip(*rows, strict=True) if rows else [[]] * len(columns)
            arrays = [
                pa.array(list(column), type=kind)
                for column, kind in zip(values, types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

        yield write


def arrow(instead: str) -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``, which are no dependency of ours.

    Args:
        instead: The file that needs neither.

    Raises:
        UserError: It is not installed.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            "a .parquet file needs the package pyarrow, which is not installed; run `pip install "
            f"pyarrow`, or write {instead}."
        ) from None
