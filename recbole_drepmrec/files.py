"""Files and folders that are either whole or not there."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError

OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says of a write for which there is no space; other errors need another cure."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without error.

    A reader sees the old file or the whole new one; an error or a full disk leaves the old one.

    Args:
        path: Where the finished file goes; missing parent folders are created.

    Raises:
        UserError: The file could not be written (disk full, no permission, no such folder).
    """
    temporary = _temporary_name(path)
    with write_errors(path):
        _make_parent(path)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that takes its name once the block ends in order.

    Args:
        path: Where the finished folder goes; it must not exist yet, or be empty.

    Raises:
        UserError: The folder could not be written (disk full, no permission, already filled).
    """
    with write_errors(path):
        _make_parent(path)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o755)  # mkdtemp makes it private; a data set is not
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Args:
        path: Where it goes; an older file there is replaced.
        content: Plain values; no NaN, which JSON does not know.

    Raises:
        UserError: The file cannot be written.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` whole or not at all.

    Args:
        path: Where it goes; an older file there is replaced.
        arrays: Numbers, switches or texts of fixed width, by name.

    Raises:
        UserError: The file cannot be written.
    """
    with atomic_file(path) as temporary:
        save_arrays(temporary, arrays)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` under a name that ``atomic_file`` gave, whatever its ending.

    Args:
        path: The file.
        arrays: Numbers, switches or texts of fixed width, by name.
    """
    named: dict[str, Any] = dict(arrays)
    with path.open("wb") as file:
        np.savez_compressed(file, **named)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz``, by name; a pickle in it is refused.

    Args:
        path: The file.

    Raises:
        Exception: It is missing or damaged; the system, zipfile, zlib and numpy each have their
            own.
    """
    # opened here, for numpy leaves a damaged one open
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise
        raise UserError(
            f"cannot write {path}: the folder {path.parent} cannot be made "
            f"({error.strerror or error}). Choose another place, then run the same command again."
        ) from error


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into the user's error.

    Args:
        path: What was being written, for the message.

    Raises:
        UserError: It could not be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        # a library that puts it in words alone, such as safetensors, has no number
        full = error.errno is None or error.errno in OUT_OF_SPACE
        cure = "Free some space, or choose another place" if full else "Choose another place"
        raise UserError(
            f"cannot write {path}: {reason}. {cure}, then run the same command again."
        ) from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a folder for this command alone; the lock falls when the process ends, however it does.

    Args:
        folder: The folder, which is created.

    Raises:
        UserError: Another command holds it, or it cannot be written to.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                f"another command is writing to {folder}; wait for it to end, or give another "
                "folder."
            ) from error
    try:
        yield
    finally:
        lock.release()
