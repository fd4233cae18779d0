"""The tables of how good the models are: ranking, differences, breakdown."""

from collections.abc import Callable
from typing import Any

from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.breakdown import Stratum
from recbole_drepmrec.evaluation.records import JobResult
from recbole_drepmrec.evaluation.split import Split
from recbole_drepmrec.evaluation.statistics import CONFIDENCE, RESAMPLES
from recbole_drepmrec.evaluation.table import Table, mean_and_deviation, plus_minus

LEVEL = 0.05
"""Below this corrected p-value a difference is marked."""

MARK = "†"


def ranking(analysis: Analysis, test: str) -> Table:
    """Models, best first by validation, with their test metrics.

    Args:
        analysis: One data set's runs.
        test: Name of the paired test.
    """
    some = analysis.some
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
        every_metric(analysis, "valid", lambda run: run.valid)
        + every_metric(analysis, "test", lambda run: run.test),
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
        "the group, mean over the users (counted here) who have one."
    )
    name = f"{analysis.dataset}-breakdown"
    return Table(name, f"{analysis.dataset}: breakdown", rows, values, [note])


def _about(stratum: Stratum, split: Split) -> dict[str, tuple[str, float]]:
    """Size of a stratum, as texts and as numbers."""
    n_items, relevant = int(stratum.items.sum()), stratum.relevant(split)
    n_users, n_pairs = int((relevant > 0).sum()), int(relevant.sum())
    share = stratum.train_share(split)
    return {
        "items": (f"{n_items:,}", n_items),
        "users": (f"{n_users:,}", n_users),
        "of training": (f"{share:.1%}", share),
        "test pairs": (f"{n_pairs:,}", n_pairs),
    }


def seeds_note(analysis: Analysis) -> str:
    """Over how many seeds the figures are, in a sentence."""
    counts = {len(runs) for runs in analysis.runs.values()} - {0}
    if counts == {1}:
        return "One seed, so no deviation is known."
    most = max(counts)
    short = [f"{m} ({len(runs)})" for m, runs in analysis.runs.items() if 0 < len(runs) < most]
    fewer = f"; fewer of {', '.join(short)}, whose others failed" if short else ""
    return f"Mean ± standard deviation over {most} seeds{fewer}."


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


def every_metric(
    analysis: Analysis, part: str, of: Callable[[JobResult], dict[str, float]]
) -> list[dict[str, Any]]:
    """Rows of a CSV, one for each model and metric, with all digits.

    Args:
        analysis: One data set's runs.
        part: What was measured: ``valid`` or ``test``.
        of: The metrics of a run.
    """
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
