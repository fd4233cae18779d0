"""Two process groups on loopback, as on two machines: one run, and none that waits for the dead."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from recbole_drepmrec.quick_start import run
from tests.datasets import clustered

ROOT = Path(__file__).parents[1]
PROGRAM = "import sys; from recbole_drepmrec.cli import main; sys.exit(main(sys.argv[1:]))"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        port: int = one.getsockname()[1]
        return port


def settings_of(folder: Path, **values: Any) -> dict[str, Any]:
    return {**clustered().write(folder), "use_gpu": False, **values}


def start(folder: Path, settings: dict[str, Any], offset: int, port: int) -> subprocess.Popen[str]:
    """The command that is given on machine ``offset`` of two, with one process there."""
    values = {key: value for key, value in settings.items() if key != "dataset"}
    (folder / "settings.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    words = [
        "train",
        "--model=DRepMRec",
        f"--dataset={settings['dataset']}",
        "--config_files=settings.yaml",
        "--nproc=1",
        "--world_size=2",
        f"--group_offset={offset}",
        "--ip=localhost",
        f"--port={port}",
    ]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_groups_are_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the numbers of two processes in one group; the first machine keeps the run."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings, port = settings_of(tmp_path, epochs=2), free_port()
    groups = [start(tmp_path, settings, offset, port) for offset in (0, 1)]
    said = [group.communicate(timeout=240)[0] for group in groups]
    assert [group.returncode for group in groups] == [0, 0], said
    (record,) = Path(settings["checkpoint_dir"]).glob("*/run.json")
    found = json.loads(record.read_text())
    assert found["processes"] == 2
    together = run("DRepMRec", None, config_dict=settings, nproc=2, port=free_port())
    assert found["result"]["test_result"] == together.test_result
    assert found["result"]["best_valid_result"] == together.best_valid_result


def test_a_group_whose_other_dies_ends(tmp_path: Path) -> None:
    settings, port = settings_of(tmp_path, epochs=100_000, stopping_step=100_000), free_port()
    groups = [start(tmp_path, settings, offset, port) for offset in (0, 1)]
    try:
        until = time.monotonic() + 240
        while not list(Path(settings["checkpoint_dir"]).glob("*/metrics.jsonl")):
            assert time.monotonic() < until
            time.sleep(0.1)
        for process in psutil.Process(groups[1].pid).children(recursive=True):
            os.kill(process.pid, signal.SIGKILL)
        said, _ = groups[0].communicate(timeout=120)
        assert groups[0].returncode != 0
        assert "Error" in said
    finally:
        for group in groups:
            group.kill()
            group.communicate()
