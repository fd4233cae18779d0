"""All tables of a comparison; here those of what the models recommend, and what they cost."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from recbole_drepmrec.evaluation.analysis import Analysis, analyse
from recbole_drepmrec.evaluation.quality_tables import (
    breakdown,
    differences,
    every_metric,
    ranking,
)
from recbole_drepmrec.evaluation.rankings import BEYOND
from recbole_drepmrec.evaluation.records import JobResult
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.evaluation.table import NOTHING, SUFFIXES, Table, plus_minus

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
    values = every_metric(analysis, "test", lambda run: run.beyond)
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
    threads, devices = (
        sorted({str(getattr(run, name)) for runs in analysis.runs.values() for run in runs})
        for name in ("threads", "device")
    )
    note = (
        f"Means over seeds, {' or '.join(threads)} thread(s), on {' or '.join(devices)}; times "
        "depend on what else the machine did, other runs of this comparison included."
    )
    if len(threads) > 1 or len(devices) > 1:
        note += " The runs differ in these, so their times cannot be compared."
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
