"""What features depend on, in a form that shows whether it has changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def digest(parts: Iterable[Any]) -> str:
    """SHA-256 of values that JSON can write, in their order.

    Args:
        parts: The values, taken one by one.
    """
    joint = hashlib.sha256()
    for part in parts:
        joint.update(json.dumps(part).encode() + b"\n")
    return joint.hexdigest()


def file_facts(name: str | None) -> list[tuple[str, int, int]]:
    """Name, size and time of the files that a model's name stands for, if it is a path.

    Args:
        name: A model or its weights: a file, a folder (perhaps after ``local-dir:``), or a name
            in a hub, for which the list is empty.
    """
    path = Path((name or "").removeprefix("local-dir:"))
    if not name or not path.exists():
        return []
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(str(file), file.stat()) for file in files if file.is_file()]
    return [(file, stat.st_size, stat.st_mtime_ns) for file, stat in facts]


def file_list(paths: Mapping[str, Path]) -> list[tuple[str, str, int, int]]:
    """Id, path, size and time of each file, which say whether the same files are meant.

    Args:
        paths: Raw id to file.
    """
    stats = ((item, path, path.stat()) for item, path in paths.items())
    return [(item, str(path), stat.st_size, stat.st_mtime_ns) for item, path, stat in stats]
