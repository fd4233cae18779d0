"""The command line: options, help, and that a mistake is one message with exit code 2."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import recbole_drepmrec
from recbole_drepmrec.arguments import Parser, add_config_files, config_files, key_values, names
from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from tests.datasets import clustered

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--epochs=3"], {"epochs": "3"}),
        (["--epochs", "3", "--gate=own"], {"epochs": "3", "gate": "own"}),
        (["--learning_rate", "-1"], {"learning_rate": "-1"}),
        (["--name=a=b"], {"name": "a=b"}),
        (["--seed=1", "--seed=1"], {"seed": "1"}),
        ([], {}),
    ],
)
def test_both_ways_of_writing_a_key(words: list[str], values: dict[str, Any]) -> None:
    assert key_values(words) == values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["epochs=3"], "'epochs=3' is no option"),
        (["--epochs"], "--epochs has no value"),
        (["--epochs", "--seed=1"], "--epochs has no value"),
        (["--seed=1", "--seed=2"], "--seed is given twice, as '1' and as '2'"),
        (["-e", "3"], "'-e' is no option"),
    ],
)
def test_malformed_keys_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        key_values(words)


def test_config_files_may_stand_in_one_word() -> None:
    parser = Parser()
    add_config_files(parser, "settings")
    options = parser.parse_args(["--config_files", "a.yaml b.yaml", "c.yaml"])
    assert config_files(options) == ["a.yaml", "b.yaml", "c.yaml"]


def test_names_that_are_missing_are_said_to_be() -> None:
    with pytest.raises(UserError, match=r"^--datasets is missing, expected different names"):
        names(None, "datasets", "ml-100k-mm")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--model=BPR", "--model=BPR"], "--model/-m is given twice, BPR and BPR; give"),
        (["train", "-m", "BPR", "--model=LightGCN"], "--model/-m is given twice, BPR and LightGCN"),
        (["train", "-mBPR", "-mLightGCN"], "--model/-m is given twice"),
        (["train", "--nproc=1", "--nproc=2"], "--nproc is given twice, 1 and 2; give it once."),
        (
            ["train", "--config_files", "a.yaml", "--config_files=b.yaml"],
            "is given twice, ['a.yaml'] and ['b.yaml']; give it once with all values after it.",
        ),
        (
            ["tune", "--trials=1", "--trials", "2"],
            "--trials is given twice, 1 and 2; give it once.",
        ),
        (
            ["recommend", "saved/a", "--out=a", "--out=b", "--", "--c"],
            "--out is given twice, a and b; give it once.",
        ),
        (["train", "--model="], "--model/-m: it is empty; name one, or leave the option out"),
        (["train", "--resume="], "--resume: it is empty"),
        (["train", "--dataset", ""], "--dataset/-d: it is empty"),
        (["train", "--config_files="], "--config_files: it is empty"),
        (["train", "--model=BPR", "--config_files"], "--config_files: expected at least one"),
        (["extract", "shop", "--config_files="], "--config_files: it is empty"),
        (["compare", "--models=BPR", "--out="], "--out: it is empty"),
        (["tune", "--out="], "--out: it is empty"),
        (["tune", "--dataset="], "--dataset/-d: it is empty"),
        (["ablate", "-d", ""], "--dataset/-d: it is empty"),
        (["compare", "--modles=BPR"], "--models=BPR,LightGCN. Did you mean it by --modles?"),
        (["compare", "--models=BPR", "--datset=a"], "ml-100k-mm. Did you mean it by --datset?"),
        (["compare", "--epochs=3"], "--models is missing, expected different names"),
    ],
)
def test_options_given_twice_or_emptily_or_misspelt_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_help_may_be_asked_for_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help", "-h"]) == 0
    assert "--config_files" in capsys.readouterr().out


def test_words_after_the_dashes_are_no_options() -> None:
    parser = Parser()
    parser.add_argument("--top")
    parser.add_argument("names", nargs="*")
    assert parser.parse_args(["--top=1", "--", "--top=2"]).names == ["--top=2"]


def test_help_lists_models_and_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--nproc", "--config_files", "DRepMRec", "LightGCN", "ml-100k-mm"):
        assert word in text


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small data set, its settings in a file, in a working folder of its own."""
    settings = clustered().write(tmp_path / "dataset")
    del settings["dataset"]
    settings["data_path"] = "dataset"
    settings["checkpoint_dir"] = "saved"
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(tmp_path)
    return file


