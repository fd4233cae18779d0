"""The command as users start it: signals, another run in its place, one message for a mistake."""

import http.client
import json
import os
import shutil
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch

from recbole_drepmrec.cli import main
from recbole_drepmrec.inference.bundle import FILE
from recbole_drepmrec.serving.command import _parser
from tests.inference.conftest import Trained
from tests.serving.conftest import Process

BODY = json.dumps({"user": "u1", "k": 3}).encode()
needs_hangup = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")


def run_named(process: Process) -> str:
    name: str = httpx.get(f"{process.url}/health").json()["run"]
    return name


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered_before_it_stops(
    process: Process, how: signal.Signals
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
    connection.putrequest("POST", "/recommend")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY[:5])
    run_named(process)  # by now the server has the half of it
    process.process.send_signal(how)
    process.wait_for("Shutting down")
    connection.send(BODY[5:])
    response = connection.getresponse()
    assert response.status == 200
    assert len(json.loads(response.read())["items"]) == 3
    assert process.process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(process.url)


@needs_hangup
def test_another_run_takes_its_place_while_questions_are_answered(
    run: Path, tmp_path: Path
) -> None:
    second = Path(shutil.copytree(run, tmp_path / "second"))
    link = tmp_path / "newest"
    link.symlink_to(run)
    process = Process(tmp_path, link)

    def ask(_: int) -> str:
        response = httpx.post(f"{process.url}/recommend", content=BODY, headers=json_headers)
        assert response.status_code == 200
        name: str = response.json()["run"]
        return name

    json_headers = {"content-type": "application/json"}
    with ThreadPoolExecutor(4) as pool:
        before = list(pool.map(ask, range(10)))
        asked = [pool.submit(ask, n) for n in range(100)]
        fresh = tmp_path / "link"
        fresh.symlink_to(second)
        os.replace(fresh, link)
        process.process.send_signal(signal.SIGHUP)
        process.wait_for("now serving second, 60 users and 48 items")
        assert {one.result() for one in asked} <= {"run", "second"}
        assert set(pool.map(ask, range(10))) == {"second"}
    assert set(before) == {"run"}
    assert process.stop() == 0


@needs_hangup
def test_a_damaged_run_is_not_served(process: Process, run: Path) -> None:
    """Overwritten in its place, too: the server does not read from a file while it answers."""
    before = httpx.post(f"{process.url}/recommend", json={"user": "u1"}).json()
    (run / FILE).write_bytes(b"\0" * 100)
    process.process.send_signal(signal.SIGHUP)
    process.wait_for("ERROR kept run: ")
    assert httpx.post(f"{process.url}/recommend", json={"user": "u1"}).json() == before
    (run / FILE).unlink()
    process.process.send_signal(signal.SIGHUP)
    process.wait_for("ERROR kept run: ", times=2)
    assert httpx.post(f"{process.url}/recommend", json={"user": "u1"}).json() == before
    assert "Traceback" not in process.log.read_text()
    assert process.stop() == 0


def test_a_new_file_is_seen_by_itself(run: Path, tmp_path: Path) -> None:
    process = Process(tmp_path, run, "--watch=0.2")
    copy = tmp_path / "copy"
    shutil.copy(run / FILE, copy)
    os.replace(copy, run / FILE)
    process.wait_for("now serving run")
    assert process.stop() == 0
    assert process.log.read_text().count("now serving") == 1


def test_one_thread_for_each_core_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert _parser().get_default("threads") == 1


def test_mistakes_are_one_message(
    served_run: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text('{"status": "finished", "model": "Pop"}')
    threads = torch.get_num_threads()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, message in (
            ([str(served_run.run), f"--port={port}"], f"cannot listen at 127.0.0.1, port {port}"),
            ([str(served_run.run), "--port=70000"], "--port is 70000"),
            ([str(served_run.run), "--host=no.such.host.invalid"], "cannot listen at no.such.host"),
            ([str(served_run.run), "--threads=0"], "--threads is 0, expected at least 1"),
            ([str(served_run.run), "--watch=nan"], "--watch is nan"),
            ([str(tmp_path / "none")], "does not exist; expected the folder of a finished run"),
            ([str(tmp_path)], "has no inference.safetensors"),
            ([], "required: RUN"),
        ):
            assert main(["serve", *words]) == 2
            said = capsys.readouterr().err
            assert message in said
            assert said.count("\n") == 1
    assert torch.get_num_threads() == threads, "what is trained here next would round otherwise"


def test_without_its_packages_it_says_what_to_install(
    served_run: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", str(served_run.run)]) == 2
    assert 'pip install "recbole-drepmrec[serve]"' in capsys.readouterr().err
