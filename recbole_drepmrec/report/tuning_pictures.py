"""Pictures of a study: its history, its learning curves, and which keys matter."""

from typing import Any

from matplotlib.ticker import MaxNLocator

from recbole_drepmrec.report.curves import SIZE
from recbole_drepmrec.report.svg import (
    DASHES,
    INK,
    MUTED,
    SERIES,
    Key,
    Picture,
    drawing,
    panel,
)
from recbole_drepmrec.tuning.results import StudyResults, TrialResult


def history(results: StudyResults) -> Picture:
    """The score of each trial, and the best so far.

    Args:
        results: At least one trial has a score.
    """
    metric = f"validation {results.record.metric}"
    scored = [one for one in results.trials if one.score is not None]
    with drawing(*SIZE) as (figure, axes):
        for end, colour in (("stopped", MUTED), ("finished", SERIES[0])):
            shown = [one for one in scored if one.end == end]
            numbers, scores = [one.number for one in shown], [one.score or 0.0 for one in shown]
            axes.plot(numbers, scores, "o", color=colour, markersize=4, alpha=0.9)
        best = _best_so_far(results)
        line = [number for number, _ in best], [score for _, score in best]
        axes.plot(*line, color=SERIES[1], drawstyle="steps-post", linestyle=DASHES[1])
        axes.set(xlabel="trial", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        said = "; ".join(f"trial {number}: {score:.4f}" for number, score in best)
        drawn = panel(figure, "", f"Best {metric} so far by trial: {said}")
    legend = [Key("finished", 0, dots=True), Key("best so far", 1)]
    if results.of("stopped"):
        legend.append(Key("stopped", None, dots=True))
    return Picture(
        "History",
        "The best score of each trial, in the order in which they were proposed; trial 0 is the "
        "default setting. A stopped trial, in grey, is shown with its best score until then. A "
        "line that still rises at its end asks for more trials.",
        [drawn],
        legend,
    )


def _best_so_far(results: StudyResults) -> list[tuple[int, float]]:
    better = max if results.record.bigger else min
    found: list[tuple[int, float]] = []
    for one in results.of("finished"):
        if one.score is not None:
            before = [found[-1][1]] if found else []
            found.append((one.number, better([*before, one.score])))
    return found


def curves(results: StudyResults) -> Picture:
    """The score of each trial after each validation: the best one, the default one, the others.

    Args:
        results: At least one trial has a score.
    """
    metric, step = f"validation {results.record.metric}", results.record.settings["eval_step"]
    told = _told_apart(results)
    others = [one for one in results.trials if one.scores and one not in told.values()]
    with drawing(*SIZE) as (figure, axes):
        for one in others:
            axes.plot(_epochs(one, step), one.scores, color=MUTED, linewidth=0.8, alpha=0.45)
        for number, one in enumerate(told.values()):
            style: Any = {"color": SERIES[number], "linestyle": DASHES[number], "linewidth": 1.5}
            mark = "o" if len(one.scores) == 1 else None
            axes.plot(_epochs(one, step), one.scores, marker=mark, **style)
        axes.set(xlabel="epoch", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        said = "; ".join(f"{name}, {max(one.scores):.4f}" for name, one in told.items())
        drawn = panel(figure, "", f"{metric} by epoch, highest value: {said}")
    legend = [Key(name, number) for number, name in enumerate(told)]
    if others:
        legend.append(Key(f"others ({len(others)})", None))
    return Picture(
        "Learning curves",
        "The validation score of each trial by epoch. A curve that ends early was stopped, by "
        "itself where it no longer improved, or because it was not among the best third.",
        [drawn],
        legend,
    )


def _told_apart(results: StudyResults) -> dict[str, TrialResult]:
    best, default = results.best, next(one for one in results.trials if one.is_default)
    told = {f"best (trial {best.number})": best} if best is not None else {}
    if default is not best and default.scores:
        told["default (trial 0)"] = default
    return told


def _epochs(one: TrialResult, step: int) -> list[int]:
    return [step * number for number in range(1, len(one.scores) + 1)]


def importances(results: StudyResults) -> Picture | None:
    """How much of the differences between scores each key explains; None if too few are finished.

    Args:
        results: The study's.
    """
    shares = results.importances
    if not shares:
        return None
    keys = list(shares)[::-1]
    with drawing(SIZE[0], 0.8 + 0.3 * len(keys)) as (figure, axes):
        axes.barh(keys, [shares[key] for key in keys], color=SERIES[0], height=0.6)
        axes.set(xlabel="share of the variance of the score", xlim=(0, 1))
        axes.tick_params(axis="y", labelcolor=INK)
        axes.grid(visible=False, axis="y")
        said = "; ".join(f"{key} {share:.2f}" for key, share in shares.items())
        drawn = panel(figure, "", f"Share of the variance that each key explains: {said}")
    return Picture(
        "Importances",
        "The share of the variance of the score that each key explains alone or with others, over "
        f"the {len(results.of('finished'))} finished trials: functional ANOVA of a random forest. "
        "With few trials it says little, and it says nothing about values that were not tried.",
        [drawn],
    )
