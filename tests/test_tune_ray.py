"""``tune --engine=ray`` on a cluster of this machine: finished, killed, mistaken."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
import yaml

from recbole_drepmrec.cli import main
from recbole_drepmrec.evaluation.schedule import Machine
from recbole_drepmrec.tuning.results import load_results
from tests.test_compare import wait_for
from tests.test_tune import start, trials, words, working_folder

ray = pytest.importorskip("ray", reason="needs the extra ray")

from recbole_drepmrec.tuning.ray_engine import cluster  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]


def test_the_trials_are_those_of_the_other_engine(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped ones too: with one job, the same settings, scores and ends."""
    more = ("--epochs=4", "--stopping_step=1")
    folders = [working_folder(tmp_path_factory.mktemp(engine)) for engine in ("local", "ray")]
    for folder in folders:
        monkeypatch.chdir(folder)
        assert main(words(*more, f"--engine={folder.name[:-1]}", trials=5)) == 0
    local, ray = (load_results(folder / "out") for folder in folders)
    assert trials(folders[1] / "out") == trials(folders[0] / "out")
    assert ray.of("stopped")
    best = [yaml.safe_load((folder / "out" / "best.yaml").read_text()) for folder in folders]
    assert best[0] == best[1]
    assert [one.scores for one in ray.trials] == [one.scores for one in local.trials]
    for one in ray.trials:
        run = folders[1] / "out" / one.run
        assert json.loads((run / "run.json").read_text())["status"] == "finished"
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert [line["valid"]["ndcg@5"] for line in lines] == one.scores


def test_a_killed_command_goes_on_and_a_killed_trial_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is killed in the first trial, and then that trial's process alone."""
    monkeypatch.chdir(working_folder(tmp_path))
    more = ("--engine=ray", "--epochs=200", "--stopping_step=200")
    runs = tmp_path / "out" / "runs"
    process = start(tmp_path, *more, trials=2)
    wait_for(lambda: len(list(runs.glob("*/metrics.jsonl"))) == 1, seconds=600)
    others = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    wait_for(lambda: not any(one.is_running() for one in others), seconds=120)

    process = start(tmp_path, *more, trials=2)
    wait_for(lambda: len(list(runs.glob("*/metrics.jsonl"))) == 2, seconds=600)
    every = psutil.Process(process.pid).children(recursive=True)
    next(one for one in every if "RayTrial" in " ".join(one.cmdline())).kill()
    assert process.wait(timeout=900) == 0
    results = load_results(tmp_path / "out")
    assert [one.end for one in results.trials] == ["finished"] * 2
    assert len(list(runs.iterdir())) == 1 + 1 + 2


def test_a_setting_that_diverges_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(working_folder(tmp_path))
    (tmp_path / "space.hyper").write_text("learning_rate choice [0.001, 1e30]\n")
    assert main(words("--engine=ray", "--epochs=5")) == 0
    assert "trial 1: failed: the training loss became nan" in capsys.readouterr().err
    assert [row["end"] for row in trials(tmp_path / "out")] == ["finished", "failed"]


def test_without_an_address_no_other_cluster_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # nor one that runs on this machine
    with cluster(Machine(1, 1, watches_memory=False), None):
        assert ray.cluster_resources()["CPU"] == 1


def test_a_cluster_that_is_not_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(working_folder(tmp_path))
    assert main(words("--engine=ray", "--ray_address=auto")) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("error: the Ray cluster at auto cannot be used: ")
