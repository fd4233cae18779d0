"""What a run gives, and how it is shown."""

from dataclasses import dataclass

from tabulate import tabulate


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Attributes:
        best_valid_score: The validation metric that chose the epoch; None without validation.
        valid_score_bigger: Whether a higher one is better.
        best_valid_result: All validation metrics of the chosen epoch.
        test_result: All test metrics, measured once, of the chosen epoch.
        run: The run's folder.
    """

    best_valid_score: float | None
    valid_score_bigger: bool
    best_valid_result: dict[str, float]
    test_result: dict[str, float]
    run: str


def result_table(result: Result, model: str, dataset: str) -> str:
    """Validation and test metrics of the chosen epoch, a row a metric, as text."""
    splits = (result.best_valid_result, result.test_result)
    names = dict.fromkeys(name for metrics in splits for name in metrics)
    rows = [
        (name, *(f"{metrics[name]:.4f}" if name in metrics else "-" for metrics in splits))
        for name in names
    ]
    chosen = "best epoch by validation" if result.best_valid_result else "last epoch, no validation"
    title = f"{model} on {dataset}, {chosen}"
    table = tabulate(rows, headers=("metric", "validation", "test"), disable_numparse=True)
    return f"\n{title}\n\n{table}\n\nThis run is kept in {result.run}"
