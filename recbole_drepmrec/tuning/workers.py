"""Which processes of a study are alive: each holds a lock for as long as it lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = "workers"
"""Folder of the processes' folders, in the study's."""


@contextmanager
def alive(out: Path, name: str) -> Iterator[None]:
    """Let others see that a process is alive, however it ends.

    Args:
        out: The study's folder.
        name: The process's name, and that of its folder.
    """
    with FileLock(_lock(out, name)):
        yield


def is_alive(out: Path, name: str | None) -> bool:
    """Whether a process is alive.

    Args:
        out: The study's folder.
        name: Its name; None for one that ended before it gave a name.
    """
    path = None if name is None else _lock(out, name)
    if path is None or not path.parent.is_dir():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _lock(out: Path, name: str) -> Path:
    return out / FOLDER / name / ".lock"
