"""Pictures of training: the metric by epoch and by time, and the similarity that is kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.evaluation.table import NOTHING, Table, plus_minus
from recbole_drepmrec.report.choice import legend
from recbole_drepmrec.report.svg import (
    DASHES,
    MUTED,
    SERIES,
    Panel,
    Picture,
    drawing,
    panel,
    plain_numbers,
)

SIZE = (4.2, 3.0)
SMALL = (3.4, 2.6)
WIDE_RANGE = 20
"""Times are drawn on a logarithmic axis if the longest is so many times the shortest."""

MEASURES = {"cka": "CKA", "overlap": "neighbour overlap"}
"""Of ``similarity`` in a run's ``metrics.jsonl``, and how they are called."""


@dataclass(frozen=True)
class Curve:
    """One model's course, over its seeds.

    Attributes:
        model: The model.
        x: Epoch or seconds, means over seeds.
        y: Mean over seeds.
        low: Lowest seed.
        high: Highest seed.
        chosen: The epoch that each seed kept, as points.
    """

    model: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]
    chosen: list[tuple[float, float]]


Epoch = dict[str, Any]
Value = Callable[[Epoch], float | None]


def learning(
    comparison: Comparison, analysis: Analysis, colours: list[str]
) -> tuple[Picture, Picture] | None:
    """The validation metric by epoch, and by seconds of training; None without any validation.

    Args:
        comparison: What was run.
        analysis: One data set's runs.
        colours: Models in colour.
    """
    metric = analysis.some.valid_metric

    def value(epoch: Epoch) -> float | None:
        found: float | None = epoch.get("valid", {}).get(metric)
        return found

    by_epoch = _curves(comparison, analysis, value, "epoch")
    by_time = _curves(comparison, analysis, value, "seconds")
    if not by_epoch:
        return None
    return (
        Picture(
            "Learning curves",
            f"Validation {metric} after each epoch: the line is the mean over seeds, the band runs "
            "from the lowest to the highest seed, a dot marks the epoch that a seed kept. A curve "
            "that still rises at its end was stopped early.",
            [_draw(by_epoch, colours, "epoch", f"validation {metric}")],
            legend([curve.model for curve in by_epoch], colours),
        ),
        Picture(
            "Metric against training time",
            "The same values against the seconds of training so far, validation left out: of two "
            "models at one height, the one further left is cheaper to train. Times depend on what "
            "else the machine did.",
            [_draw(by_time, colours, "training seconds", f"validation {metric}")],
            legend([curve.model for curve in by_time], colours),
        ),
    )


def similarity(
    comparison: Comparison, analysis: Analysis, colours: list[str]
) -> tuple[Picture, Table] | None:
    """What modal representations keep of the features by epoch; None if it was not tracked.

    Args:
        comparison: What was run.
        analysis: One data set's runs.
        colours: Models in colour.
    """
    panels, shown, modalities = [], dict[str, None](), _modalities(comparison, analysis)
    for measure, name in MEASURES.items():
        for modality in modalities:
            curves = _curves(comparison, analysis, _kept(modality, measure), "epoch")
            title = f"{modality}: {name}"
            panels.append(_draw(curves, colours, "epoch", name, SMALL, title, (0, 1)))
            shown |= dict.fromkeys(curve.model for curve in curves)
    if not panels:
        return None
    picture = Picture(
        "Similarity kept against the original features",
        "1 means that items are as alike in the modal representations as in the features; a low "
        "curve, or one that falls, is a modality that is forgotten. Higher is not better by "
        "itself: representations that only copy the features have learnt nothing.",
        panels,
        legend(list(shown), colours),
    )
    return picture, _similarity_table(comparison, analysis, modalities)


def _similarity_table(comparison: Comparison, analysis: Analysis, modalities: list[str]) -> Table:
    rows = []
    for model in analysis.runs:
        for modality in modalities:
            row = {"model": model, "modality": modality}
            for measure, name in MEASURES.items():
                of = _kept(modality, measure)
                first, kept = _first_and_kept(comparison, analysis.dataset, model, of)
                row[f"{name}, first epoch"] = plus_minus(first, 3)
                row[f"{name}, epoch kept"] = plus_minus(kept, 3)
            if any(row[column] != NOTHING for column in list(row)[2:]):
                rows.append(row)
    note = (
        "Mean ± standard deviation over seeds, at the end of the first epoch and of the one that "
        "was kept and tested."
    )
    return Table("similarity", "Similarity kept", rows, [], [note])


