"""What a study has found so far."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.tuning.attempts import DEFAULT, SETTING, scores_of
from recbole_drepmrec.tuning.proposals import remembered
from recbole_drepmrec.tuning.record import StudyRecord, read_record
from recbole_drepmrec.tuning.study import Study

ENDS = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "under way",
    TrialState.WAITING: "waiting",
}
"""How a trial's state is called."""

FEWEST_SCORES = 4
"""Different scores that it takes to tell which key they depend on."""


@dataclass(frozen=True)
class TrialResult:
    """One trial.

    Attributes:
        number: Its place in the study; 0 is the default setting.
        end: How it ended, one of ``ENDS``.
        setting: The value of each searched key.
        score: Its best validation score; None without a validation.
        scores: The score after each validation.
        seconds: From the beginning to the end; None while it is under way.
        run: Its run folder in the study's; none of a failed one.
        reason: Why it failed.
        is_default: Whether it is the default setting.
    """

    number: int
    end: str
    setting: dict[str, Any]
    score: float | None
    scores: list[float]
    seconds: float | None
    run: str
    reason: str
    is_default: bool

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.end in ("finished", "stopped", "failed")


@dataclass(frozen=True)
class StudyResults:
    """A study's trials.

    Attributes:
        record: What the study is of.
        trials: In the order in which they were proposed.
        importances: Key to its share in the differences between the scores of finished trials,
            most important first; none where too few are finished to say.
    """

    record: StudyRecord
    trials: list[TrialResult]
    importances: dict[str, float]

    def of(self, end: str) -> list[TrialResult]:
        """The trials that ended so."""
        return [one for one in self.trials if one.end == end]

    @property
    def best(self) -> TrialResult | None:
        """The finished trial with the best score, of equals the first; None if none is finished."""
        sign = 1 if self.record.bigger else -1
        finished = self.of("finished")
        return max(finished, key=lambda one: sign * (one.score or 0.0)) if finished else None


def load_results(out: Path) -> StudyResults:
    """Read a study's folder.

    Args:
        out: The folder given by ``recbole-drepmrec tune --out``.

    Raises:
        UserError: It is no such folder, or a file in it is damaged.
    """
    record = read_record(out)
    if record is None:
        raise UserError(f"{out} holds no study.json; expected the folder of a study.")
    study = Study(out, record)
    trials = study.trials()
    return StudyResults(record, trial_results(record, trials), _importances(record, trials))


def trial_results(record: StudyRecord, trials: list[FrozenTrial]) -> list[TrialResult]:
    """What the trials of a study gave.

    Args:
        record: What the study is of.
        trials: Its trials.
    """
    best = max if record.bigger else min
    return [_result(number, one, best) for number, one in enumerate(trials)]


def _importances(record: StudyRecord, trials: list[FrozenTrial]) -> dict[str, float]:
    """By functional ANOVA of a random forest (Hutter et al., ICML 2014), as Optuna has it."""
    space = record.dimensions()
    study = remembered(space, trials, record.bigger)
    scores = {one.value for one in study.get_trials(states=(TrialState.COMPLETE,))}
    if len(scores) < FEWEST_SCORES:
        return {}
    evaluator = FanovaImportanceEvaluator(seed=record.seed)
    shares = get_param_importances(study, evaluator=evaluator, params=list(space))
    return {key: float(share) for key, share in shares.items()}


def _result(number: int, trial: FrozenTrial, best: Any) -> TrialResult:
    scores, notes = scores_of(trial), trial.user_attrs
    score = trial.value if trial.state == TrialState.COMPLETE else None
    return TrialResult(
        number=number,
        end=ENDS[trial.state],
        setting=notes[SETTING],
        score=best(scores) if score is None and scores else score,
        scores=scores,
        seconds=notes.get("seconds"),
        run=notes.get("run", ""),
        reason=notes.get("reason", ""),
        is_default=notes[DEFAULT],
    )
