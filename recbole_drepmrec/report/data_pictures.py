"""Pictures of a data set, as PNG files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recbole_drepmrec.files import atomic_file

SIZE = (6.4, 4.0)  # inches
DPI = 150


def draw_long_tail(counts: Mapping[str, NDArray[np.int64]], path: Path) -> None:
    """Interactions of each user and item, most first, on logarithmic axes.

    Args:
        counts: Who is counted (users, items) to their numbers of interactions.
        path: The PNG file.
    """
    figure, axes = _figure("Long tail", "rank", "training interactions")
    for who, numbers in counts.items():
        ordered = np.sort(numbers[numbers > 0])[::-1]
        axes.loglog(np.arange(1, len(ordered) + 1), ordered, label=f"{len(ordered):,} {who}")
    axes.legend()
    _save(figure, path)


def draw_cosines(cosines: Mapping[str, NDArray[np.float32]], path: Path) -> None:
    """Distribution of the cosine between two random items, a line a modality.

    Args:
        cosines: Modality to cosines of random pairs.
        path: The PNG file.
    """
    figure, axes = _figure("Cosine of two random items", "cosine", "density")
    for modality, values in cosines.items():
        axes.hist(values, bins=80, range=(-1, 1), density=True, histtype="step", label=modality)
    axes.legend()
    _save(figure, path)


def draw_signal(ratios: Mapping[str, float], path: Path) -> None:
    """How much more often feature neighbours are taken together than random pairs, a bar each.

    Args:
        ratios: Modality to ``Signal.ratio``.
        path: The PNG file.
    """
    title = "Taken together: feature neighbours against random pairs"
    figure, axes = _figure(title, "ratio (1: the modality says nothing)", "")
    axes.barh(list(ratios), list(ratios.values()))
    axes.axvline(1, color="black", linewidth=1)
    _save(figure, path)


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")  # no pyplot: no window, no global state
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png", metadata={"Software": None})
