"""The command ``prepare``, from a source to a trained model."""

import subprocess
import sys
from pathlib import Path

import pytest

from recbole_drepmrec.cli import main
from recbole_drepmrec.data.importers import LAYOUTS
from tests.data.importers.sources import WRITERS, numbered

ROOT = Path(__file__).parents[1]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source in the layout csv, in a working folder of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    WRITERS["csv"][1](numbered(), folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_prepares_and_trains(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "csv", str(source), "--name", "tiny"]) == 0
    text = capsys.readouterr().out
    assert "tiny: 60 users, 48 items, 480 interactions" in text
    assert "split: 360 train, 60 valid, 60 test" in text
    assert "wrote dataset/tiny/tiny.train.inter" in text
    assert "wrote properties/dataset/tiny.yaml" in text
    command = text.splitlines()[-1].removeprefix("next: recbole-drepmrec ").split()
    assert command == ["train", "--dataset", "tiny"]
    quick = ["--epochs=1", "--show_progress=False", "--state=error"]
    assert main([*command, *quick]) == 0
    assert "DRepMRec on tiny" in capsys.readouterr().out


def test_out_of_another_folder_and_without_features(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in source.glob("*_feat.npy"):
        file.unlink()
    words = ["csv", str(source / "interactions.csv"), "--name=tiny", "--out", "else where"]
    assert main(["prepare", *words]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "next: cd 'else where' && recbole-drepmrec train --dataset tiny --model LightGCN"
    )
    assert Path("else where/dataset/tiny/DATASHEET.md").is_file()
    assert not Path("dataset").exists()


@pytest.mark.parametrize("words", [["--help"], ["csv", "-h"]])
def test_help_names_every_layout(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", *words]) == 0
    text = capsys.readouterr().out
    for word in ("LAYOUT", "SOURCE", "--name", "--out", *LAYOUTS):
        assert word in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: LAYOUT, SOURCE, --name"),
        (["csv", "source"], "the following arguments are required: --name"),
        (
            ["csv", "source", "--name", "a", "--nmae=b"],
            "'--nmae' is no option; did you mean '--name'?",
        ),
        (["csv", "source", "--nmae=b"], "'--nmae' is no option; did you mean '--name'?"),
        (["--name=a", "--", "csv", "--sauce"], "--sauce does not exist"),
        (["csv", "source", "--name", "a", "b"], "'b' is no option; `--help` lists the options."),
        (["csvv", "source", "--name", "a"], "no layout 'csvv'; did you mean 'csv'?"),
        (["csv", "sauce", "--name", "a"], "sauce does not exist"),
        (["mmrec", "source", "--name", "a"], "expected an MMRec file NAME.inter"),
        (["csv", "source", "--name", "a/b"], "at most 100 letters, digits, _, - and dots"),
        (["csv", "source", "--name", "x" * 300], "at most 100 letters, digits, _, - and dots"),
        (["amazon", "source", "--name=a/b", "--download=Baby"], "the name is 'a/b'"),
        (["csv", "source", "--name", "ml-100k-mm"], "is the name of a built-in data set"),
        (["csv", "source", "--name", "a", "--out", "source/interactions.csv"], "cannot write"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    source: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["prepare", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not Path("dataset").exists()


def test_as_a_program(source: Path) -> None:
    """In a process of its own, as users start it: exit code and streams."""
    program = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"
    (source / "interactions.csv").write_text("user,item\n1,\n")
    finished = subprocess.run(
        [sys.executable, "-c", program, "prepare", "csv", str(source), "--name=a"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: the interactions' item_id has the value ''")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["csv", "--download", "Baby"], "for the layouts amazon and movielens only, not for csv"),
        (["amazon", "--download", "Toys"], "expected one of Baby, Sports_and_Outdoors"),
        (["movielens", "--download", "20m"], "expected one of 100k, 1m"),
    ],
)
def test_what_cannot_be_downloaded(
    source: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    layout, *rest = words
    assert main(["prepare", layout, str(source), "--name", "tiny", *rest]) == 2
    assert message in capsys.readouterr().err
    assert not Path("dataset").exists()


def test_a_validation_part_is_drawn(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = source / "interactions.csv"
    table.write_text(table.read_text().replace("valid", "train"))
    words = ["prepare", "csv", str(source), "--name", "tiny"]
    assert main(words) == 2
    assert "the split 'valid' has no interactions; give --valid_share" in capsys.readouterr().err
    assert main([*words, "--valid_share=0.1"]) == 0
    text = capsys.readouterr().out
    assert "split: 378 train, 42 valid, 60 test" in text
    assert "note: 42 of 420 training interactions were drawn for validation" in text
    assert main([*words, "--valid_share", "x"]) == 2
    assert "invalid float value: 'x'" in capsys.readouterr().err
