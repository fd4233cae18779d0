"""The processes of a study: one that checks, some that run trials, and what is said meanwhile."""

import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.schedule import Machine, Task, run_tasks
from recbole_drepmrec.tuning.record import StudyRecord
from recbole_drepmrec.tuning.results import trial_results
from recbole_drepmrec.tuning.space import size
from recbole_drepmrec.tuning.study import Study
from recbole_drepmrec.tuning.workers import FOLDER

CHECK = "recbole_drepmrec.tuning.worker:check"
RUN = "recbole_drepmrec.tuning.worker:run_trials"
"""What the processes do."""

Engine = Callable[[Study, Path, int, Machine], list[str]]
"""Runs a study's trials until there are enough, and returns why processes failed."""

PAUSE = 2.0
"""Seconds between two looks at the trials, to tell which have ended."""


def check_default(out: Path, record: StudyRecord, limits: Machine) -> None:
    """Prepare the default setting once, in a process of its own.

    Args:
        out: The study's folder.
        record: What the study is of.
        limits: How many processes may run.

    Raises:
        UserError: It cannot be prepared, and so no trial could.
    """
    reasons: list[str] = []
    task = _task(out, "check", CHECK, record.settings, record)
    run_tasks([task], limits, lambda task, reason: reasons.extend([reason] if reason else []))
    if reasons:
        raise UserError(reasons[0])


def search(
    out: Path, record: StudyRecord, most: int, limits: Machine, engine: Engine | None = None
) -> list[str]:
    """Run trials until the study has enough, saying on stderr how each ended.

    Args:
        out: The study's folder.
        record: What the study is of.
        most: Trials that it is to have.
        limits: How many processes may run.
        engine: What runs them, None for processes of this machine.

    Returns:
        Why processes failed.
    """
    study = Study(out, record)
    over = {one.number for one in trial_results(record, study.trials()) if one.is_over}
    if most <= len(over):
        return []
    for line in _introduction(record):
        print(line, file=sys.stderr)
    with _progress(study, most, over):
        return (engine or run_processes)(study, out, most, limits)


def run_processes(study: Study, out: Path, most: int, limits: Machine) -> list[str]:
    """Run trials in processes of this machine; for those that were killed in a trial, in others.

    Args:
        study: The study.
        out: Its folder.
        most: Trials that it is to have.
        limits: How many processes may run.

    Returns:
        Why processes failed that were in no trial.
    """
    failures: list[str] = []
    lost = [""]
    while lost:  # each adds to its trial's count, which ends this
        lost = []

        def ended(task: Task, reason: str | None, lost: list[str] = lost) -> None:
            said = study.lost(task.folder.name, reason) if reason else []
            print("".join(f"{line}\n" for line in said), end="", file=sys.stderr)
            lost.extend(said)
            failures.extend([reason] if reason and not said else [])

        run_tasks(_tasks(study, out, most, limits), limits, ended)
    return failures


def _tasks(study: Study, out: Path, most: int, limits: Machine) -> list[Task]:
    over = [one for one in trial_results(study.record, study.trials()) if one.is_over]
    number = min(most - len(over), limits.most)
    return [_task(out, "trials", RUN, {"trials": most}, study.record) for _ in range(number)]


def _introduction(record: StudyRecord) -> Iterator[str]:
    space = record.dimensions()
    settings = size(space)
    count = f"{settings:,.0f} settings" if settings < float("inf") else "endlessly many settings"
    yield f"{record.model} on {record.dataset}, by validation {record.metric}: {count}"
    for key, dimension in space.items():
        yield f"  {key}: {dimension} (default {record.settings[key]})"


@contextmanager
def _progress(study: Study, most: int, told: set[int]) -> Iterator[None]:
    """Say on stderr which trials have ended, while processes run them."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PAUSE):
            _tell(study, most, told)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _tell(study, most, told)


def _tell(study: Study, most: int, told: set[int]) -> None:
    for one in trial_results(study.record, study.trials()):
        if one.is_over and one.number not in told:
            told.add(one.number)
            score = "no score" if one.score is None else f"{study.record.metric} {one.score:.4f}"
            setting = ", ".join(f"{key}={value}" for key, value in one.setting.items())
            said = f"failed: {one.reason}" if one.reason else f"{score}, {one.end}"
            print(f"[{len(told)}/{most}] trial {one.number}: {said}; {setting}", file=sys.stderr)


def _task(out: Path, name: str, what: str, settings: dict[str, Any], record: StudyRecord) -> Task:
    folder = out / FOLDER / f"{name}-{secrets.token_hex(4)}"
    return Task(folder, what, out, settings, record.settings_sha256)
