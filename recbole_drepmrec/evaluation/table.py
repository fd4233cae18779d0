"""A table in three forms: Markdown and LaTeX to be read, CSV to be computed with."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from recbole_drepmrec.files import atomic_file

SUFFIXES = ("md", "csv", "tex")
"""Of the files of a table."""

NOTHING = "-"
"""Stands where there is no result."""


@dataclass(frozen=True)
class Table:
    """Rows of texts to be read, and the same as numbers.

    Attributes:
        name: Name of its files.
        title: A line above it.
        rows: Column to text, for each row; all rows have the same columns.
        values: Column to value, for each row of the CSV.
        notes: Sentences below it.
    """

    name: str
    title: str
    rows: list[dict[str, str]]
    values: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The table as Markdown."""
        parts = [f"### {self.title}", self._tabulated("github"), *self.notes]
        return "\n\n".join(parts)

    def latex(self) -> str:
        """The table as LaTeX, for the package booktabs."""
        comments = [f"% {line}" for line in (self.title, *self.notes)]
        return "\n".join([*comments, self._tabulated("latex_booktabs")])

    def csv(self) -> str:
        """The values as CSV, with a line of column names."""
        return str(pd.DataFrame(self.values).to_csv(index=False, lineterminator="\n"))

    def _tabulated(self, form: str) -> str:
        header = list(self.rows[0]) if self.rows else ["nothing to show"]
        cells = [list(row.values()) for row in self.rows]
        aligned = ["left", *["right"] * (len(header) - 1)]
        return tabulate(cells, header, tablefmt=form, disable_numparse=True, colalign=aligned)

    def write(self, folder: Path) -> list[Path]:
        """Write ``NAME.md``, ``NAME.csv`` and ``NAME.tex``, and return their paths.

        Args:
            folder: Where they go.

        Raises:
            UserError: A file cannot be written.
        """
        texts = (self.markdown() + "\n", self.csv(), self.latex() + "\n")
        paths = [folder / f"{self.name}.{suffix}" for suffix in SUFFIXES]
        for path, text in zip(paths, texts, strict=True):
            with atomic_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")
        return paths


def mean_and_deviation(numbers: list[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation over seeds; None for the deviation of one number."""
    deviation = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
    return float(np.mean(numbers)), deviation


def plus_minus(numbers: list[float], decimals: int = 4) -> str:
    """``mean ± deviation``, the mean alone of one number, a dash of none."""
    if not numbers:
        return NOTHING
    mean, deviation = mean_and_deviation(numbers)
    text = f"{mean:.{decimals}f}"
    return text if deviation is None else f"{text} ± {deviation:.{decimals}f}"