def test_trains_and_shows_a_table(settings_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-d", "tiny", "--config_files", str(settings_file), "--epochs", "2"]) == 0
    text = capsys.readouterr().out
    assert "DRepMRec on tiny" in text
    assert "recall@5" in text
    run = next((settings_file.parent / "saved").iterdir())
    assert {"run.json", "config.json", "metrics.jsonl", "checkpoint.safetensors"} <= {
        path.name for path in run.iterdir()
    }


def test_console_command_trains_too(settings_file: Path) -> None:
    words = ["-d", "tiny", "-m", "BPR", "--config_files", str(settings_file), "--epochs=1"]
    assert main(["train", *words]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model=LightGNC"], "no model 'LightGNC'; did you mean 'LightGCN'?"),
        (["--dataset=tinny"], "no data set 'tinny'; did you mean 'tiny'?"),
        (["-d", "tiny", "--embeding_size=8"], "did you mean 'embedding_size'?"),
        (["-d", "tiny", "--gate=ajar"], "`gate` is 'ajar'"),
        (["-d", "tiny", "--nproc=two"], "argument --nproc: invalid int value: 'two'"),
        (["-d", "tiny", "--use_modalities=[smell]"], "expected a list of names out of"),
        (["-d", "tiny", "--modalities={smell: {file: smell.npy}}"], "smell.npy does not exist"),
        (["-d", "tiny", "--modalities={smell: 3}"], "modality 'smell' is configured as 3"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    settings_file: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert main(["train", *words, "--config_files", str(settings_file)]) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in captured.err
    assert not (settings_file.parent / "saved").exists()


def test_diverging_training_is_a_message(
    settings_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-d", "tiny", "--config_files", str(settings_file), "--learning_rate=1e30"]
    assert main(["train", *words, "--epochs=5"]) == 2
    assert "lower --learning_rate" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["run_recbole.py", "-m"])
def test_as_a_program(settings_file: Path, script: str) -> None:
    """In a process of its own, as users start it: exit code and streams."""
    start = (
        [str(ROOT / script)]
        if script.endswith(".py")
        else ["-c", "import sys; from recbole_drepmrec.cli import main; sys.exit(main())", "train"]
    )
    finished = subprocess.run(
        [sys.executable, *start, "--model=Lightgcn"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: there is no model 'Lightgcn'; did you mean")
    assert "`recbole-drepmrec train --help` lists them" in finished.stderr  # in a wheel too
    assert finished.stderr.count("\n") == 1


def test_outside_of_the_environment_it_says_where_the_packages_are() -> None:
    """What happens to who has run `make run` and not activated what it set up."""
    finished = subprocess.run(
        [sys.executable, "-S", str(ROOT / "run_recbole.py")],  # no site-packages
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.startswith("error: the package '")
    assert "`source .venv/bin/activate`" in finished.stderr
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "there is no command 'nonsense'; there are: train, prepare, extract,"),
        (["trian", "--model=BPR"], "there is no command 'trian'; did you mean 'train'?"),
        ([], "no command was given; there are: train, prepare, extract, info"),
    ],
)
def test_an_unknown_command_is_one_message(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"recbole-drepmrec {recbole_drepmrec.__version__}\n"


@pytest.mark.parametrize(
    ("words", "stopped"),
    [
        (["compare", "--models=Pop", "--datasets=tiny"], "recbole_drepmrec.compare.run_unfinished"),
        (["tune", "--dataset=tiny"], "recbole_drepmrec.tuning.processes.search"),
    ],
)
def test_ctrl_c_says_that_the_same_command_goes_on(
    settings_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    stopped: str,
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, interrupted)
    assert main([*words, "--config_files", str(settings_file)]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "interrupted; the same command, given again, goes on where it was."
