"""A process that runs one trial after the other: each trained and validated, none tested."""

import gc
import traceback
from pathlib import Path
from time import perf_counter
from typing import Any

from optuna.trial import TrialState

from recbole_drepmrec import compat
from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from recbole_drepmrec.run_folder import log_to_console
from recbole_drepmrec.training import train
from recbole_drepmrec.tuning.record import read_record
from recbole_drepmrec.tuning.study import Study, Taken

RUNS = "runs"
"""Folder of the trials' run folders."""


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
    with study.worker(folder.name):
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
    started, scores = perf_counter(), list[float]()
    notes: dict[str, Any] = {}
    state, score = TrialState.FAIL, None
    try:
        stopped, score, notes = _trained(study, taken, out, scores)
        state = TrialState.PRUNED if stopped else TrialState.COMPLETE
    except UserError as error:
        notes = {"reason": " ".join(str(error).split())}
    except Exception as error:  # whatever one setting breaks, the others are to be tried
        traceback.print_exc()
        notes = {"reason": " ".join(f"{type(error).__name__}: {error}".split())}
    notes["seconds"] = round(perf_counter() - started, 3)
    study.end(taken, state, score if state == TrialState.COMPLETE else None, notes)


def _trained(
    study: Study, taken: Taken, out: Path, scores: list[float]
) -> tuple[bool, float | None, dict[str, Any]]:
    """Whether a trial was stopped, its best score, and what else is kept of it."""
    settings = {**study.record.settings, **taken.setting, "checkpoint_dir": str(out / RUNS)}
    config = Config(config_dict=settings)
    log_to_console(config["state"])
    stopped = False

    def goes_on(score: float) -> bool:
        nonlocal stopped
        scores.append(score)
        stopped = not study.may_go_on(taken, scores)
        return not stopped

    result = train(prepare(config), goes_on)
    if result.best_valid_score is None:
        raise UserError("there was no validation, so there is no score; see `eval_step`.")
    run = str(Path(result.run).relative_to(out))
    return stopped, result.best_valid_score, {"run": run}
