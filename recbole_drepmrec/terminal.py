"""Whether somebody looks on."""

import sys


def is_watched() -> bool:
    """Whether errors and progress go to a terminal or a notebook, not to a file or a pipe."""
    stream = sys.stderr  # None where a program has no console; its like may lack the method
    if "ipykernel" in sys.modules:
        return True
    return not getattr(stream, "closed", True) and bool(getattr(stream, "isatty", bool)())
