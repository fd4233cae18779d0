"""Lines of Amazon's 2014 files: one record a line, JSON or a Python literal, read one by one."""

import ast
import gzip
import json
import warnings
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import UserError

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; the longest real line has well below one million."""


def read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each record with its line's number, from 1; empty lines count and give none.

    Args:
        path: The file; one that ends in ``.gz`` is unpacked on the way.

    Raises:
        UserError: The file cannot be read or is cut off, or a line is no record.
    """
    line = 0
    try:
        with _open(path) as file:
            while raw := file.readline(LONGEST_LINE + 1):
                line += 1
                if raw.strip():
                    yield line, _parse(raw, path, line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path} is cut off or damaged after line {line} ({error}); download it again."
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; check the path."
        ) from error


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _parse(raw: bytes, path: Path, line: int) -> dict[str, Any]:
    if len(raw) > LONGEST_LINE:
        raise UserError(
            f"{path}, line {line} is longer than {LONGEST_LINE} bytes; expected one record a line. "
            "Give the file as it was published."
        )
    try:
        record = _parse_text(raw.decode("utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise UserError(
            f"{path}, line {line} is neither JSON nor a Python literal: it begins with "
            f"{raw[:60].decode('utf-8', 'replace')!r}. The file may be cut off: download it again, "
            "or mend the line."
        ) from error
    if not isinstance(record, dict):
        raise UserError(
            f"{path}, line {line} holds a {type(record).__name__}, expected a record with keys, "
            "one a line. Give the file as it was published."
        )
    return record


def _parse_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in somebody's description
            return ast.literal_eval(text.strip())
