"""Command-line options, read so that a wrong one is said as every other mistake is."""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import MissingOptionError, UnknownKeyError, UserError
from recbole_drepmrec.suggestions import nearest


class Parser(argparse.ArgumentParser):
    """Says a wrong option the way every other mistake is said."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("action", None, _Once)  # of all options that name no other action

    @property
    def options(self) -> frozenset[str]:
        """All options as they are given, dashes included; those in groups too."""
        return frozenset(self._option_string_actions)

    def error(self, message: str) -> Any:
        """Raise what argparse would print and exit with."""
        raise UserError(f"{message}; `--help` lists the options.")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read options only, and propose the one that an unknown one is closest to.

        Args:
            args: The words; None for those of the command line.
            namespace: Where the values go; None for a new one.

        Raises:
            UserError: An option is not in order.
        """
        words = sys.argv[1:] if args is None else list(args)
        # before argparse, which would only say that the one meant is missing
        named = itertools.takewhile(lambda word: word != "--", words)
        self._refuse(word for word in named if word.startswith("--"))
        options, unknown = self.parse_known_args(words, namespace)
        self._refuse(unknown)
        return options

    def _refuse(self, words: Iterable[str]) -> None:
        for name in (word.partition("=")[0] for word in words):
            if name not in self.options:
                near = nearest(name, self.options) or "; `--help` lists the options."
                raise UserError(f"'{name}' is no option{near}")


class _Once(argparse.Action):
    """Keeps an option's value; of one given twice argparse would keep the last and say nothing."""

    given = False

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        if self.given and self.option_strings:
            names, before = "/".join(self.option_strings), getattr(namespace, self.dest)
            how = " with all values after it" if self.nargs == "+" else ""
            raise UserError(f"{names} is given twice, {before} and {values}; give it once{how}.")
        self.given = True
        setattr(namespace, self.dest, values)


def not_empty(given: str) -> str:
    """Read an option that is a name, which an empty text is not.

    Args:
        given: What follows the option.

    Raises:
        ArgumentTypeError: It is empty.
    """
    if not given.strip():
        raise argparse.ArgumentTypeError("it is empty; name one, or leave the option out")
    return given


def folder(given: str) -> Path:
    """Read an option that is a folder, which for an empty text would be the working folder.

    Args:
        given: What follows the option.

    Raises:
        ArgumentTypeError: It is empty.
    """
    return Path(not_empty(given))


def add_config_files(parser: Parser, what: str) -> None:
    """Add ``--config_files``, which ``config_files`` reads.

    Args:
        parser: Of the options.
        what: What the files say, for the help.
    """
    parser.add_argument("--config_files", nargs="+", type=not_empty, default=[], help=what)


def config_files(options: Any) -> list[str]:
    """The files of ``--config_files``, which may stand in one word, as in RecBole.

    Args:
        options: What the parser has read.
    """
    return [file for entry in options.config_files for file in entry.split()]


def names(given: str | None, option: str, example: str) -> list[str]:
    """Read an option of several names, as in ``--models=BPR,LightGCN``.

    Args:
        given: What follows the option; None without it.
        option: Its name, such as ``models``.
        example: What could be given.

    Raises:
        MissingOptionError: It was not given.
        UserError: A name is empty, or given twice.
    """
    expected = f"different names with commas between them, such as --{option}={example}."
    if given is None:
        raise MissingOptionError(option, expected)
    found = [name.strip() for name in given.split(",")]
    if not all(found):
        raise UserError(f"--{option} is '{given}', in which a name is empty, expected {expected}")
    for name in found:
        if found.count(name) > 1:
            raise UserError(f"--{option} names '{name}' twice, expected {expected}")
    return found


def key_values(arguments: list[str]) -> dict[str, Any]:
    """Read ``--key=value`` and ``--key value`` pairs.

    Args:
        arguments: What the options left over.

    Raises:
        UserError: A word belongs to no key, a key has no value, or two different ones.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not key:
            raise UserError(f"'{word}' is no option; write --key=value.")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key} has no value; write --{key}=VALUE.")
            value = rest.pop(0)
        if values.get(key, value) != value:
            raise UserError(
                f"--{key} is given twice, as '{values[key]}' and as '{value}'; give it once."
            )
        values[key] = value
    return values


def with_options(
    parser: Parser, run: Callable[[Any, dict[str, Any]], int], arguments: list[str]
) -> int:
    """Read a command's options and configuration keys, and run it or show its help.

    Args:
        parser: Of the options.
        run: Given the options and the keys, returns the exit code.
        arguments: The command line after the command.

    Raises:
        UserError: An option or a key is not in order.
    """
    options, rest = parser.parse_known_args(arguments)
    if options.help:
        print(parser.format_help())
        return 0
    values = key_values(rest)
    try:
        return run(options, values)
    except MissingOptionError as error:
        near = next((key for key in values if nearest(key, [error.option])), None)
        meant = f" Did you mean it by --{near}?" if near else ""
        raise UserError(f"{error}{meant}") from error
    except UnknownKeyError as error:
        known = error.known.union(name.removeprefix("--") for name in parser.options)
        raise UnknownKeyError(error.key, known, "option or configuration key") from error


def run_parser(command: str, run: str = "a finished run, saved/RUN_ID") -> Parser:
    """Options of a command that is given a finished run.

    Args:
        command: Its name.
        run: What the run may be, for the help.
    """
    parser = Parser(prog=f"recbole-drepmrec {command}", add_help=False, allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", type=Path, help=run)
    parser.add_argument("--help", "-h", action="store_true", help="show this text")
    return parser


def parsed(parser: Parser, arguments: list[str]) -> Any:
    """The options of a command that takes no configuration keys; None after the help was printed.

    Args:
        parser: Of the options.
        arguments: The command line after the command.

    Raises:
        UserError: An option is not in order.
    """
    if {"--help", "-h"} & set(arguments):  # before what is required is missed
        print(parser.format_help())
        return None
    return parser.parse_args(arguments)
