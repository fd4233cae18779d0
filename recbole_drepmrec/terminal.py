"""Whether somebody looks on."""

import sys


def is_watched() -> bool:
    """Whether errors and progress go to a terminal or a notebook, not to a file or a pipe."""
    if "ipykernel" in sys.modules:
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # a program without a console: None, closed, no stream
        return False
