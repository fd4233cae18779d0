"""What a study has found so far, and the files that say so: ``trials.csv`` and ``best.yaml``."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.table import NOTHING, Table
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.tuning.proposals import remembered
from recbole_drepmrec.tuning.record import StudyRecord, read_record
from recbole_drepmrec.tuning.study import DEFAULT, SETTING, Study, scores_of

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

NOT_KEPT = {"state", "show_progress", "checkpoint_dir", "model", "dataset"}
"""Given keys that say how a run is shown and kept, or stand in the command."""


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


def trials_table(results: StudyResults) -> Table:
    """All trials, the best first; those without a score last.

    Args:
        results: The study's.
    """
    metric, sign = results.record.metric, -1 if results.record.bigger else 1
    ordered = sorted(
        results.trials,
        key=lambda one: (one.end != "finished", one.score is None, sign * (one.score or 0.0)),
    )
    rows, values = [], []
    for one in ordered:
        values.append(_values(one, metric))
        shown = {key: shown_value(value) for key, value in one.setting.items()}
        score = NOTHING if one.score is None else f"{one.score:.4f}"
        seconds = NOTHING if one.seconds is None else f"{one.seconds:,.0f}"
        name = f"{one.number} (default)" if one.is_default else str(one.number)
        head = {"trial": name, "end": one.end, f"validation {metric}": score}
        rows.append({**head, "validations": str(len(one.scores)), "seconds": seconds, **shown})
    return Table("trials", "Trials, the best first", rows, values, _notes(results))


def _values(one: TrialResult, metric: str) -> dict[str, Any]:
    head = {"trial": one.number, "end": one.end, metric: one.score, "validations": len(one.scores)}
    tail = {"seconds": one.seconds, "run": one.run, "reason": one.reason}
    return {**head, **one.setting, **tail}


def _notes(results: StudyResults) -> list[str]:
    notes = [
        "A stopped trial was not among the best third after as many validations, so it was not "
        "trained on; its score is the best until then."
    ]
    failed = [f"Trial {one.number} failed: {one.reason}" for one in results.of("failed")]
    return (notes if results.of("stopped") else []) + failed


def shown_value(value: Any) -> str:
    """A value to be read: four digits of a number."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def best_values(results: StudyResults, best: TrialResult) -> dict[str, Any]:
    """The keys that give the best trial again: what was given, the split, and what was found.

    Args:
        results: The study's.
        best: The best trial.
    """
    record = results.record
    given = {key: value for key, value in record.given.items() if key not in NOT_KEPT}
    return {**given, "split_seed": record.settings["split_seed"], **best.setting}


def write_files(out: Path, results: StudyResults) -> None:
    """Write ``trials.csv`` and, once a trial is finished, ``best.yaml``.

    Args:
        out: The study's folder.
        results: What it found.

    Raises:
        UserError: A file cannot be written.
    """
    with atomic_file(out / "trials.csv") as temporary:
        temporary.write_text(trials_table(results).csv(), encoding="utf-8", newline="")
    best = results.best
    if best is not None:
        text = _head(out, results, best) + yaml.safe_dump(
            best_values(results, best), sort_keys=False, allow_unicode=True
        )
        with atomic_file(out / "best.yaml") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _head(out: Path, results: StudyResults, best: TrialResult) -> str:
    record = results.record
    counts = ", ".join(f"{n} {end}" for end in ENDS.values() if (n := len(results.of(end))))
    lines = [
        f"The best setting of {record.model} on {record.dataset} by validation {record.metric}: "
        f"{best.score:.4f}, trial {best.number}.",
        f"Found by: {shlex.join(record.command)}",
        f"Trials: {len(results.trials)} ({counts}); seed {record.seed}; test data played no part.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        f"To use it: {use_command(out, record)}",
    ]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def use_command(out: Path, record: StudyRecord) -> str:
    """The command that trains and tests the best setting."""
    words = [f"--model={record.model}", f"--dataset={record.dataset}", "--config_files"]
    return shlex.join(["recbole-drepmrec", "train", *words, str(out / "best.yaml")])
