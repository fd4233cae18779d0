"""Command-line options, read so that a wrong one is said as every other mistake is."""

import argparse
from typing import Any

from recbole_drepmrec.errors import UserError


class Parser(argparse.ArgumentParser):
    """Says a wrong option the way every other mistake is said."""

    def error(self, message: str) -> Any:
        """Raise what argparse would print and exit with."""
        raise UserError(f"{message}; `--help` lists the options.")
