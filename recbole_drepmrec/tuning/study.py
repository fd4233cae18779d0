"""The trials of a study, in ``study.db``: handed out one at a time, to any number of processes.

A trial under way whose process is gone (``workers.py``) was cut off: it is marked as failed, and
its setting waits to be tried again. Where
the process alone was killed, as when memory runs out, that counts: twice, and the trial has failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.trial import FrozenTrial, TrialState

from recbole_drepmrec.tuning.attempts import (
    DEFAULT,
    FIRST,
    KILLED,
    MOST_KILLED,
    REASON,
    SETTING,
    WORKER,
    first_of,
    killed,
    last_attempts,
    open_attempts,
    read_attempts,
    scores_of,
    waiting,
)
from recbole_drepmrec.tuning.halving import goes_on, is_rung
from recbole_drepmrec.tuning.proposals import distributions, encoded, propose
from recbole_drepmrec.tuning.record import StudyRecord
from recbole_drepmrec.tuning.workers import is_alive


@dataclass(frozen=True)
class Taken:
    """A trial that this process runs.

    Attributes:
        trial: Optuna's.
        setting: The value of each searched key.
        is_default: Whether it is the default setting, which is never stopped.
    """

    trial: optuna.Trial
    setting: dict[str, Any]
    is_default: bool


class Study:
    """The trials of one study.

    Args:
        out: The study's folder, which has its ``study.json``.
        record: What is in that.

    Raises:
        UserError: ``study.db`` is damaged.
    """

    def __init__(self, out: Path, record: StudyRecord) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.record = record
        self._out = out
        self._space = record.dimensions()
        self._lock = FileLock(out / ".study.lock")
        self._path = out / "study.db"
        with self._lock:
            self._study = open_attempts(record, self._path)

    def trials(self) -> list[FrozenTrial]:
        """The last attempt at each trial, the default first, as they were proposed.

        Raises:
            UserError: ``study.db`` is damaged.
        """
        return last_attempts(self._attempts())

    def _attempts(self) -> list[FrozenTrial]:
        return read_attempts(self._study, self.record, self._path)

    def take(self, most: int, worker: str) -> Taken | None:
        """The next trial to run; None once there are enough, or every setting was tried.

        Args:
            most: Trials that the study is to have.
            worker: Name of this process.
        """
        with self._lock:
            self._queue_cut_off()
            trials = self.trials()
            if not waiting(trials) and (len(trials) >= most or not self._queue_next(trials)):
                return None
            setting = waiting(self.trials())[0].user_attrs[SETTING]
            held = encoded(self._space, setting)
            every = distributions(self._space)
            trial = self._study.ask({key: every[key] for key in held})
            trial.set_user_attr(WORKER, worker)
            return Taken(trial, setting, trial.user_attrs[DEFAULT])

    def _queue_next(self, trials: list[FrozenTrial]) -> bool:
        record = self.record
        if not trials:
            self._queue(record.default(), {DEFAULT: True})
            return True
        settings = [one.user_attrs[SETTING] for one in trials]
        setting = propose(self._space, trials, settings, record.bigger, record.seed)
        if setting is not None:
            self._queue(setting, {DEFAULT: False})
        return setting is not None

    def _queue(self, setting: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        self._study.enqueue_trial(encoded(self._space, setting), {**notes, SETTING: dict(setting)})

    def _queue_cut_off(self) -> None:
        for one in self._attempts():
            under_way = one.state == TrialState.RUNNING
            if under_way and not is_alive(self._out, one.user_attrs.get(WORKER)):
                self._try_again(one)

    def lost(self, worker: str, reason: str, number: int | None = None) -> list[str]:
        """Note that the process of trials under way was killed, while the command goes on.

        Args:
            worker: Name of the process that took them.
            reason: Why it ended.
            number: Optuna's number of the one that is meant, None for all that it took.

        Returns:
            What becomes of each, in words.
        """
        with self._lock:
            under_way = [one for one in self._attempts() if one.state == TrialState.RUNNING]
            lost = [one for one in under_way if one.user_attrs.get(WORKER) == worker]
            return [self._lost(one, reason) for one in lost if number in (None, one.number)]

    def _lost(self, one: FrozenTrial, reason: str) -> str:
        self._note(one, KILLED, reason)
        number = [first_of(trial) for trial in self.trials()].index(first_of(one))
        what = "is tried again" if self._try_again(one) else "has failed"
        return f"trial {number} {what}: {reason}"

    def _try_again(self, one: FrozenTrial) -> bool:
        """Mark an attempt as failed, and queue another unless the process was killed too often."""
        attempts, first = self._attempts(), first_of(one)
        # else another was queued, and this one was not yet marked when its command was killed
        is_last = one.number in {last.number for last in last_attempts(attempts)}
        reasons = killed(attempts, first)
        again = len(reasons) < MOST_KILLED
        if is_last and again:
            notes = {DEFAULT: one.user_attrs[DEFAULT], FIRST: first}
            self._queue(one.user_attrs[SETTING], notes)
        elif is_last:
            self._note(one, REASON, f"{len(reasons)} attempts were cut off: {reasons[-1]}")
        self._study.tell(one.number, state=TrialState.FAIL)
        return again

    def _note(self, one: FrozenTrial, key: str, value: str) -> None:
        optuna.Trial(self._study, one._trial_id).set_user_attr(key, value)

    def may_go_on(self, taken: Taken, scores: list[float]) -> bool:
        """Note a trial's newest validation score, and say whether it trains on.

        Args:
            taken: The trial.
            scores: Its scores so far.
        """
        taken.trial.report(scores[-1], len(scores))
        first, settings = self.record.first_rung, self.record.settings
        is_last = (len(scores) + 1) * settings["eval_step"] > settings["epochs"]
        if taken.is_default or first is None or is_last or not is_rung(len(scores), first):
            return True
        others = [scores_of(one) for one in self.trials() if one.number != taken.trial.number]
        return goes_on(scores, others, self.record.bigger)

    def end(
        self, taken: Taken, state: TrialState, score: float | None, notes: Mapping[str, Any]
    ) -> None:
        """Write down how a trial ended.

        Args:
            taken: The trial.
            state: Finished, stopped or failed.
            score: Its best score, of a finished one.
            notes: What else is kept of it.
        """
        for key, value in notes.items():
            taken.trial.set_user_attr(key, value)
        self._study.tell(taken.trial, score, state)
