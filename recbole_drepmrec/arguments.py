"""Command-line options, read so that a wrong one is said as every other mistake is."""

import argparse
from typing import Any

from recbole_drepmrec.errors import UserError


class Parser(argparse.ArgumentParser):
    """Says a wrong option the way every other mistake is said."""

    def error(self, message: str) -> Any:
        """Raise what argparse would print and exit with."""
        raise UserError(f"{message}; `--help` lists the options.")


def names(given: str | None, option: str) -> list[str]:
    """Read an option of several names, as in ``--models=BPR,LightGCN``.

    Args:
        given: What follows the option; None without it.
        option: Its name, ``models`` or ``datasets``.

    Raises:
        UserError: A name is missing, or given twice.
    """
    found = [name.strip() for name in (given or "").split(",")]
    if not all(found) or len(set(found)) < len(found):
        raise UserError(
            f"--{option} is {given!r}, expected different names with commas between them, such as "
            f"--{option}={'BPR,LightGCN' if option == 'models' else 'ml-100k-mm'}."
        )
    return found
