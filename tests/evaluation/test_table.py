"""How numbers are written."""

import csv
from pathlib import Path

import pytest

from recbole_drepmrec.evaluation.table import Table, plus_minus

TABLE = Table(
    "tiny-ranking",
    "tiny: ranking",
    [{"model": "A_1", "recall@5": "0.5000 ± 0.1000†"}, {"model": "B", "recall@5": "-"}],
    [{"model": "A_1", "mean": 1 / 3}],
    ["A note."],
)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], "-"),
        ([0.25], "0.2500"),
        ([0.1, 0.3], "0.2000 ± 0.1414"),
        ([0.5, 0.5], "0.5000 ± 0.0000"),
    ],
)
def test_mean_and_deviation(numbers: list[float], text: str) -> None:
    assert plus_minus(numbers) == text


def test_forms_of_a_table(tmp_path: Path) -> None:
    paths = TABLE.write(tmp_path / "tables")
    assert [path.name for path in paths] == [f"tiny-ranking.{s}" for s in ("md", "csv", "tex")]
    markdown, _, latex = (path.read_text(encoding="utf-8") for path in paths)
    assert markdown.splitlines()[:3] == [
        "### tiny: ranking",
        "",
        "| model   |         recall@5 |",
    ]
    assert markdown.endswith("| B       |                - |\n\nA note.\n")
    assert r"A\_1" in latex
    assert r"\toprule" in latex
    assert latex.startswith("% tiny: ranking\n% A note.\n")


def test_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    _, path, _ = TABLE.write(tmp_path)
    with path.open(newline="") as file:
        assert [float(row["mean"]) for row in csv.DictReader(file)] == [1 / 3]


def test_a_table_may_be_empty() -> None:
    assert "nothing to show" in Table("x", "x", [], []).markdown()
