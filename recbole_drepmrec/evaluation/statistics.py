"""Whether models differ beyond chance: paired tests over users, Holm's correction, intervals."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recbole_drepmrec.evaluation.records import Test

Values = NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0

DIGITS = 12
"""Of the metrics, that count: what lies below is rounding."""

BLOCK = 2**22
"""Users drawn at a time, over all resamples of a block."""


@dataclass(frozen=True)
class Difference:
    """How a model differs from the reference model in one metric.

    Attributes:
        model: The model.
        metric: The metric.
        mean: Mean over users of its value less the reference's.
        low: Lower end of the bootstrap interval of that mean.
        high: Upper end.
        p_values: P-value of each paired test, uncorrected.
        p_holm: That of the chosen test, corrected for all models and metrics of the data set.
    """

    model: str
    metric: str
    mean: float
    low: float
    high: float
    p_values: dict[Test, float]
    p_holm: float


def compare_to_reference(
    scores: dict[str, dict[str, Values]], reference: str, metrics: list[str], test: Test
) -> list[Difference]:
    """Test every model against the reference model in every metric.

    Args:
        scores: Model to metric to the value for each user, shape [U]; the same users everywhere.
        reference: One of the models.
        metrics: The metrics to test.
        test: Whose p-values are corrected: ``t`` or ``wilcoxon``.

    Returns:
        One difference for each other model and metric.
    """
    pairs = [(model, metric) for model in scores if model != reference for metric in metrics]
    if not pairs:
        return []
    differences = np.stack(
        [scores[model][metric] - scores[reference][metric] for model, metric in pairs], axis=1
    )
    # means of the same numbers in another order differ in the last digit, and would be differences
    differences = np.round(differences, DIGITS)
    columns = list(differences.T)
    low, high = bootstrap_intervals(differences)
    p_values: list[dict[Test, float]] = [
        {"t": t_test(column), "wilcoxon": wilcoxon_test(column)} for column in columns
    ]
    corrected = holm([p[test] for p in p_values])
    return [
        Difference(model, metric, float(columns[i].mean()), low[i], high[i], p_values[i], p)
        for i, ((model, metric), p) in enumerate(zip(pairs, corrected, strict=True))
    ]


def t_test(differences: Values) -> float:
    """P-value of the paired t-test that the mean difference is zero; 1 where it cannot be said.

    Args:
        differences: One difference a user, shape [U].
    """
    spread = differences.std() if len(differences) > 1 else 0.0
    if spread == 0:
        # all users differ by the same; by chance, from two users on, only if that is nothing
        return 0.0 if len(differences) > 1 and differences[0] != 0 else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def wilcoxon_test(differences: Values) -> float:
    """P-value of Wilcoxon's signed-rank test; users without a difference are left out.

    Args:
        differences: One difference a user, shape [U].
    """
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def holm(p_values: Iterable[float]) -> list[float]:
    """Correct p-values for their number by Holm's step-down method.

    With p_(1) <= ... <= p_(m), the corrected p_(i) is max over j <= i of min(1, (m - j + 1) p_(j)).
    The chance that any true "no difference" is rejected stays below the level.

    Args:
        p_values: P-values, in any order.

    Returns:
        The corrected ones, in the same order.

    Source:
        S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    values = np.fromiter(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, factors * values[order]))
    return [float(value) for value in corrected]


def bootstrap_intervals(
    differences: Values, resamples: int = RESAMPLES, confidence: float = CONFIDENCE
) -> tuple[list[float], list[float]]:
    """Percentile intervals of mean differences, users drawn with replacement.

    All columns share the draws, so that one pass serves every model and metric; the seed is fixed.

    Args:
        differences: Shape [U, T].
        resamples: How often U users are drawn.
        confidence: Share of the resampled means inside the interval.

    Returns:
        Lower and upper ends, T of each.
    """
    n_users = len(differences)
    random = np.random.default_rng(SEED)
    step = max(1, BLOCK // n_users)
    means = []
    for start in range(0, resamples, step):
        n = min(step, resamples - start)
        drawn = random.integers(0, n_users, size=(n, n_users)) + np.arange(n)[:, None] * n_users
        times = np.bincount(drawn.ravel(), minlength=n * n_users).reshape(n, n_users)
        means.append(times @ differences / n_users)
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low.tolist(), high.tolist()
