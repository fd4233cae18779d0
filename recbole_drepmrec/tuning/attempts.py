"""Attempts at trials, as ``study.db`` has them; the file may come from anyone, so it is checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna import Study
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.tuning.proposals import encoded
from recbole_drepmrec.tuning.record import StudyRecord
from recbole_drepmrec.tuning.space import Space

# What is noted with an attempt. FIRST is the number of the trial's first one, if there were others;
# KILLED is why its process ended, where the command did not end with it.
DEFAULT, FIRST, SETTING, WORKER = "default", "first", "setting", "worker"
KILLED, REASON = "killed", "reason"

MOST_KILLED = 2
"""Attempts that may end with their process; then the trial has failed. [ours]"""

WAIT = 60
"""Seconds that a process waits for another one's write."""


class _Notes(BaseModel):
    """The notes' types. A worker's name is a folder's, so it must lead nowhere else."""

    default: bool
    setting: dict[str, Any]
    first: int | None = None
    worker: str | None = Field(None, pattern=r"^[a-z0-9-]+$")
    killed: str | None = None
    reason: str = ""
    run: str = ""
    seconds: float | None = None


def open_attempts(record: StudyRecord, path: Path) -> Study:
    """Open Optuna's study of a study's attempts; a new one if there is none.

    Args:
        record: What the study is of.
        path: Its file.

    Raises:
        UserError: The file cannot be used.
    """
    with storage_errors(path):
        url = f"sqlite:///{path.resolve()}"
        return optuna.create_study(
            storage=RDBStorage(url, engine_kwargs={"connect_args": {"timeout": WAIT}}),
            study_name=f"{record.model} on {record.dataset}",
            direction="maximize" if record.bigger else "minimize",
            load_if_exists=True,
        )


def read_attempts(study: Study, record: StudyRecord, path: Path) -> list[FrozenTrial]:
    """All attempts at a study's trials, in the order in which they were queued.

    Args:
        study: Optuna's study.
        record: What the study is of.
        path: Its file, to begin a message with.

    Raises:
        UserError: The file cannot be read, or holds something that no study of ours does.
    """
    with storage_errors(path):
        attempts = study.get_trials(deepcopy=False)
    space, default = record.dimensions(), record.default()
    for one in attempts:
        reason = _mistake(one, space, default)
        if reason:
            raise UserError(
                f"{path} is damaged: trial {one.number} {reason}, which `recbole-drepmrec tune` "
                "does not write; give another --out."
            )
    return attempts


def _mistake(one: FrozenTrial, space: Space, default: Mapping[str, Any]) -> str:
    try:
        notes = _Notes.model_validate(one.user_attrs, strict=True)
    except ValidationError as error:
        place = str(error.errors()[0]["loc"][0])
        return f"has the note {one.user_attrs.get(place)!r} as its `{place}`"
    if notes.setting.keys() != space.keys():
        return f"sets {', '.join(notes.setting) or 'nothing'} instead of {', '.join(space)}"
    is_first = first_of(one) == 0
    if notes.default != is_first or (is_first and notes.setting != default):
        return "is wrongly noted as the default setting, or as another"
    outside = sorted(space.keys() - encoded(space, notes.setting).keys())
    if outside and not notes.default:
        return f"has {outside[0]}={notes.setting[outside[0]]!r}, which is not in the space"
    return ""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn whatever Optuna says of a file that it cannot use into the user's error.

    Args:
        path: The file.

    Raises:
        UserError: It cannot be used.
    """
    try:
        yield
    except (SQLAlchemyError, OptunaError, RuntimeError, ValueError, KeyError, TypeError) as error:
        said = " ".join(str(error).split("\n", 1)[0].split())
        raise UserError(
            f"{path} cannot be used ({type(error).__name__}: {said}): it is damaged, or another "
            "program holds it; give another --out."
        ) from error


def last_attempts(attempts: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The last attempt at each trial, the default first, as they were proposed.

    Args:
        attempts: All attempts of the study.
    """
    last = {first_of(one): one for one in attempts}
    return [last[first] for first in sorted(last)]


def first_of(one: FrozenTrial) -> int:
    """The number of a trial's first attempt.

    Args:
        one: Any attempt at the trial.
    """
    return int(one.user_attrs.get(FIRST, one.number))


def killed(attempts: Sequence[FrozenTrial], first: int) -> list[str]:
    """Why the processes of a trial's attempts ended, where the command did not end with them.

    Args:
        attempts: All attempts of the study.
        first: The number of the trial's first one.
    """
    return [
        one.user_attrs[KILLED]
        for one in attempts
        if first_of(one) == first and one.user_attrs.get(KILLED) is not None
    ]


def waiting(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that wait, in the order in which Optuna hands them out.

    Args:
        trials: Any attempts.
    """
    left = [one for one in trials if one.state == TrialState.WAITING]
    return sorted(left, key=lambda one: one.number)


def scores_of(trial: FrozenTrial) -> list[float]:
    """A trial's validation scores, in order.

    Args:
        trial: An attempt.
    """
    return [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)]
