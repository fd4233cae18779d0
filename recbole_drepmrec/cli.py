"""The command line: ``recbole-drepmrec COMMAND`` and ``python run_recbole.py``."""

import errno
import os
import pkgutil
import sys
from collections.abc import Callable
from typing import NamedTuple

from recbole_drepmrec import __version__
from recbole_drepmrec.arguments import Parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import OUT_OF_SPACE
from recbole_drepmrec.suggestions import nearest_or_all


class Command(NamedTuple):
    """One of the commands.

    Attributes:
        what: What it does, for the help.
        function: ``MODULE:NAME`` of what is given its arguments, and returns its exit code or None;
            imported once it is asked for, so that a mistake in the command's name is said at once.
    """

    what: str
    function: str


_PACKAGE = "recbole_drepmrec"
COMMANDS = {
    "train": Command("train and test a model, as run_recbole.py does", f"{_PACKAGE}.train:command"),
    "prepare": Command(
        "read a data set of another layout and write it in ours", f"{_PACKAGE}.prepare:run"
    ),
    "extract": Command("make features of raw texts or images", f"{_PACKAGE}.extract:run"),
    "info": Command("say what a data set holds, with pictures", f"{_PACKAGE}.info:run"),
    "compare": Command(
        "train models on equal terms and tell whether they differ", f"{_PACKAGE}.compare:command"
    ),
    "ablate": Command(
        "compare DRepMRec with itself, a part taken away at a time", f"{_PACKAGE}.ablate:command"
    ),
    "tune": Command("search a model's settings by validation data", f"{_PACKAGE}.tune:command"),
    "report": Command(
        "one page of all that a comparison or an ablation shows", f"{_PACKAGE}.report.command:run"
    ),
    "recommend": Command(
        "lists of a finished run, for its users or new ones",
        f"{_PACKAGE}.inference.commands:recommend",
    ),
    "similar": Command(
        "items or users alike, by behavior, by a modality or fused",
        f"{_PACKAGE}.inference.commands:similar",
    ),
    "explain": Command("what a score is made of", f"{_PACKAGE}.inference.commands:explain"),
    "add_items": Command(
        "let a finished run recommend items that it was not trained on",
        f"{_PACKAGE}.inference.add_items_command:run",
    ),
    "export": Command(
        "vectors, an index or a scoring model of a finished run, for other programs",
        f"{_PACKAGE}.inference.export.command:run",
    ),
    "serve": Command(
        "answer over HTTP what a finished run recommends", f"{_PACKAGE}.serving.command:run"
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run ``recbole-drepmrec COMMAND ...`` and return the exit code.

    Args:
        arguments: The command line without the program; None reads it from ``sys.argv``.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = Parser(prog="recbole-drepmrec", description="Multimodal recommendation with RecBole.")
    what = "; ".join(f"{name}: {command.what}" for name, command in COMMANDS.items())
    parser.add_argument("command", metavar="COMMAND", help=what)
    parser.add_argument("--version", action="version", version=f"recbole-drepmrec {__version__}")
    return _guarded(lambda: _run(_named(parser, arguments), arguments[1:]))


def carry_out(name: str, arguments: list[str]) -> int:
    """Run one of the commands, and return the exit code: 2 for a mistake in what was given.

    Args:
        name: Of the command.
        arguments: What follows it.
    """
    return _guarded(lambda: _run(name, arguments))


def _named(parser: Parser, arguments: list[str]) -> str:
    if not arguments:
        raise UserError(f"no command was given; there are: {', '.join(COMMANDS)}.")
    return str(parser.parse_args(arguments[:1]).command)


def _run(name: str, arguments: list[str]) -> int | None:
    if name not in COMMANDS:
        raise UserError(f"there is no command '{name}'{nearest_or_all(name, COMMANDS)}")
    found: int | None = pkgutil.resolve_name(COMMANDS[name].function)(arguments)
    return found


def _guarded(action: Callable[[], int | None]) -> int:
    """Run an action and return its exit code; a user's mistake is one message, no traceback."""
    try:
        return action() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            print(f"error: cannot write: {error}; free some space and run again.", file=sys.stderr)
        elif isinstance(error, PermissionError):
            print(f"error: {error}; check the file's owner and mode.", file=sys.stderr)
        elif error.errno == errno.EROFS:
            print(f"error: cannot write: {error}; choose another place.", file=sys.stderr)
        else:
            raise
        return 2
    except KeyboardInterrupt as error:
        print(f"interrupted; {error}." if str(error) else "interrupted", file=sys.stderr)
        return 130