def _first_and_kept(
    comparison: Comparison, dataset: str, model: str, of: Value
) -> tuple[list[float], list[float]]:
    first, kept = [], []
    for key, result in comparison.of(dataset, model).items():
        values = {epoch["epoch"]: of(epoch) for epoch in comparison.curve(key)}
        first.append(values.get(0))
        kept.append(values.get(result.best_epoch))
    return [v for v in first if v is not None], [v for v in kept if v is not None]


def _modalities(comparison: Comparison, analysis: Analysis) -> list[str]:
    found: dict[str, None] = {}
    for model in analysis.runs:
        for key in comparison.of(analysis.dataset, model):
            for epoch in comparison.curve(key)[:1]:
                found |= dict.fromkeys(epoch.get("similarity", {}))
    return list(found)


def _kept(modality: str, measure: str) -> Value:
    def value(epoch: Epoch) -> float | None:
        found: float | None = epoch.get("similarity", {}).get(modality, {}).get(measure)
        return found

    return value


def _curves(comparison: Comparison, analysis: Analysis, value: Value, x: str) -> list[Curve]:
    curves = []
    for model in analysis.runs:
        runs = comparison.of(analysis.dataset, model)
        courses = [
            (list(_course(comparison.curve(key), value)), result.best_epoch)
            for key, result in runs.items()
        ]
        curve = _mean(model, [(points, best) for points, best in courses if points], x)
        curves += [curve] if curve is not None else []
    return curves


def _course(epochs: Iterable[Epoch], value: Value) -> Iterable[tuple[int, float, float]]:
    """Number, seconds so far, and value of each epoch that has one."""
    seconds = 0.0
    for epoch in epochs:
        seconds += epoch["train_seconds"]
        y = value(epoch)
        if y is not None:
            yield epoch["epoch"], seconds, y


def _mean(
    model: str, runs: list[tuple[list[tuple[int, float, float]], int]], x: str
) -> Curve | None:
    """Mean over the seeds that trained so long; by time, over all seeds, as long as all trained.

    Seeds take different times: where one falls out of a mean by time, it would jump.
    """
    if not runs:
        return None
    by_epoch: dict[int, list[tuple[float, float]]] = {}
    chosen = []
    for points, best in runs:
        for epoch, seconds, y in points:
            place = float(epoch) if x == "epoch" else seconds
            by_epoch.setdefault(epoch, []).append((place, y))
            if epoch == best:
                chosen.append((place, y))
    fewest = 1 if x == "epoch" else len(runs)
    groups = [np.array(by_epoch[epoch]) for epoch in sorted(by_epoch)]
    groups = [group for group in groups if len(group) >= fewest]
    if not groups:
        return None
    xs, ys = ([float(g[:, column].mean()) for g in groups] for column in (0, 1))
    low, high = ([float(of(g[:, 1])) for g in groups] for of in (np.min, np.max))
    return Curve(model, xs, ys, low, high, chosen)


def _draw(
    curves: list[Curve],
    colours: list[str],
    x: str,
    y: str,
    size: tuple[float, float] = SIZE,
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Panel:
    with drawing(*size) as (figure, axes):
        for curve in sorted(curves, key=lambda one: one.model in colours):  # muted ones below
            _draw_one(axes, curve, colours)
        axes.set(xlabel=x, ylabel=y)
        if limits is not None:
            axes.set_ylim(limits[0] - 0.02, limits[1] + 0.02)
        ends = [curve.x[-1] for curve in curves if curve.x[-1] > 0]
        if x != "epoch" and ends and max(ends) > WIDE_RANGE * min(ends):
            axes.set_xscale("log")
            plain_numbers(axes, "x")
            axes.set_xlabel(f"{x}, logarithmic")
        if x == "epoch":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        said = "; ".join(f"{c.model} {c.y[0]:.3f} to {c.y[-1]:.3f}" for c in curves)
        return panel(figure, title, f"{title or y} by {x}, first to last value: {said}")


def _draw_one(axes: Axes, curve: Curve, colours: list[str]) -> None:
    number = colours.index(curve.model) if curve.model in colours else None
    colour = MUTED if number is None else SERIES[number]
    dashes: Any = "solid" if number is None else DASHES[number]
    strength, width = (0.45, 0.8) if number is None else (1.0, 1.5)
    axes.plot(curve.x, curve.y, color=colour, linestyle=dashes, linewidth=width, alpha=strength)
    if number is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(*zip(*curve.chosen, strict=True), "o", color=colour, markersize=4)
