"""The reference of the commands, written from the parsers whose help they print."""

import argparse
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout, suppress

from recbole_drepmrec.cli import main
from recbole_drepmrec.registry import properties_folders
from site_pages.markdown import code, joined, table

_INTRO = """\
# Commands

A mistake in what was given is one message and exit code 2; where a command trains several models, 1
says that a run failed. Commands that train take [any configuration key](keys.md) as an option too.
"""


def commands_page() -> str:
    """The page of all commands, as Markdown."""
    parser, _, _ = _help(["--help"])
    [summaries] = [action for action in parser._actions if action.dest == "command"]
    parts = [_INTRO]
    for summary in str(summaries.help).split("; "):
        name, _, what = summary.partition(": ")
        parts += [f"## {name}", what[0].upper() + what[1:] + ".", _command(name)]
    return joined(parts)


def _command(name: str) -> str:
    parser, usage, more = _help([name, "--help"])
    rows = [(_names(action), action.help or "") for action in parser._actions]
    options = table(("option", "what it does"), rows)
    return joined([code(usage), options, *([code(more)] if more else [])])


def _names(action: argparse.Action) -> str:
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else ""
    value = action.metavar or choices or action.dest.upper()
    if not action.option_strings:
        return f"`{value}`"
    after = "" if action.nargs == 0 else f" {value}"
    return " ".join(f"`{name}{after}`" for name in action.option_strings)


def _help(arguments: list[str]) -> tuple[argparse.ArgumentParser, str, str]:
    """The parser that a command's help shows, its usage, and what is printed below the options.

    It runs in an empty folder, where no data set of this machine is found.
    """
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, chdir(folder), _wide(), _asked() as parsers:
        with redirect_stdout(out), suppress(SystemExit):  # which is how argparse ends
            main(arguments)
        parser = parsers[0]
        return parser, parser.format_usage().strip(), _below(out.getvalue(), parser.format_help())


def _below(text: str, options: str) -> str:
    here = f"{properties_folders()[0].parent}{os.sep}"  # where this checkout lies tells nobody much
    return text.replace(options, "").replace(here, "").strip()


@contextmanager
def _wide() -> Iterator[None]:
    """Have argparse break its lines at 80 characters, whatever the terminal."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


@contextmanager
def _asked() -> Iterator[list[argparse.ArgumentParser]]:
    """Collect the parsers that are asked for their help."""
    parsers: list[argparse.ArgumentParser] = []
    plain = argparse.ArgumentParser.format_help

    def noted(parser: argparse.ArgumentParser) -> str:
        parsers.append(parser)
        return plain(parser)

    setattr(argparse.ArgumentParser, "format_help", noted)  # noqa: B010
    try:
        yield parsers
    finally:
        setattr(argparse.ArgumentParser, "format_help", plain)  # noqa: B010
