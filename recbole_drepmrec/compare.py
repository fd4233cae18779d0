"""``recbole-drepmrec compare``: several models on several data sets, on equal terms."""

import sys
from pathlib import Path
from typing import Any, get_args

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import Parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import make_plan
from recbole_drepmrec.evaluation.records import Test, make_request, write_request
from recbole_drepmrec.evaluation.runs import describe_splits, run_unfinished
from recbole_drepmrec.evaluation.schedule import machine
from recbole_drepmrec.evaluation.store import check_same_split, load_comparison
from recbole_drepmrec.evaluation.tables import all_tables, write_tables


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
    datasets, models = _names(options.datasets, "datasets"), _names(options.models, "models")
    _check_options(options, models)
    files = [file for entry in options.config_files for file in entry.split()]
    plan = make_plan(datasets, models, _seeds(options.seeds), files, values, options.out)
    limits = machine(options.jobs, plan.on_gpu)
    hashes = describe_splits(plan, options.out, limits)
    write_request(options.out, make_request(options.reference, options.test, hashes))
    run_unfinished(plan, hashes, options.out, limits)
    comparison = load_comparison(options.out)
    check_same_split(comparison)
    tables = all_tables(comparison)
    write_tables(tables, options.out / "tables")
    for table in tables:
        print(table.markdown(), end="\n\n")
    if tables:
        print(f"The tables are in {options.out / 'tables'}, also as CSV and LaTeX.")
    for key, reason in comparison.failures.items():
        print(f"failed: {key}: {reason}", file=sys.stderr)
    return 1 if comparison.failures else 0


def parser() -> Parser:
    """The command's options; what they leave over are configuration keys."""
    parser = Parser(prog="recbole-drepmrec compare", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--models", metavar="A,B", help="names of the models")
    add("--datasets", metavar="C,D", help="names of the data sets")
    add("--seeds", metavar="1,2", default="1,2,3", help="a run for each (1,2,3)")
    add("--out", metavar="DIR", type=Path, default=Path("comparison"), help="folder (comparison)")
    add("--jobs", metavar="N", type=int, help="runs at a time (half the cores, as memory allows)")
    add("--reference", metavar="A", help="what others are tested against (best by validation)")
    add("--test", choices=get_args(Test), default="t", help="paired test over users (t)")
    add("--config_files", nargs="*", default=[], help="YAML files for all runs, a later one wins")
    add("--help", "-h", action="store_true", help="show this text")
    return parser


def _names(given: str | None, option: str) -> list[str]:
    names = [name.strip() for name in (given or "").split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise UserError(
            f"--{option} is {given!r}, expected different names with commas between them, such as "
            f"--{option}={'BPR,LightGCN' if option == 'models' else 'ml-100k-mm'}."
        )
    return names


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
    if options.jobs is not None and options.jobs < 1:
        raise UserError(f"--jobs is {options.jobs}, expected 1 or more.")
