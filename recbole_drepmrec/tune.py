"""``recbole-drepmrec tune``: search a model's settings by validation data alone."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import (
    Parser,
    add_config_files,
    config_files,
    folder,
    not_empty,
    with_options,
)
from recbole_drepmrec.errors import UserError, going_on_when_repeated
from recbole_drepmrec.evaluation.schedule import Machine, machine
from recbole_drepmrec.libraries import library
from recbole_drepmrec.registry import DEFAULT_DATASET, DEFAULT_MODEL

if TYPE_CHECKING:
    from recbole_drepmrec.tuning.processes import Engine
    from recbole_drepmrec.tuning.results import StudyResults
    from recbole_drepmrec.tuning.study import Study


def command(arguments: list[str]) -> int:
    """Run ``recbole-drepmrec tune ...``, and return the exit code: 1 if a run failed.

    Args:
        arguments: Options, and any ``--key=value`` of all runs.
    """
    return with_options(parser(), run, arguments)


def run(options: Any, values: dict[str, Any]) -> int:
    """Run trials until the study has enough, then write and print what was found.

    Args:
        options: Of ``parser``.
        values: Configuration keys of all trials, which are not searched.

    Returns:
        The exit code: 1 if a process failed, or no trial is finished.

    Raises:
        UserError: Something that was given is wrong; no trial has started then.
    """
    compat.quiet_known_warnings()
    library("optuna", "optuna", "tune")
    from recbole_drepmrec.tuning.plan import open_study, plan_study  # late: they import it
    from recbole_drepmrec.tuning.processes import search

    engine = _engine(options)
    for name in ("trials", "jobs"):
        number = getattr(options, name)
        if number is not None and number < 1:
            raise UserError(f"--{name} is {number}, expected 1 or more.")
    files, stopping = config_files(options), not options.no_stopping
    record = plan_study(options.model, options.dataset, files, values, options.space, stopping)
    out = options.out or Path("tuning") / f"{record.model}-{record.dataset}"
    limits = machine(options.jobs, record.on_gpu)
    open_study(out, record, limits)
    with going_on_when_repeated():
        failures = search(out, record, options.trials, limits, engine)
    return _finish(out, failures)


def _engine(options: Any) -> "Engine | None":
    """What runs the trials; None for processes of this machine."""
    if options.engine == "local":
        if options.ray_address is not None:
            raise UserError("--ray_address is for --engine=ray; give that too, or leave it out.")
        return None
    library("ray.tune", "ray[tune]", "ray")
    from recbole_drepmrec.tuning.ray_engine import run_on_ray  # late: it imports ray

    def on_ray(study: "Study", out: Path, most: int, limits: Machine) -> list[str]:
        run_on_ray(study, out, most, limits, options.ray_address)
        return []

    return on_ray


def _finish(out: Path, failures: list[str]) -> int:
    """Write the files and the page, and print the best setting and how it is used."""
    from recbole_drepmrec.report.tuning import write_tuning_page
    from recbole_drepmrec.tuning.results import load_results
    from recbole_drepmrec.tuning.written import use_command, write_files

    results = load_results(out)
    write_files(out, results)
    page = write_tuning_page(out, results)
    for reason in failures:
        print(f"a process failed: {reason}", file=sys.stderr)
    if results.best is None:
        print(f"no trial is finished; {page} tells of each.", file=sys.stderr)
        return 1
    for line in _conclusion(results):
        print(line)
    print(f"\nAll trials: {page} and {out / 'trials.csv'}. Train and test with the best setting:")
    print(f"\n    {use_command(out, results.record)}")
    return 1 if failures else 0


def _conclusion(results: "StudyResults") -> Iterator[str]:
    best, metric = results.best, results.record.metric
    assert best is not None
    default = next(one for one in results.trials if one.is_default)
    score = "no score" if default.score is None else f"{default.score:.4f}"
    yield f"Best of {len(results.trials)} trials by validation {metric}: {best.score:.4f}"
    yield f"(trial {best.number}; the default setting has {score})\n"
    for key, value in best.setting.items():
        yield f"    {key}: {value}  (default {default.setting[key]})"
    left = len(results.of("under way"))
    if left:
        yield f"\nUnder way in another process: {left}."


def parser() -> Parser:
    """The command's options; what they leave over are configuration keys of all trials."""
    parser = Parser(
        prog="recbole-drepmrec tune",
        description="Search a model's settings by validation data; the test data is not looked at.",
        epilog="Any configuration key is an option too, and is then not searched: --epochs=50",
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument
    of_model, of_data = f"name of the model ({DEFAULT_MODEL})", f"the data set ({DEFAULT_DATASET})"
    add("--model", "-m", type=not_empty, default=DEFAULT_MODEL, help=of_model)
    add("--dataset", "-d", type=not_empty, default=DEFAULT_DATASET, help=of_data)
    add("--trials", metavar="N", type=int, default=30, help="trials that the study is to have (30)")
    add("--out", metavar="DIR", type=folder, help="folder (tuning/MODEL-DATASET)")
    add("--space", metavar="FILE", type=Path, help="search space (properties/hyper/MODEL.hyper)")
    add("--jobs", metavar="N", type=int, help="trials at a time (half the cores, as memory allows)")
    add("--engine", choices=("local", "ray"), default="local", help="what runs the trials (local)")
    add("--ray_address", metavar="ADDR", help="Ray cluster, auto for this node's (one of its own)")
    add("--no_stopping", action="store_true", help="train every trial to its end")
    add_config_files(parser, "YAML files for all trials, a later one wins")
    add("--help", "-h", action="store_true", help="show this text")
    return parser
