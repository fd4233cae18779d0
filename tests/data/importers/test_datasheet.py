"""The sheet's numbers, worked out by hand or the plain way."""

import hashlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recbole_drepmrec.data.importers import datasheet
from recbole_drepmrec.data.importers.datasheet import MatrixFacts, matrix_facts
from recbole_drepmrec.data.importers.imported import FeatureTable, Imported
from recbole_drepmrec.data.importers.write import write_dataset


def test_anisotropy_of_three_rows_by_hand() -> None:
    # Cosines: 0 between the axes, 1/sqrt(2) from each axis to the diagonal; the zero row is none.
    rows = np.array([[2, 0], [0, 5], [0, 0], [3, 3]], dtype=np.float32)
    facts = matrix_facts(rows)
    assert facts == MatrixFacts(4, 2, 1, pytest.approx(2 / np.sqrt(2) / 3))


@pytest.mark.parametrize("block", [1, 3, 4096])
@pytest.mark.parametrize("shift", [0.0, 50.0])
def test_anisotropy_is_the_mean_cosine_of_all_pairs(
    block: int, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasheet, "BLOCK_ROWS", block)
    rows = (np.random.default_rng(1).normal(size=(20, 5)) + shift).astype(np.float32)
    cosines = [
        float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in combinations(rows.astype(np.float64), 2)
    ]
    assert matrix_facts(rows).anisotropy == pytest.approx(np.mean(cosines), abs=1e-12)


def test_fewer_than_two_rows_have_no_anisotropy() -> None:
    assert matrix_facts(np.array([[1, 2]], dtype=np.float32)).anisotropy is None


def test_the_sheet_of_a_small_data_set(tmp_path: Path) -> None:
    rows = [("a", "1", "train"), ("a", "2", "valid"), ("b", "3", "test"), ("b", "1", "train")]
    imported = Imported(
        pd.DataFrame(rows, columns=["user_id", "item_id", "split"]),
        {"text": FeatureTable(["1", "2"], np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))},
        source="somewhere",
        licence="CC BY\n4.0",
        notes=["something was left out"],
    )
    folder = write_dataset(imported, "small", tmp_path).folder
    text = (folder / "DATASHEET.md").read_text()
    for line in (
        "# small",
        "- Source: somewhere",
        "- Licence: CC BY 4.0",
        "| users | 2 |",
        "| items | 3 |",
        "| interactions | 4 |",
        "| sparsity | 33.3333% |",
        "| train interactions | 2 |",
        "| valid interactions | 1 |",
        "| test interactions | 1 |",
        "| text | 3 | 2 | 2 | - |",  # items 2 (zeros) and 3 (no row) are without
        "- something was left out",
    ):
        assert line in text.splitlines()
    for file in folder.iterdir():
        if file.name != "DATASHEET.md":
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert f"| {file.name} | {file.stat().st_size} | {digest} |" in text.splitlines()
