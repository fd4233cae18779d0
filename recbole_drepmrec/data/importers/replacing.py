"""Replaces a folder by a new one: a kill at any moment leaves one of them, whole."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a folder beside ``folder`` that takes its place when the block ends without error.

    Linux exchanges the two in one step. Elsewhere a kill between the two renames leaves the old
    folder whole under a hidden name, and the next import puts it back.

    Args:
        folder: What is replaced, or made if it is not there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clean_up_after_killed(folder)
    new, old = _hidden(folder, f"{os.getpid()}.new"), _hidden(folder, "old")
    new.mkdir()
    try:
        yield new
        if folder.exists() and not _exchange(new, folder):
            os.rename(folder, old)
        if new.exists() and not folder.exists():
            os.rename(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        _clean_up_after_killed(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step, where the system can."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if renameat2 is None:
        return False
    in_working_folder, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    paths = in_working_folder, os.fsencode(one), in_working_folder, os.fsencode(other)
    return bool(renameat2(*paths, exchange) == 0)


def _clean_up_after_killed(folder: Path) -> None:
    old = _hidden(folder, "old")
    if old.exists() and not folder.exists():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    for path in folder.parent.glob(f".{folder.name}.*.new"):
        pid = path.name.removeprefix(f".{folder.name}.").removesuffix(".new")
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _hidden(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{folder.name}.{ending}")
