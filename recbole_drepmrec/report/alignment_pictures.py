"""The pictures of the alignment, and its figures."""

import torch
from matplotlib.axes import Axes
from torch import Tensor

from recbole_drepmrec.evaluation.table import Table
from recbole_drepmrec.report.alignment import NEAREST, SAMPLE, Aligned, Pairs
from recbole_drepmrec.report.projection import Method, project
from recbole_drepmrec.report.svg import (
    GRID,
    MUTED,
    SERIES,
    Key,
    Panel,
    Picture,
    drawing,
    panel,
)

DRAWN = 120
"""Users, and items, drawn out of the sample."""

JOINED = 30
"""Of those, the ones whose two points are joined by a line."""

SIZE = (2.9, 2.7)
BEHAVIOR, MODAL, FUSED = 0, 1, 2


def alignment_picture(aligned: Aligned, method: Method) -> Picture:
    """Items and users at the start of training, at its end, and fused.

    Args:
        aligned: One run's sample.
        method: How they are put into a plane.
    """
    panels = []
    for kind in ("items", "users"):
        for when, pairs in (
            ("before training", aligned.start[kind]),
            ("trained", aligned.trained[kind]),
        ):
            panels.append(_two_lines(pairs, f"{kind}, {when}", method))
        panels.append(_fused(aligned.fused[kind], f"{kind}, fused", method))
    named = {"pca": "principal components", "umap": "UMAP"}[method]
    return Picture(
        aligned.model,
        f"Each point is one of {DRAWN} items or users, by {named} of its direction. Thin lines "
        f"join the two points of {JOINED} of them. Each drawing has a plane and a scale of its "
        "own, so lengths in two drawings cannot be compared. Within one, look whether the lines "
        "are short beside the distances of the points; how near the two are in all dimensions is "
        "in the table.",
        panels,
        [
            Key("behavior", BEHAVIOR, dots=True),
            Key("modal", MODAL, dots=True),
            Key("fused", FUSED, dots=True),
        ],
    )


def alignment_table(found: list[Aligned]) -> Table:
    """How near the two representations of the same item, and of the same user, are.

    Args:
        found: Samples of runs.
    """
    rows = []
    for one in found:
        for kind in ("items", "users"):
            for when, pairs in (
                ("before training", one.start[kind]),
                ("trained", one.trained[kind]),
            ):
                rows.append(
                    {
                        "model": one.model,
                        "of": f"{kind}, {when}",
                        "cosine of the same": f"{pairs.cosine:+.3f}",
                        "cosine of others": f"{pairs.cosine_of_others:+.3f}",
                        "found again": f"{pairs.found:.1%}",
                    }
                )
    note = (
        f"Cosine between behavior and modal representation, mean over at most {SAMPLE} items or "
        "users: of the same one, and of two different ones. Found again: the share whose own modal "
        f"representation is among the {NEAREST} nearest to its behavior one; by chance it would be "
        f"{NEAREST / len(found[0].trained['items'].behavior):.1%} of the items. First seed."
    )
    return Table("alignment", "Alignment in figures", rows, [], [note])


def _two_lines(pairs: Pairs, title: str, method: Method) -> Panel:
    behavior, modal = pairs.behavior[:DRAWN], pairs.modal[:DRAWN]
    points = project(torch.cat([behavior, modal]), method)
    n = len(behavior)
    with drawing(*SIZE) as (figure, axes):
        for place in range(min(JOINED, n)):
            ends = points[[place, n + place]].T.tolist()
            axes.plot(*ends, color=MUTED, linewidth=0.5, alpha=0.6)
        _dots(axes, points[:n], BEHAVIOR, "o")
        _dots(axes, points[n:], MODAL, "s")
        _bare(axes)
        alt = f"{title}: mean cosine of the two {pairs.cosine:.2f}, {pairs.found:.0%} found again"
        return panel(figure, title, alt)


def _fused(rows: Tensor, title: str, method: Method) -> Panel:
    points = project(rows[:DRAWN], method)
    with drawing(*SIZE) as (figure, axes):
        _dots(axes, points, FUSED, "D")
        _bare(axes)
        return panel(figure, title, f"{title}: {len(points)} points")


def _dots(axes: Axes, points: Tensor, series: int, marker: str) -> None:
    axes.plot(
        *points.T.tolist(),
        marker,
        color=SERIES[series],
        markersize=3.2,
        markeredgewidth=0,
        alpha=0.75,
    )


def _bare(axes: Axes) -> None:
    """A plane's coordinates mean nothing by themselves."""
    axes.set(xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(True)
    axes.spines[:].set_color(GRID)
