"""The files that say what a study found: ``trials.csv``, and ``best.yaml`` to train with."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from recbole_drepmrec.evaluation.table import NOTHING, Table
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.tuning.record import StudyRecord
from recbole_drepmrec.tuning.results import ENDS, StudyResults, TrialResult

NOT_KEPT = {"state", "show_progress", "checkpoint_dir", "model", "dataset"}
"""Given keys that say how a run is shown and kept, or stand in the command."""


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
