"""``recbole-drepmrec tune`` in real processes: finished, killed, joined, mistaken."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from recbole_drepmrec.cli import main
from recbole_drepmrec.config import Config
from recbole_drepmrec.prepared import prepare
from recbole_drepmrec.quick_start import run_recbole
from recbole_drepmrec.training import train
from recbole_drepmrec.tuning.record import read_record
from recbole_drepmrec.tuning.results import load_results
from tests.command_lines import with_words
from tests.datasets import DatasetFiles, clustered
from tests.test_compare import prepare_folder, wait_for

ROOT = Path(__file__).parents[1]
SPACE = "learning_rate loguniform -9,-3\nn_layers choice [1, 2, 3]\nreg_weight choice [0.0, 1e-4]\n"


def words(*more: str, trials: int = 4, out: str = "out") -> list[str]:
    usual = [
        "tune",
        "--model=LightGCN",
        "--dataset=tiny",
        f"--trials={trials}",
        f"--out={out}",
        "--space=space.hyper",
        "--config_files=settings.yaml",
        "--jobs=1",
    ]
    return with_words(usual, *more)


def working_folder(folder: Path) -> Path:
    prepare_folder(folder)
    (folder / "space.hyper").write_text(SPACE)
    return folder


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def finished(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a study of four trials."""
    folder = working_folder(tmp_path_factory.mktemp("tune"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(words()) == 0
    return folder


@pytest.fixture
def folder(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished)
    return finished


def trials(out: Path) -> list[dict[str, str]]:
    """Rows of ``trials.csv`` without times and names of folders."""
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: row[key] for key in row if key not in ("seconds", "run")} for row in rows]


def test_what_a_study_leaves(folder: Path) -> None:
    results = load_results(folder / "out")
    assert [one.end for one in results.trials] == ["finished"] * 4
    assert results.trials[0].is_default
    assert results.trials[0].setting == {"learning_rate": 0.001, "n_layers": 2, "reg_weight": 1e-5}
    assert all(len(one.scores) == 2 for one in results.trials)
    assert results.best is not None
    assert results.best.score == max(max(one.scores) for one in results.trials)
    assert len(trials(folder / "out")) == 4
    assert (folder / "out" / "tune.html").is_file()
    for one in results.trials:
        run = folder / "out" / one.run
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert [line["valid"]["ndcg@5"] for line in lines] == one.scores
        assert json.loads((run / "config.json").read_text())["n_layers"] == one.setting["n_layers"]
        assert json.loads((run / "run.json").read_text())["result"]["test_result"] == {}


def test_the_best_setting_gives_the_best_score_again(folder: Path) -> None:
    results = load_results(folder / "out")
    assert results.best is not None
    again = run_recbole("LightGCN", "tiny", ["out/best.yaml"], {"state": "error"})
    assert again.best_valid_score == results.best.score
    given = yaml.safe_load(Path("out/best.yaml").read_text())
    assert given["split_seed"] == 2020
    assert given["epochs"] == 2


def test_again_adds_nothing_and_more_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trials(folder / "out")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)  # nothing may start
        assert main(words()) == 0
    assert trials(folder / "out") == before
    printed = capsys.readouterr().out
    assert "Best of 4 trials by validation ndcg@5" in printed
    assert "recbole-drepmrec train --model=LightGCN --dataset=tiny" in printed


