"""A served run, in this process and in one of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.conftest import Trained, train

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

ROOT = Path(__file__).parents[2]
NASTY = '<img src=x onerror="alert(1)">'
"""A title that must be shown as it is."""


class Process:
    """``recbole-drepmrec serve`` in a process of its own, on a free port."""

    def __init__(self, folder: Path, run: Path, *options: str) -> None:
        self.log = folder / "serve.log"
        program = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"
        words = [sys.executable, "-c", program, "serve", str(run), "--port=0", *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=log, text=True, env=env, cwd=folder
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
        assert found, self.log.read_text()
        self.url, self.port = found[0], int(found[1])
        self.wait_for("startup complete")

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until the log has said so."""
        end = time.monotonic() + 60
        while self.log.read_text().count(words) < times:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """The exit code, once it has ended."""
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def served_run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("served"), "DRepMRec", epochs=3)


@pytest.fixture
def run(served_run: Trained, tmp_path: Path) -> Path:
    """A copy of the run's folder that a test may spoil."""
    return Path(shutil.copytree(served_run.run, tmp_path / "run"))


@pytest.fixture
def process(run: Path, tmp_path: Path) -> Iterator[Process]:
    started = Process(tmp_path, run)
    yield started
    started.process.kill()
    started.process.wait()
