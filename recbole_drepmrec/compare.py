"""``recbole-drepmrec compare``: several models on several data sets, on equal terms."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import (
    Parser,
    add_config_files,
    config_files,
    folder,
    names,
    with_options,
)
from recbole_drepmrec.errors import UserError, going_on_when_repeated
from recbole_drepmrec.evaluation.plan import Variant, make_plan
from recbole_drepmrec.evaluation.records import Test, make_request, write_request
from recbole_drepmrec.evaluation.runs import describe_splits, run_unfinished
from recbole_drepmrec.evaluation.schedule import machine
from recbole_drepmrec.evaluation.store import Comparison, check_same_split, load_comparison
from recbole_drepmrec.evaluation.table import Table
from recbole_drepmrec.evaluation.tables import all_tables, write_tables
from recbole_drepmrec.files import held
from recbole_drepmrec.registry import provide_dataset


def command(arguments: list[str]) -> int:
    """Run ``recbole-drepmrec compare ...``, and return the exit code: 1 if a run failed.

    Args:
        arguments: Options, and any ``--key=value`` of all runs.
    """
    return with_options(parser(), run, arguments)


def run(options: Any, values: dict[str, Any]) -> int:
    """Run what is not finished yet, then write and print the tables.

    Args:
        options: Of ``parser``.
        values: Configuration keys of all runs.

    Returns:
        The exit code: 1 if a run failed.

    Raises:
        UserError: Something that was given is wrong; no run has started then. Or the runs do not
            share one split.
    """
    compat.quiet_known_warnings()
    models = names(options.models, "models", "BPR,LightGCN")
    datasets = names(options.datasets, "datasets", "ml-100k-mm")
    _check_options(options, models)
    variants = [Variant(model, model) for model in models]
    with carried_out(datasets, variants, options.reference, options, values) as comparison:
        tables = all_tables(comparison)
        return show(tables, tables, comparison)


@contextmanager
def carried_out(
    datasets: list[str],
    variants: list[Variant],
    reference: str | None,
    options: Any,
    values: dict[str, Any],
) -> Iterator[Comparison]:
    """Run what is not finished yet, and read all that is; meanwhile the folder is this command's.

    Args:
        datasets: Names of the data sets.
        variants: What is compared.
        reference: Name of the variant that others are tested against; None for the best one.
        options: Of ``add_run_options``.
        values: Configuration keys of all runs.

    Raises:
        UserError: Something that was given is wrong, or another command writes the folder; no run
            has started then. Or the runs do not share one split.
    """
    if options.jobs is not None and options.jobs < 1:
        raise UserError(f"--jobs is {options.jobs}, expected 1 or more.")
    plan = make_plan(
        datasets, variants, _seeds(options.seeds), config_files(options), values, options.out
    )
    for name, place in plan.folders.items():  # before a folder is made for the runs
        provide_dataset(name, place)
    limits = machine(options.jobs, plan.on_gpu)
    with held(options.out), going_on_when_repeated():
        hashes = describe_splits(plan, options.out, limits)
        write_request(options.out, make_request(reference, options.test, hashes))
        run_unfinished(plan, hashes, options.out, limits)
        comparison = load_comparison(options.out)
        check_same_split(comparison)
        yield comparison


def show(tables: list[Table], printed: list[Table], comparison: Comparison) -> int:
    """Write tables, print some of them, and say which runs failed.

    Args:
        tables: All of them.
        printed: Those to be printed.
        comparison: What was run.

    Returns:
        The exit code: 1 if a run failed.
    """
    folder = comparison.out / "tables"
    write_tables(tables, folder)
    for table in printed:
        print(table.markdown(), end="\n\n")
    if tables:
        print(f"The tables are in {folder}, also as CSV and LaTeX.")
    for key, reason in comparison.failures.items():
        print(f"failed: {key}: {reason}", file=sys.stderr)
    return 1 if comparison.failures else 0


def parser() -> Parser:
    """The command's options; what they leave over are configuration keys."""
    parser = runs_parser(
        "compare", "Train and test models on data sets on equal terms, and write tables."
    )
    parser.add_argument("--models", metavar="A,B", help="names of the models")
    parser.add_argument("--datasets", metavar="C,D", help="names of the data sets")
    parser.add_argument(
        "--reference", metavar="A", help="what others are tested against (best by validation)"
    )
    add_run_options(parser, "comparison")
    return parser


def runs_parser(command: str, description: str) -> Parser:
    """A parser without options yet, of a command that runs several models.

    Args:
        command: Its name.
        description: What it does, in a sentence.
    """
    return Parser(
        prog=f"recbole-drepmrec {command}",
        description=description,
        epilog="Any configuration key is an option too: --epochs=50 --learning_rate 0.01",
        add_help=False,
        allow_abbrev=False,
    )


def add_run_options(parser: Parser, out: str) -> None:
    """Add what every command that runs several models asks for.

    Args:
        parser: The command's.
        out: The folder where none is given.
    """
    add = parser.add_argument
    add("--seeds", metavar="1,2", default="1,2,3", help="a run for each (1,2,3)")
    add("--out", metavar="DIR", type=folder, default=Path(out), help=f"folder ({out})")
    add("--jobs", metavar="N", type=int, help="runs at a time (half the cores, as memory allows)")
    add("--test", choices=get_args(Test), default="t", help="paired test over users (t)")
    add_config_files(parser, "YAML files for all runs, a later one wins")
    add("--help", "-h", action="store_true", help="show this text")


def _seeds(given: str) -> list[int]:
    seeds = [seed.strip() for seed in given.split(",")]
    if not all(seed.isdecimal() for seed in seeds) or len(set(map(int, seeds))) < len(seeds):
        raise UserError(
            f"--seeds is {given!r}, expected different numbers of 0 or more with commas between "
            "them, such as --seeds=1,2,3."
        )
    return [int(seed) for seed in seeds]


def _check_options(options: Any, models: list[str]) -> None:
    if options.reference is not None and options.reference not in models:
        raise UserError(
            f"--reference is {options.reference!r}, expected one of --models: {', '.join(models)}."
        )
