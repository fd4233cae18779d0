"""A process that runs one trial after the other: each trained and validated, none tested."""

import gc
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from optuna.trial import TrialState

from recbole_drepmrec import compat
from recbole_drepmrec.config import Config
from recbole_drepmrec.console import log_to_console
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from recbole_drepmrec.training import train
from recbole_drepmrec.tuning.attempts import REASON
from recbole_drepmrec.tuning.record import read_record
from recbole_drepmrec.tuning.study import Study, Taken
from recbole_drepmrec.tuning.workers import alive

RUNS = "runs"
"""Folder of the trials' run folders."""


class Ending(NamedTuple):
    """How a trial ended: as what, with which score if it is finished, and what is kept of it."""

    state: TrialState
    score: float | None
    notes: dict[str, Any]


def check(folder: Path, out: Path, settings: dict[str, Any], sha256: str) -> None:
    """See that the default setting can be prepared, before there is a study.

    Args:
        folder: Where a failure is told.
        out: The study's folder.
        settings: The resolved configuration.
        sha256: Its hash.

    Raises:
        UserError: The data set is not in order, or has nobody to validate on.
    """
    compat.quiet_known_warnings()
    prepared = prepare(Config(config_dict=settings))
    if not prepared.valid_data:
        raise UserError("the split has no validation data; change `eval_args` or `split_by`.")


def run_trials(folder: Path, out: Path, settings: dict[str, Any], sha256: str) -> None:
    """Run trials until the study has enough.

    Args:
        folder: Where this process writes its log.
        out: The study's folder.
        settings: ``trials``, the number that is enough.
        sha256: Hash of the study's settings.

    Raises:
        UserError: The folder has no study.
    """
    compat.quiet_known_warnings()
    record = read_record(out)
    if record is None:
        raise UserError(f"{out} holds no study any more; give the command again.")
    study = Study(out, record)
    with alive(out, folder.name):
        while (taken := study.take(settings["trials"], folder.name)) is not None:
            run_trial(study, taken, out)
            gc.collect()  # models hold references to themselves, and their memory until then


def run_trial(study: Study, taken: Taken, out: Path) -> None:
    """Train with one setting, and note how it ended; a failure is noted too.

    Args:
        study: The study.
        taken: The trial.
        out: The study's folder.
    """
    print(f"trial {taken.trial.number}: {taken.setting}", flush=True)
    scores: list[float] = []

    def goes_on(score: float, run: str) -> bool:
        scores.append(score)
        return study.may_go_on(taken, scores)

    settings = {**study.record.settings, **taken.setting}
    study.end(taken, *carry_out(settings, out, goes_on))


def carry_out(settings: dict[str, Any], out: Path, goes_on: Callable[[float, str], bool]) -> Ending:
    """Train with one setting, and tell how it ended, whatever happens.

    Args:
        settings: The resolved configuration.
        out: The study's folder.
        goes_on: Told the score after each validation, and the run's folder; False stops the trial.
    """
    started, stopped = perf_counter(), False
    notes: dict[str, Any] = {}
    state, score = TrialState.FAIL, None

    def asked(one: float, run: str) -> bool:
        nonlocal stopped
        stopped = not goes_on(one, run)
        return not stopped

    try:
        score, run = _trained({**settings, "checkpoint_dir": str(out / RUNS)}, asked)
        state = TrialState.PRUNED if stopped else TrialState.COMPLETE
        notes = {"run": within(run, out)}
    except Exception as error:  # whatever one setting breaks, the others are to be tried
        if not isinstance(error, UserError):
            traceback.print_exc()
        notes = failure(error)
    notes["seconds"] = round(perf_counter() - started, 3)
    return Ending(state, score if state == TrialState.COMPLETE else None, notes)


def failure(error: BaseException) -> dict[str, Any]:
    """The note of why a trial failed, in one line.

    Args:
        error: What ended it.
    """
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return {REASON: " ".join(said.split())}


def _trained(settings: dict[str, Any], goes_on: Callable[[float, str], bool]) -> tuple[float, str]:
    """The best score, and the run's folder."""
    config = Config(config_dict=settings)
    log_to_console(config["state"])
    result = train(prepare(config), goes_on)
    if result.best_valid_score is None:
        raise UserError("there was no validation, so there is no score; see `eval_step`.")
    return result.best_valid_score, result.run


def within(run: str, out: Path) -> str:
    """The run's folder as it is noted: relative to the study's.

    Args:
        run: The run's folder.
        out: The study's folder.
    """
    return str(Path(run).relative_to(out))
