"""What the runs on one data set show, worked out of their stored lists."""

from dataclasses import dataclass

import numpy as np

from recbole_drepmrec.evaluation.breakdown import Stratum, hits, recall_within, strata
from recbole_drepmrec.evaluation.rankings import ALWAYS
from recbole_drepmrec.evaluation.records import JobResult
from recbole_drepmrec.evaluation.statistics import Difference, Values, compare_to_reference
from recbole_drepmrec.evaluation.store import Comparison


@dataclass(frozen=True)
class Analysis:
    """One data set's models side by side.

    Attributes:
        dataset: The data set.
        runs: Model to its finished runs; best model first by validation, those of no run last.
        metrics: The metrics that are shown and tested: recall and NDCG at each k.
        k: The length of the lists of the breakdown: that of the validation metric.
        reference: The model that the others are tested against; None if it has no run.
        differences: How the others differ from it, users' values averaged over seeds first.
        strata: The parts of the breakdown.
        recalls: Model to the recall within each stratum, a list of strata for each run.
        n_users: Test users.
    """

    dataset: str
    runs: dict[str, list[JobResult]]
    metrics: list[str]
    k: int
    reference: str | None
    differences: list[Difference]
    strata: list[Stratum]
    recalls: dict[str, list[list[float]]]
    n_users: int

    @property
    def some(self) -> JobResult:
        """A finished run, for what all have in common."""
        return next(runs[0] for runs in self.runs.values() if runs)


def analyse(comparison: Comparison, dataset: str) -> Analysis:
    """Test, and break down, what the runs on a data set gave.

    Args:
        comparison: What was run; at least one run on the data set is finished.
        dataset: The data set.

    Raises:
        UserError: A run's lists are damaged, or of another split.
    """
    split, parts = comparison.splits[dataset], strata(comparison.splits[dataset])
    runs = {
        model: list(comparison.of(dataset, model).values()) for model in comparison.ranked(dataset)
    }
    some = next(results[0] for results in runs.values() if results)
    metrics = [metric for metric in some.test if metric.split("@")[0] in ALWAYS]
    k = _list_length(some)
    scores: dict[str, dict[str, Values]] = {}
    recalls: dict[str, list[list[float]]] = {}
    for model in (model for model, results in runs.items() if results):
        lists = [comparison.lists(key) for key in comparison.of(dataset, model)]
        scores[model] = {
            metric: np.mean([one.scores[metric] for one in lists], axis=0) for metric in metrics
        }
        found = [hits(one.top[:, :k], split) for one in lists]
        recalls[model] = [[recall_within(one, split, part) for part in parts] for one in found]
    request = comparison.request
    # a model that lost its bad seeds would look too good: the best of those that lost none
    most = max(len(results) for results in runs.values())
    reference = request.reference or next(m for m in scores if len(runs[m]) == most)
    differences = (
        compare_to_reference(scores, reference, metrics, request.test)
        if reference in scores
        else []
    )
    return Analysis(
        dataset=dataset,
        runs=runs,
        metrics=metrics,
        k=k,
        reference=reference if reference in scores else None,
        differences=differences,
        strata=parts,
        recalls=recalls,
        n_users=len(split.users),
    )


def _list_length(result: JobResult) -> int:
    """The k of the validation metric, or of the longest list where it has none."""
    k = result.valid_metric.partition("@")[2]
    return int(k) if k else max(int(metric.partition("@")[2]) for metric in result.test)
