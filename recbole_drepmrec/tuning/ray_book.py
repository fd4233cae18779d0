"""Which trial of a study each trial of Ray Tune is, and what it reports noted in the study."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.trial import TrialState
from ray.tune.search import Searcher

from recbole_drepmrec.tuning.ray_trial import END, NOTES, SCORE
from recbole_drepmrec.tuning.study import Study, Taken


class Book:
    """Trials under way on the cluster, by Ray's names for them.

    Args:
        study: The study.
        out: Its folder.
        most: Trials that it is to have.
        name: Name of this process in the study.
        room: How many trials the cluster runs at a time; it is asked each time.
    """

    def __init__(
        self, study: Study, out: Path, most: int, name: str, room: Callable[[], int]
    ) -> None:
        self._study, self._most, self._name, self._room = study, most, name, room
        self._fixed = {"cwd": os.getcwd(), "out": str(out.resolve())}
        self._under_way: dict[str, tuple[Taken, list[float]]] = {}

    def next(self, trial: str) -> dict[str, Any] | str | None:
        """The configuration of a new trial; None while there is no room, a text if all are over.

        Args:
            trial: Ray's name for it.
        """
        if len(self._under_way) >= self._room():
            return None
        taken = self._study.take(self._most, self._name)
        if taken is None:  # one under way may yet be lost, and tried again
            return None if self._under_way else str(Searcher.FINISHED)
        self._under_way[trial] = (taken, [])
        return {**self._fixed, "setting": json.dumps(taken.setting)}

    def goes_on(self, trial: str, result: dict[str, Any]) -> bool:
        """Note what a trial reported after a validation, and say whether it trains on.

        Args:
            trial: Ray's name for it.
            result: What it reported.
        """
        taken, scores = self._under_way[trial]
        scores.append(result[SCORE])
        if self._study.may_go_on(taken, scores):
            return True
        self._end(trial, TrialState.PRUNED, None, json.loads(result[NOTES]))
        return False

    def ended(self, trial: str, result: dict[str, Any]) -> None:
        """Note how a trial ended, unless it was stopped here.

        Args:
            trial: Ray's name for it.
            result: What it reported last.
        """
        if trial in self._under_way:
            kept = json.loads(result[NOTES])
            self._end(trial, TrialState[result[END]], kept["best"], kept["notes"])

    def lost(self, trial: str, reason: str) -> None:
        """Note that a trial's process is gone, unless how it ended is known.

        Args:
            trial: Ray's name for it.
            reason: Why it is gone.
        """
        if trial not in self._under_way:
            return
        taken, _ = self._under_way.pop(trial)
        for line in self._study.lost(self._name, reason, taken.trial.number):
            print(line, file=sys.stderr)

    def _end(self, trial: str, state: TrialState, score: float | None, notes: Any) -> None:
        taken, _ = self._under_way.pop(trial)
        self._study.end(taken, state, score, notes)
