"""The record of a run, ``run.json``, looked at without RecBole."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

RECORD = "run.json"


def read_record(run: Path) -> dict[str, Any]:
    """What a run has written of itself; nothing where that cannot be read.

    Args:
        run: Its folder.
    """
    try:
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def newest_run_hint(folder: Path, needed: str) -> str:
    """What to say where a folder of runs was given for a run; nothing where there is none in it.

    Args:
        folder: What was given.
        needed: The file that a run must have to be proposed.
    """
    written = {}
    for file in folder.glob(f"*/{needed}"):
        with suppress(OSError):  # a link to nowhere, or gone since
            written[file.parent] = file.stat().st_mtime
    if not written:
        return ""
    newest = max(written, key=written.__getitem__)
    return f"{folder} holds runs; give one of them, such as {newest}."
