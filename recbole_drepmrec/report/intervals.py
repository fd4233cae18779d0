"""The picture of differences from the reference, with their intervals."""

from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.quality_tables import LEVEL
from recbole_drepmrec.evaluation.statistics import Difference
from recbole_drepmrec.report.svg import INK, MUTED, Panel, Picture, drawing, panel


def intervals(analysis: Analysis, models: list[str] | None = None) -> Picture | None:
    """Each model's mean difference from the reference; None if there is none.

    Args:
        analysis: One data set's runs.
        models: Those to be drawn, in this order; None for all.
    """
    order = list(analysis.runs) if models is None else models
    metrics = [metric for metric in analysis.metrics if metric.endswith(f"@{analysis.k}")]
    panels = []
    for metric in metrics:
        found = {one.model: one for one in analysis.differences if one.metric == metric}
        drawn = [found[model] for model in order if model in found]
        panels += [_panel(drawn, metric)] if drawn else []
    if not panels:
        return None
    return Picture(
        f"Differences from {analysis.reference}",
        f"Each point is a model's mean difference from {analysis.reference} over users, the bar "
        "its 95 % bootstrap interval. Right of the line is better; a filled point is significant "
        f"(p < {LEVEL} after Holm's correction), a hollow one is not. The bars are not corrected "
        "for the number of tests, so a bar beside the line can belong to a hollow point.",
        panels,
    )


def _panel(drawn: list[Difference], metric: str) -> Panel:
    with drawing(4.2, 0.8 + 0.26 * len(drawn)) as (figure, axes):
        for place, one in enumerate(reversed(drawn)):
            axes.plot([one.low, one.high], [place, place], color=INK, linewidth=1.2)
            sure = one.p_holm < LEVEL
            fill = INK if sure else "none"
            axes.plot(one.mean, place, "o", color=INK, markerfacecolor=fill, markersize=5)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_yticks(range(len(drawn)), [_short(one.model) for one in reversed(drawn)])
        axes.set_ylim(-0.6, len(drawn) - 0.4)
        axes.set_xlabel(f"difference in test {metric}")
        axes.grid(visible=False, axis="y")
        axes.locator_params(axis="x", nbins=5)
        said = "; ".join(
            f"{one.model} {one.mean:+.4f}, {one.low:+.4f} to {one.high:+.4f}" for one in drawn
        )
        return panel(figure, metric, f"Difference in test {metric}: {said}")


def _short(name: str, length: int = 26) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