def test_the_test_data_plays_no_part(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other test interactions the same trials have the same scores."""
    files = clustered()
    others = [(f"u{59 - int(user[1:])}", item) for user, item in files.test]
    working_folder(tmp_path)
    lines = ["user_id:token\titem_id:token", *(f"{user}\t{item}" for user, item in others)]
    (tmp_path / "dataset" / "tiny" / "tiny.test.inter").write_text("\n".join(lines) + "\n")
    assert isinstance(files, DatasetFiles)
    monkeypatch.chdir(tmp_path)
    assert main(words()) == 0
    assert trials(tmp_path / "out") == trials(folder / "out")
    sha256 = [read_record(one / "out") for one in (folder, tmp_path)]
    assert sha256[0] is not None
    assert sha256[1] is not None
    assert sha256[0].settings_sha256 != sha256[1].settings_sha256


def test_training_never_opens_the_test_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = read_record(folder / "out")
    assert record is not None
    prepared = prepare(Config(config_dict={**record.settings, "state": "error"}))
    kind = type(prepared.test_data)
    read: list[bool] = []
    original = kind.__iter__

    def watched(loader: Any) -> Any:
        read.append(loader is prepared.test_data)
        return original(loader)

    monkeypatch.setattr(kind, "__iter__", watched)
    scores: list[float] = []
    result = train(prepared, lambda score, run: not scores.append(score))  # type: ignore[func-returns-value]
    assert read == [False, False]  # validation, twice
    assert result.test_result == {}
    assert result.best_valid_score == max(scores)
    assert not list(Path(result.run).glob("checkpoint*"))


def test_a_trial_can_be_ended_early(folder: Path) -> None:
    record = read_record(folder / "out")
    assert record is not None
    values = {**record.settings, "state": "error", "epochs": 9}
    result = train(prepare(Config(config_dict=values)), lambda score, run: False)
    assert len((Path(result.run) / "metrics.jsonl").read_text().splitlines()) == 1
    assert json.loads((Path(result.run) / "run.json").read_text())["status"] == "finished"
    assert result.best_valid_score is not None


def test_a_setting_that_diverges_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(working_folder(tmp_path))
    (tmp_path / "space.hyper").write_text("learning_rate choice [0.001, 1e30]\n")
    assert main(words("--epochs=5")) == 0
    captured = capsys.readouterr()
    assert "trial 1: failed: the training loss became nan" in captured.err
    assert "Best of 2 trials" in captured.out
    assert [row["end"] for row in trials(tmp_path / "out")] == ["finished", "failed"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model=LightGNC"], "did you mean 'LightGCN'?"),
        (["--dataset=tinny"], "no data set 'tinny'; did you mean 'tiny'?"),
        (["--trials=0"], "--trials is 0, expected 1 or more"),
        (["--engine=spark"], "argument --engine: invalid choice: 'spark'"),
        (["--ray_address=auto"], "--ray_address is for --engine=ray"),
        (["--jobs=0"], "--jobs is 0, expected 1 or more"),
        (["--epohcs=2"], "did you mean 'epochs'?"),
        (["--trial=3"], "no option or configuration key 'trial'; did you mean 'trials'?"),
        (["--epochs=0"], "`epochs` is 0, so nothing is validated"),
        (["--eval_step=0"], "`eval_step` is 0, so nothing is validated"),
        (["--space=none.hyper"], "the search space none.hyper cannot be read"),
        (["--space=settings.yaml"], "settings.yaml: `benchmark_filename:` is too short"),
        (["--model=Pop", "--space=space.hyper"], "`n_layers`, which is no key of Pop"),
        (["--learning_rate=1", "--n_layers=1", "--reg_weight=0"], "is empty: the command fixes"),
        (["--checkpoint_dir=x"], "--checkpoint_dir cannot be given here"),
        (["--out=dataset"], "dataset is there and holds no study"),
        (["--topk=[500]", "--valid_metric=NDCG@500"], "the data set has 48 items"),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(working_folder(tmp_path))
    assert main(words(*more)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "out" / "study.json").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model=BPR", "--space=bpr.hyper"], "its model is LightGCN, now BPR"),
        (["--epochs=3"], "`epochs` was 2 and is now 3"),
        (["--seed=1"], "`seed` was 2020 and is now 1"),
        (["--space=bpr.hyper"], "its space is"),
        (["--no_stopping"], "its first comparison of trials is 10, now None"),
    ],
)
def test_a_folder_of_another_study_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    (folder / "bpr.hyper").write_text("learning_rate choice [0.1]\n")
    assert main(words(*more)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: out holds another study: ")
    assert error.count("\n") == 1
    assert message in error


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--help"]) == 0
    assert "--trials" in capsys.readouterr().out


PROGRAM = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"


def start(folder: Path, *more: str, trials: int = 6) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words(*more, trials=trials)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_and_run_again_gives_the_same(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in a trial after the second: it is tried again, those before are not."""
    whole = working_folder(tmp_path_factory.mktemp("whole"))
    more = ("--epochs=60", "--stopping_step=60")  # long enough to be met in the middle
    monkeypatch.chdir(whole)
    assert main(words(*more, trials=6)) == 0
    monkeypatch.chdir(working_folder(tmp_path))
    process = start(tmp_path, *more)
    runs = tmp_path / "out" / "runs"
    wait_for(lambda: len(list(runs.glob("*/metrics.jsonl"))) == 3, seconds=900)
    children = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    wait_for(lambda: not any(child.is_running() for child in children), seconds=60)
    before = [one for one in load_results(tmp_path / "out").trials if one.is_over]
    assert [one.number for one in before] == [0, 1]
    assert main(words(*more, trials=6)) == 0
    assert trials(tmp_path / "out") == trials(whole / "out")
    after = load_results(tmp_path / "out").trials
    assert after[:2] == before  # their run folders and seconds too
    assert len(list(runs.glob("*"))) == 7  # the one that was cut off, too


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_setting_whose_process_is_killed_twice_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(working_folder(tmp_path))
    process = start(tmp_path, "--epochs=60", "--stopping_step=60", trials=3)
    runs = tmp_path / "out" / "runs"
    for number in (2, 3):  # both attempts at the second trial
        wait_for(lambda n=number: len(list(runs.glob("*/metrics.jsonl"))) == n, seconds=900)
        child = psutil.Process(process.pid).children()[0]
        child.kill()
        child.wait(60)
    assert process.wait(timeout=900) == 0
    results = load_results(tmp_path / "out")
    assert [one.end for one in results.trials] == ["finished", "failed", "finished"]
    assert "2 attempts were cut off: the process was ended by signal 9" in results.trials[1].reason


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_second_command_joins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands with two processes each share six trials."""
    monkeypatch.chdir(working_folder(tmp_path))
    both = [start(tmp_path, "--jobs=2", "--epochs=30") for _ in range(2)]
    assert [process.wait(timeout=1500) for process in both] == [0, 0]
    results = load_results(tmp_path / "out")
    assert len(results.trials) == len(list((tmp_path / "out" / "runs").iterdir())) == 6
    assert all(one.is_over for one in results.trials)
    assert len({json.dumps(one.setting) for one in results.trials}) == 6
    assert len(trials(tmp_path / "out")) == 6
