"""What a training shows while it runs, at a terminal and in a file."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.console import log_to_console
from recbole_drepmrec.terminal import is_watched
from tests.datasets import clustered

ROOT = Path(__file__).parents[1]
ESCAPE = "\x1b"


def training(folder: Path, stderr: int) -> subprocess.Popen[bytes]:
    """Start one, whose errors and progress go to a file descriptor."""
    environment = {key: os.environ[key] for key in os.environ if not key.endswith("_COLOR")}
    values = clustered().write(folder) | {"state": "info", "show_progress": True, "epochs": 1}
    code = (
        "from recbole_drepmrec.quick_start import run_recbole; "
        f"run_recbole('BPR', config_dict={values})"
    )
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stderr=stderr,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )


def test_a_file_gets_lines_without_colours_and_bars(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        assert training(tmp_path, file.fileno()).wait(timeout=300) == 0
    text = log.read_text()
    assert "epoch 0 training" in text
    assert ESCAPE not in text
    assert "it/s]" not in text


def test_a_terminal_gets_both(tmp_path: Path) -> None:
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    started = training(tmp_path, theirs)
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:  # Linux's word for the end of a terminal
        pass
    os.close(ours)
    assert started.wait(timeout=300) == 0
    assert ESCAPE in text.decode()
    assert "it/s]" in text.decode()


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), io.StringIO(), object()])
def test_a_program_without_a_console_is_not_watched(
    stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert not is_watched()
    log_to_console("info")


def test_a_notebook_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    assert is_watched()
