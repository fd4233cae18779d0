"""A run that was stopped goes on as if it never had been."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from recbole_drepmrec import quick_start
from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import held
from recbole_drepmrec.quick_start import run, run_recbole
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.trainer import RunTrainerMixin
from tests.datasets import clustered

EPOCHS = 80
PROGRAM = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"


def settings_of(parent: Path, **values: Any) -> dict[str, Any]:
    patient = {"stopping_step": EPOCHS, "learning_rate": 0.01, "use_gpu": False}
    return {**clustered().write(parent / "dataset"), **patient, **values}


def epochs_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl`` without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if not key.endswith("seconds")} for line in lines
    ]


def same_parameters(one: Path, other: Path) -> bool:
    first, second = (
        read_checkpoint(folder / "checkpoint.safetensors", torch.device("cpu"))
        for folder in (one, other)
    )
    states = (first["state_dict"], second["state_dict"])
    return first["epoch"] == second["epoch"] and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )


def test_killed_and_resumed_by_the_command_line_equals_unbroken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9, twice, at whatever moment some more epochs are done."""
    settings = settings_of(tmp_path, epochs=EPOCHS, drop_modalities={"share": 0.1})
    unbroken = run_recbole("DRepMRec", config_dict=settings)
    settings["checkpoint_dir"] = str(tmp_path / "saved")
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))  # of modalities too
    words = ["train", "--model=DRepMRec", "--dataset=tiny", "--config_files", str(file)]
    for enough in (3, 20):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words])
        kill_after(process, tmp_path / "saved", enough)
        folder = next((tmp_path / "saved").iterdir())
        assert json.loads((folder / "run.json").read_text())["status"] == "training"
        words = ["train", f"--resume={folder}"]
    assert main(words) == 0
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["result"]["test_result"] == unbroken.test_result
    assert record["result"]["best_valid_result"] == unbroken.best_valid_result
    assert len(record["resumed"]) == 2
    assert epochs_of(folder) == epochs_of(Path(unbroken.run))
    assert same_parameters(folder, Path(unbroken.run))
    assert not [
        path
        for path in folder.iterdir()
        if path.name.startswith((".check", ".last", ".tmp", "last"))
    ]
    capsys.readouterr()
    assert main(words) == 2
    assert "is finished, so there is nothing to go on with" in capsys.readouterr().err


