"""The tables of a comparison."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from recbole_drepmrec.evaluation.analysis import Analysis, analyse
from recbole_drepmrec.evaluation.breakdown import Stratum
from recbole_drepmrec.evaluation.rankings import BEYOND
from recbole_drepmrec.evaluation.records import JobResult
from recbole_drepmrec.evaluation.split import Split
from recbole_drepmrec.evaluation.statistics import CONFIDENCE, RESAMPLES
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.evaluation.table import (
    NOTHING,
    SUFFIXES,
    Table,
    mean_and_deviation,
    plus_minus,
)

LEVEL = 0.05
"""Below this corrected p-value a difference is marked."""

MARK = "†"

TEST_NAMES = {"t": "paired t-test", "wilcoxon": "Wilcoxon signed-rank test"}


def all_tables(comparison: Comparison) -> list[Table]:
    """Ranking, differences, breakdown, coverage and cost, for each data set with a result.

    Args:
        comparison: What was run.

    Raises:
        UserError: A run's lists are damaged.
    """
    tables: list[Table] = []
    for dataset, split in comparison.splits.items():
        analysis = analyse(comparison, dataset)
        tables += [
            ranking(analysis, TEST_NAMES[comparison.request.test]),
            differences(analysis),
            breakdown(analysis, split),
            coverage(analysis),
            cost(analysis),
        ]
    return tables


def write_tables(tables: Iterable[Table], folder: Path) -> None:
    """Write tables as Markdown, CSV and LaTeX.

    Args:
        tables: The tables.
        folder: Where they go; tables of an earlier comparison, not among these, are removed.
    """
    written = {path for table in tables for path in table.write(folder)}
    for suffix in SUFFIXES:
        for path in set(folder.glob(f"*.{suffix}")) - written:
            path.unlink()


def ranking(analysis: Analysis, test: str) -> Table:
    """Models, best first by validation, with their test metrics.

    Args:
        analysis: One data set's runs.
        test: Name of the paired test.
    """
    some = _some(analysis)
    marked = {(d.model, d.metric) for d in analysis.differences if d.p_holm < LEVEL}
    rows = []
    for model, runs in analysis.runs.items():
        scores = [run.valid_score for run in runs if run.valid_score is not None]
        row = {"model": model, f"validation {some.valid_metric}": plus_minus(scores)}
        for metric in analysis.metrics:
            mark = MARK if (model, metric) in marked else ""
            row[f"test {metric}"] = plus_minus([run.test[metric] for run in runs]) + mark
        rows.append(row)
    notes = [
        f"Ordered by validation; test is only reported. {seeds_note(analysis)} "
        f"{analysis.n_users:,} test users."
    ]
    if analysis.differences:
        notes.append(
            f"{MARK} differs from {analysis.reference}: p < {LEVEL}, {test} over users, Holm's "
            f"correction for {len(analysis.differences)} tests."
        )
    notes += _negatives(analysis)
    return Table(
        f"{analysis.dataset}-ranking",
        f"{analysis.dataset}: ranking",
        rows,
        _long(analysis, "valid", lambda run: run.valid)
        + _long(analysis, "test", lambda run: run.test),
        notes,
    )


def differences(analysis: Analysis) -> Table:
    """Each other model's mean difference from the reference, with interval and p-value.

    Args:
        analysis: One data set's runs.
    """
    found = analysis.differences
    rows = [
        {
            "model": one.model,
            "metric": one.metric,
            "difference": f"{one.mean:+.4f}",
            f"{CONFIDENCE:.0%} interval": f"{one.low:+.4f} to {one.high:+.4f}",
            "p (Holm)": f"{one.p_holm:.2g}",
        }
        for one in found
    ]
    values = [
        {
            "dataset": analysis.dataset,
            "reference": analysis.reference,
            "model": one.model,
            "metric": one.metric,
            "difference": one.mean,
            "low": one.low,
            "high": one.high,
            "p_t": one.p_values["t"],
            "p_wilcoxon": one.p_values["wilcoxon"],
            "p_holm": one.p_holm,
        }
        for one in found
    ]
    note = (
        f"Test metric less that of {analysis.reference}, mean over {analysis.n_users:,} users of "
        f"their mean over seeds; interval by bootstrap over users, {RESAMPLES} resamples."
    )
    name = f"{analysis.dataset}-differences"
    return Table(name, f"{analysis.dataset}: differences", rows, values, [note] if found else [])


def breakdown(analysis: Analysis, split: Split) -> Table:
    """Recall within strata of items and users.

    Args:
        analysis: One data set's runs.
        split: The data set.
    """
    rows, values = [], []
    for place, stratum in enumerate(analysis.strata):
        about = _about(stratum, split)
        row = {"group": f"{stratum.group}: {stratum.name}", **{k: v for k, (v, _) in about.items()}}
        for model in analysis.runs:
            recalls = [run[place] for run in analysis.recalls.get(model, [])]
            row[model] = plus_minus(recalls)
            if recalls:
                mean, deviation = mean_and_deviation(recalls)
                values.append(
                    {
                        "dataset": analysis.dataset,
                        "group": stratum.group,
                        "stratum": stratum.name,
                        **{key: number for key, (_, number) in about.items()},
                        "model": model,
                        f"recall@{analysis.k}": mean,
                        "deviation": deviation,
                    }
                )
        rows.append(row)
    note = (
        f"Test recall@{analysis.k} within a group: found items of the group over all test items of "
        "the group, mean over the users who have one."
    )
    name = f"{analysis.dataset}-breakdown"
    return Table(name, f"{analysis.dataset}: breakdown", rows, values, [note])


def _about(stratum: Stratum, split: Split) -> dict[str, tuple[str, float]]:
    """Size of a stratum, as texts and as numbers."""
    n_items, n_users = int(stratum.items.sum()), int(stratum.users.sum())
    share, n_relevant = stratum.train_share(split), stratum.n_relevant(split)
    return {
        "items": (f"{n_items:,}", n_items),
        "users": (f"{n_users:,}", n_users),
        "of training": (f"{share:.1%}", share),
        "test pairs": (f"{n_relevant:,}", n_relevant),
    }


def coverage(analysis: Analysis) -> Table:
    """What is recommended, by RecBole's metrics.

    Args:
        analysis: One data set's runs.
    """
    names = [f"{name}@{analysis.k}" for name in BEYOND]
    rows = [
        {"model": model, **{n: plus_minus([run.beyond[n] for run in runs]) for n in names}}
        for model, runs in analysis.runs.items()
    ]
    values = _long(analysis, "test", lambda run: run.beyond)
    note = "RecBole's metrics of the test lists, as docs/comparing.md explains."
    name = f"{analysis.dataset}-coverage"
    return Table(name, f"{analysis.dataset}: coverage", rows, values, [note])


def cost(analysis: Analysis) -> Table:
    """Time, memory and parameters, means over seeds.

    Args:
        analysis: One data set's runs.
    """
    rows, values = [], []
    for model, runs in analysis.runs.items():
        figures = {name: _mean(runs, of) for name, (of, _) in _COSTS.items()}
        rows.append(
            {"model": model}
            | {
                name: NOTHING if figures[name] is None else form.format(figures[name])
                for name, (_, form) in _COSTS.items()
            }
        )
        if runs:
            values.append({"dataset": analysis.dataset, "model": model, **figures})
    some = _some(analysis)
    note = (
        f"Means over seeds, {some.threads} threads, on {some.device}; times depend on what else "
        "the machine did, other runs of this comparison included."
    )
    return Table(f"{analysis.dataset}-cost", f"{analysis.dataset}: cost", rows, values, [note])


_COSTS: dict[str, tuple[Callable[[JobResult], float], str]] = {
    "parameters": (lambda run: run.parameters, "{:,.0f}"),
    "epochs": (lambda run: run.epochs, "{:.1f}"),
    "s per epoch": (lambda run: run.train_seconds / max(1, run.epochs), "{:.2f}"),
    "training s": (lambda run: run.train_seconds, "{:.1f}"),
    "validation s": (lambda run: run.valid_seconds, "{:.1f}"),
    "test s": (lambda run: run.test_seconds, "{:.2f}"),
    "peak MiB": (lambda run: run.peak_memory / 2**20, "{:,.0f}"),
    "peak GPU MiB": (lambda run: run.peak_gpu_memory / 2**20, "{:,.0f}"),
}
"""Columns of the cost table: what they show, and how."""


def _mean(runs: list[JobResult], of: Callable[[JobResult], float]) -> float | None:
    return float(np.mean([of(run) for run in runs])) if runs else None


def _some(analysis: Analysis) -> JobResult:
    return next(runs[0] for runs in analysis.runs.values() if runs)


def seeds_note(analysis: Analysis) -> str:
    """Over how many seeds the figures are, in a sentence."""
    counts = {len(runs) for runs in analysis.runs.values()} - {0}
    if counts == {1}:
        return "One seed, so no deviation is known."
    return f"Mean ± standard deviation over {'-'.join(map(str, sorted(counts)))} seeds."


def _negatives(analysis: Analysis) -> list[str]:
    """A warning where models had not the same negatives."""
    kinds: dict[str, list[str]] = {}
    for model, runs in analysis.runs.items():
        for run in runs[:1]:
            kinds.setdefault(str(run.negatives or "none"), []).append(model)
    if len(kinds) < 2:
        return []
    listed = "; ".join(f"{', '.join(models)}: {kind}" for kind, models in kinds.items())
    return [f"Not all models had the same negatives in training. {listed}."]


def _long(
    analysis: Analysis, part: str, of: Callable[[JobResult], dict[str, float]]
) -> list[dict[str, Any]]:
    """A row for each model and metric, with all digits."""
    rows = []
    for model, runs in analysis.runs.items():
        for metric in of(runs[0]) if runs else ():
            mean, deviation = mean_and_deviation([of(run)[metric] for run in runs])
            rows.append(
                {
                    "dataset": analysis.dataset,
                    "model": model,
                    "part": part,
                    "metric": metric,
                    "mean": mean,
                    "deviation": deviation,
                    "seeds": len(runs),
                }
            )
    return rows
