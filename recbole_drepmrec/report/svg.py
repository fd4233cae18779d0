"""Pictures inside the page: SVG that takes its colours and letters from the page around it."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

INK, MUTED, GRID = "#0a0101", "#0a0102", "#0a0103"
"""Colours that ``inline_svg`` replaces by the page's, which has light and dark ones."""

SERIES = tuple(f"#0b01{n:02x}" for n in range(6))
"""Colours of what is compared, replaced likewise; more than these are drawn muted."""

DASHES = ("solid", "dashed", "dashdot", "dotted", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
"""Of the lines, so that colour is not all that tells them apart."""

_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "line"} | {
    colour: f"s{n}" for n, colour in enumerate(SERIES)
}
_SETTINGS: Any = {
    "svg.fonttype": "none",  # letters stay letters
    "svg.hashsalt": "report",  # ids are not drawn at random
    "text.parse_math": False,  # a name may have a dollar sign
    "font.size": 9.5,
    "axes.unicode_minus": True,
}
_POINTS_TO_PIXELS = 96 / 72


@dataclass(frozen=True)
class Panel:
    """One drawing.

    Attributes:
        svg: An ``<svg>`` element.
        title: A few words above it.
        width: Its natural width in pixels.
    """

    svg: str
    title: str
    width: int


@dataclass(frozen=True)
class Key:
    """One entry of a legend.

    Attributes:
        label: What it stands for.
        series: Number of its colour and dashes; None for the muted ones.
        dots: Whether it stands for points rather than for a line.
    """

    label: str
    series: int | None
    dots: bool = False


@dataclass(frozen=True)
class Picture:
    """Drawings that belong together.

    Attributes:
        title: What it shows.
        how: How to read it, in a sentence.
        panels: The drawings.
        legend: What the colours stand for.
    """

    title: str
    how: str
    panels: list[Panel]
    legend: list[Key] = field(default_factory=list)


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure in the page's style and its axes.

    Args:
        width: In inches.
        height: In inches.
    """
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")  # no pyplot: no window
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
        axes.tick_params(colors=MUTED, which="both", length=3)
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.label.set_color(MUTED)
        yield figure, axes


def plain_numbers(axes: Axes, axis: str) -> None:
    """Write a logarithmic axis in plain numbers, as 0.1, 1, 10.

    Args:
        axes: The axes.
        axis: ``x`` or ``y``.
    """
    one = axes.xaxis if axis == "x" else axes.yaxis
    formatter = FuncFormatter(lambda value, _: f"{value:g}")
    one.set_major_locator(LogLocator(subs=(1, 2, 5)))
    one.set_major_formatter(formatter)
    one.set_minor_formatter(FuncFormatter(lambda value, _: ""))


def panel(figure: Figure, title: str, alt: str) -> Panel:
    """Finish a figure of ``drawing``, within its block.

    Args:
        figure: The figure.
        title: A few words above it.
        alt: What it shows, for those who do not see it.
    """
    written = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    width = round(figure.get_figwidth() * 72 * _POINTS_TO_PIXELS)
    return Panel(inline_svg(written.getvalue(), alt), title, width)


def inline_svg(text: str, alt: str) -> str:
    """Turn an SVG file of matplotlib's into an element of a page.

    Nothing in it names an address; its ids are unlike those of any other picture of the page.

    Args:
        text: The file's content.
        alt: What it shows.
    """
    box = re.search(r'viewBox="([^"]+)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    for left_out in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<!--.*?-->"):
        body = re.sub(left_out, "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _themed(tag[0]), _own_ids(body, alt))
    head = f'<svg role="img" viewBox="{box[1] if box else ""}" aria-label="{escape(alt)}">'
    return head + re.sub(r"\n\s*", "\n", body).strip()


def _own_ids(body: str, alt: str) -> str:
    """Keep the ids that are referred to, under names of their own, and drop the others."""
    referred = sorted(set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', body)))
    prefix = hashlib.sha256((alt + body).encode()).hexdigest()[:8]
    names = {name: f"p{prefix}-{number}" for number, name in enumerate(referred)}
    body = re.sub(
        r' id="([^"]+)"', lambda one: f' id="{names[one[1]]}"' if one[1] in names else "", body
    )
    return re.sub(r'(url\(#|xlink:href="#)([^)"]+)', lambda one: one[1] + names[one[2]], body)


def _themed(tag: str) -> str:
    """A tag with the page's colours and letters, and coordinates to a hundredth of a point."""
    tag = re.sub(r"font-family: [^;\"]+;? ?", "", tag)
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", tag)
    for colour, name in _VARIABLES.items():
        tag = tag.replace(colour, f"var(--{name})")
    return tag