def test_ctrl_c_says_how_the_run_goes_on(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, epochs=10_000, stopping_step=10_000)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    words = ["train", "--model=BPR", "--dataset=tiny", "--config_files", str(file)]
    # who starts the tests in the background may have them ignore SIGINT
    listens = (
        "import faulthandler, signal; faulthandler.register(signal.SIGUSR1); "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
    )
    process = subprocess.Popen(
        [sys.executable, "-c", listens + PROGRAM, *words], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(process, tmp_path, 3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)  # where it hangs, to its errors
        time.sleep(1)
        process.kill()
        pytest.fail(process.communicate()[1])
    finally:
        process.kill()
    folder = next(tmp_path.rglob("run.json")).parent
    assert process.returncode == 130
    assert errors.splitlines()[-1] == f"interrupted; --resume={folder} goes on with it."
    assert "Traceback" not in errors
    assert RunFolder(folder).read_json("run.json")["status"] == "interrupted"
    assert RunFolder(folder).unfinished(1)["epochs"] == 10_000


def test_ctrl_c_while_a_curve_is_written_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What such a Ctrl-C leaves: a waiter that is awake, to whom the next wake-up goes."""

    def interrupt(self: Any, loss: torch.Tensor) -> None:
        queue = self.tensorboard.file_writer.event_writer._async_writer._byte_queue
        awake = threading.Lock()
        awake.acquire()
        with queue.mutex:
            queue.not_empty._waiters.appendleft(awake)
        raise KeyboardInterrupt

    monkeypatch.setattr(RunTrainerMixin, "_check_nan", interrupt)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_recbole(config_dict=settings_of(tmp_path, model="BPR", epochs=2))
    assert time.monotonic() - started < 60  # it was two minutes


def kill_after(process: Any, parent: Path, n_lines: int) -> None:
    """Kill a training once its metrics have so many lines."""
    wait_for(process, parent, n_lines)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def wait_for(process: Any, parent: Path, n_lines: int) -> None:
    """Wait until the metrics of a training have so many lines."""
    while sum(len(file.read_bytes().splitlines()) for file in parent.rglob("metrics.jsonl")) < (
        n_lines
    ):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)


def stopped_after(
    n_epochs: int, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> RunFolder:
    """A run that an error has stopped while the epoch after so many was training."""

    def interrupt(self: Any, loss: torch.Tensor) -> None:
        if len(self.train_loss_dict) >= n_epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunTrainerMixin, "_check_nan", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_recbole(config_dict=settings)
    return RunFolder(next(Path(settings["checkpoint_dir"]).iterdir()))


@pytest.mark.parametrize("n_epochs", [0, 1, 5])
@pytest.mark.parametrize("values", [{}, {"eval_step": 3}, {"eval_step": 0}, {"stopping_step": 0}])
def test_whenever_it_stops_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_epochs: int, values: dict[str, Any]
) -> None:
    """With the best epoch long past, too: `stopping_step: 0` ends by itself."""
    settings = settings_of(tmp_path, model="FREEDOM", epochs=7, **values)
    other = {**settings, "checkpoint_dir": str(tmp_path / "whole")}
    unbroken = run_recbole(config_dict=other)
    if len(epochs_of(Path(unbroken.run))) <= n_epochs:
        pytest.skip("it ends before that")
    folder = stopped_after(n_epochs, monkeypatch, settings)
    result = run(None, None, resume=folder.path)
    assert result.test_result == unbroken.test_result
    assert result.best_valid_result == unbroken.best_valid_result
    assert epochs_of(folder.path) == epochs_of(Path(unbroken.run))


@pytest.mark.parametrize(
    ("model", "values"),
    [("DiffRec", {}), ("LINE", {}), ("LINE", {"bma": True}), ("MultiVAE", {}), ("RecVAE", {})],
)
def test_what_a_model_or_trainer_counts_goes_on_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, values: dict[str, Any]
) -> None:
    """RecBole's checkpoints leave out losses, places and steps so far, and a second optimizer."""
    resumed_equals_unbroken(tmp_path, monkeypatch, settings_of(tmp_path, model=model, **values))


def resumed_equals_unbroken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """A run of six epochs, stopped in the fourth, ends as the one that was not."""
    settings = {**settings, "epochs": 6, "checkpoint_dir": str(tmp_path / "stopped")}
    unbroken = run_recbole(config_dict={**settings, "checkpoint_dir": str(tmp_path / "whole")})
    folder = stopped_after(3, monkeypatch, settings)
    assert folder.last.is_file()
    result = run(None, None, resume=folder.path)
    assert folder.read_json("run.json")["resumed"]
    assert epochs_of(folder.path) == epochs_of(Path(unbroken.run))
    assert result.test_result == unbroken.test_result


def test_what_cannot_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, model="BPR", epochs=4)
    folder = stopped_after(2, monkeypatch, settings)
    with pytest.raises(UserError, match="trained by 1 processes, not 2; give the same --nproc"):
        run(None, None, resume=folder.path, nproc=2)
    with held(folder.path), pytest.raises(UserError, match="another command is writing to"):
        run(None, None, resume=folder.path)
    file = tmp_path / "dataset" / "tiny" / "tiny.train.inter"
    whole = file.read_text()
    file.write_text("\n".join(whole.splitlines()[:-1]) + "\n")
    with pytest.raises(UserError, match="is not the one that"):
        run(None, None, resume=folder.path)
    file.write_text(whole)
    assert run(None, None, resume=folder.path).test_result


def test_damaged_metrics_are_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stopped_after(2, monkeypatch, settings_of(tmp_path, model="BPR", epochs=4))
    (folder.path / "metrics.jsonl").write_text("{\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl is damaged .*; start another run"):
        run(None, None, resume=folder.path)


def test_what_another_command_has_ended_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_after(2, monkeypatch, settings_of(tmp_path, model="BPR", epochs=4))
    check = quick_start.check_same_data
    ended: list[Any] = []

    def end_first(*given: Any) -> None:
        check(*given)
        monkeypatch.setattr(quick_start, "check_same_data", check)
        ended.append(run(None, None, resume=folder.path))

    monkeypatch.setattr(quick_start, "check_same_data", end_first)
    with pytest.raises(UserError, match="is finished, so there is nothing to go on with"):
        run(None, None, resume=folder.path)
    assert folder.read_json("run.json")["result"]["test_result"] == ended[0].test_result
    assert len(epochs_of(folder.path)) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume=nowhere"], "cannot be read (it does not exist); expected the folder of a run"),
        (["--resume=nowhere", "--epochs=3"], "and --epochs is given too; leave it out"),
        (["--resume=nowhere", "--model=BPR"], "and --model is given too; leave it out"),
    ],
)
def test_mistakes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
