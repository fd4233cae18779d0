"""Whole ablations by the command line, in real processes."""

import csv
from pathlib import Path

import pytest

from recbole_drepmrec.cli import main
from recbole_drepmrec.evaluation.records import JobKey
from recbole_drepmrec.evaluation.store import load_comparison
from tests.command_lines import with_words
from tests.test_compare import prepare_folder, written

WORDS = ["ablate", "--dataset=tiny", "--config_files=settings.yaml", "--out=out", "--epochs=1"]


@pytest.mark.slow
def test_one_command_gives_a_row_for_every_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(with_words(WORDS, "--seeds=1")) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(table) == 1 + 16  # the head, the full model, and 15 without or with a part
    comparison = load_comparison(Path("out"))
    assert comparison.request.reference == "full model"
    assert len(comparison.results) == 16
    without = comparison.results[JobKey("tiny", "without modality image", 1)]
    assert without.model == "DRepMRec"
    with Path("out/tables/tiny-ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == set(comparison.request.models) - {"full model"}
    before = written(tmp_path)
    assert main(with_words(WORDS, "--seeds=1")) == 0
    assert written(tmp_path) == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--use_modal_line=False", "`use_modal_line` is False; leave both True"),
        ("--seeds=x", "--seeds is 'x'"),
        ("--jobs=0", "--jobs is 0, expected 1 or more"),
        ("--model=BPR", "--model cannot be given"),
        ("--dataset=tinny", "there is no data set 'tinny'; did you mean 'tiny'?"),
        ("--intra_weigh=1", "did you mean 'intra_weight'"),
        (
            "--variants=without BMX",
            "no variant 'without BMX'; it has: without BMA, without intra-alignment",
        ),
        ("--variants=without BMA,", "expected different names with commas between them"),
        (
            "--variants=full model",
            "--variants is 'full model' alone, expected some of: without BMA",
        ),
        ("--varians=without BMA", "did you mean 'variants'"),
    ],
)
def test_mistakes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: str,
    message: str,
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(with_words(WORDS, more)) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.slow
def test_some_of_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has them and no others, those of an earlier command left out."""
    monkeypatch.chdir(prepare_folder(tmp_path))
    for variants, names in [
        ("without SSS", ["full model", "without SSS"]),
        ("without item graph,without BMA", ["full model", "without BMA", "without item graph"]),
    ]:
        assert main(with_words(WORDS, "--seeds=1", f"--variants={variants}")) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
        assert [line.split(" | ")[0].strip("| ") for line in lines[1:]] == names


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "--help"]) == 0
    assert "--dataset" in capsys.readouterr().out
