"""A process of a comparison or a study: it reads what to do, does it, ends with its parent."""

import json
import os
import pkgutil
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.records import write_failure

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from recbole_drepmrec.evaluation.worker import main; sys.exit(main())"
)
"""Program of the process; its argument is the parent's ``sys.path``, to find the same package."""


def main() -> int:
    """Do the task that stands in the first line of the standard input.

    Returns:
        The exit code; what went wrong then stands in ``failure.json`` in the task's folder.
    """
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _do(**task)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        write_failure(Path(task["folder"]), task["sha256"], str(error))
        return 2
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        write_failure(Path(task["folder"]), task["sha256"], reason)
        return 1
    return 0


def _end_with_parent() -> None:
    """The parent holds the other end of the standard input for as long as it lives."""
    while os.read(sys.stdin.fileno(), 1):  # sys.stdin's own lock would hang the process's end
        pass
    os._exit(1)


def _do(folder: str, out: str, settings: dict[str, Any], sha256: str, what: str) -> None:
    carry_out = pkgutil.resolve_name(what)  # late: the thread above watches while it is imported
    carry_out(Path(folder), Path(out), settings, sha256)
