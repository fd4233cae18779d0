"""The sheet that says what a prepared data set holds and where it came from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.features import file_hash
from recbole_drepmrec.data.importers.imported import SPLITS, Imported

DATASHEET = "DATASHEET.md"
"""The sheet's name; a folder without it was not written by an import."""

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class MatrixFacts:
    """What is worth knowing of a feature matrix.

    Attributes:
        rows: Its rows.
        dimensions: Its columns.
        zero_rows: Rows of zeros, which say nothing.
        anisotropy: Mean cosine of all pairs of other rows; None for fewer than two.
    """

    rows: int
    dimensions: int
    zero_rows: int
    anisotropy: float | None


def datasheet(imported: Imported, name: str, folder: Path) -> str:
    """The text of ``DATASHEET.md``; the same data give the same text.

    Args:
        imported: The data as they were written.
        name: The data set's name.
        folder: Where its files are; a ``DATASHEET.md`` there is not looked at.
    """
    facts = {
        modality: matrix_facts(np.load(folder / f"{modality}_feat.npy", mmap_mode="r"))
        for modality in imported.features
    }
    files = sorted(path for path in folder.iterdir() if path.name != DATASHEET)
    hashes = [(path.name, str(path.stat().st_size), file_hash(path)) for path in files]
    parts = [
        f"# {name}\n\nWritten by `recbole-drepmrec prepare`.",
        f"- Source: {_one_line(imported.source)}\n- Licence: {_one_line(imported.licence)}",
        "## Interactions\n\n" + _table(("", "count"), _interaction_rows(imported.interactions)),
    ]
    if facts:
        parts.append("## Features\n\n" + _feature_table(facts, imported) + "\n\n" + _LEGEND)
    if imported.notes:
        notes = "\n".join(f"- {_one_line(note)}" for note in imported.notes)
        parts.append("## What was changed or left out\n\n" + notes)
    parts.append("## Files\n\n" + _table(("file", "bytes", "sha256"), hashes))
    return "\n\n".join(parts) + "\n"


def listed_files(sheet: Path) -> set[str]:
    """Names of the files that a datasheet tells of; none where there is no sheet."""
    if not sheet.is_file():
        return set()
    lines = sheet.read_text(encoding="utf-8")
    return set(re.findall(r"^\| (\S+) \| \d+ \| [0-9a-f]{64} \|$", lines, re.MULTILINE))


_LEGEND = (
    "Items without: items of the interactions that have no row, or a row of zeros. Anisotropy: "
    "mean cosine of all pairs of rows that are not zero; near 0 the rows point everywhere, near 1 "
    "they all point the same way until they are centred."
)


def matrix_facts(values: NDArray[np.float32]) -> MatrixFacts:
    """Size, zero rows and anisotropy of a matrix, in one pass over it.

        anisotropy = (||sum_r u_r||^2 - n) / (n (n - 1)),   u_r the n rows of length one

    Args:
        values: Shape [rows, d_m]; may be memory-mapped.
    """
    total, n = np.zeros(values.shape[1]), 0
    for start in range(0, len(values), BLOCK_ROWS):
        block = np.asarray(values[start : start + BLOCK_ROWS], dtype=np.float64)
        norms = np.linalg.norm(block, axis=1)
        present = norms > 0
        total += (block[present] / norms[present, None]).sum(axis=0)
        n += int(present.sum())
    anisotropy = float((total @ total - n) / (n * (n - 1))) if n > 1 else None
    return MatrixFacts(len(values), values.shape[1], len(values) - n, anisotropy)


def _interaction_rows(frame: pd.DataFrame) -> list[tuple[str, str]]:
    users, items = frame["user_id"].nunique(), frame["item_id"].nunique()
    rows = [
        ("users", f"{users:,}"),
        ("items", f"{items:,}"),
        ("interactions", f"{len(frame):,}"),
        ("sparsity", f"{1 - len(frame) / (users * items):.4%}"),
    ]
    if "split" in frame:
        counts = frame["split"].value_counts()
        rows += [(f"{split} interactions", f"{counts.get(split, 0):,}") for split in SPLITS]
    return rows


def _feature_table(facts: Mapping[str, MatrixFacts], imported: Imported) -> str:
    items = imported.interactions["item_id"].unique()
    rows = []
    for name, fact in facts.items():
        unmatched = len(items) - int(pd.Index(items).isin(imported.features[name].ids).sum())
        anisotropy = "-" if fact.anisotropy is None else f"{fact.anisotropy:.4f}"
        sizes = (fact.dimensions, fact.rows, unmatched + fact.zero_rows)
        rows.append((name, *(f"{size:,}" for size in sizes), anisotropy))
    return _table(("modality", "dimensions", "rows", "items without", "anisotropy"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())
