"""Runs tasks in processes of their own, as many at a time as cores and memory allow."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import psutil

from recbole_drepmrec.evaluation.records import read_failure, write_failure
from recbole_drepmrec.evaluation.worker import START
from recbole_drepmrec.files import write_errors

FIRST_GUESS = 2 * 2**30
"""Bytes that a process is taken to need while none has shown what it does."""

MARGIN = 1.2
"""How much more than the largest so far a process is taken to need."""

MARK = "task.sha256"
"""File with the hash of the settings of what else lies in a task's folder."""

PAUSE = 0.05
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Task:
    """What one process is to do.

    Attributes:
        folder: Where its results go; what lies there before is removed.
        what: The function that does it, ``MODULE:NAME``; it is given the attributes below.
        out: The folder of the comparison or the study.
        settings: A resolved configuration.
        sha256: Hash of the settings.
        keeps: A folder in ``folder`` that is not removed where a process before had the same
            settings; the function finds there what that one did.
    """

    folder: Path
    what: str
    out: Path
    settings: dict[str, Any]
    sha256: str
    keeps: str | None = None


@dataclass
class Machine:
    """How many processes may run at a time, and with how many threads each.

    Attributes:
        most: Processes at most.
        threads: Threads of each.
        watches_memory: Whether free memory may lower their number.
        largest: Bytes that the largest process so far has held; 0 if none has shown it.
    """

    most: int
    threads: int
    watches_memory: bool
    largest: int = 0

    def has_room(self, running: list[psutil.Process]) -> bool:
        """Whether one more process may start.

        Args:
            running: Those that run now, which may yet grow to the largest.
        """
        if not running:
            return True
        if len(running) >= self.most:
            return False
        if not self.watches_memory:
            return True
        need = MARGIN * self.largest if self.largest else FIRST_GUESS
        yet_to_grow = sum(max(0.0, need - _held(process)) for process in running)
        return bool(psutil.virtual_memory().available - yet_to_grow >= need)


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def machine(jobs: int | None, on_gpu: bool) -> Machine:
    """The number of processes and of their threads.

    Without a number given: one on a GPU, whose memory all would share, else half the cores, fewer
    while memory is short. Threads follow from the cores alone, so that a run's numbers do not
    depend on how much memory is free; OMP_NUM_THREADS overrides them.

    Args:
        jobs: Processes at a time, None to choose.
        on_gpu: Whether the models are on a GPU.
    """
    cores = joblib.cpu_count()  # those that this process may use, the limits of containers seen
    most = jobs or (1 if on_gpu else max(1, cores // 2))
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(given) if given.isdigit() and int(given) else max(1, cores // most)
    return Machine(most, threads, watches_memory=jobs is None)


@dataclass
class _Running:
    task: Task
    process: subprocess.Popen[bytes]
    watched: psutil.Process = field(init=False)

    def __post_init__(self) -> None:
        self.watched = psutil.Process(self.process.pid)


def run_tasks(
    tasks: list[Task], limits: Machine, ended: Callable[[Task, str | None], None]
) -> None:
    """Run all tasks; one that fails does not stop the others.

    When this is left early, by an error or by Ctrl-C, the processes are ended; they end by
    themselves when this process is killed.

    Args:
        tasks: In the order in which they start.
        limits: How many may run at a time.
        ended: Told each task that ended, and why it failed if it did.
    """
    waiting, running = list(tasks), list[_Running]()
    with _ended_at_last(running):
        while waiting or running:
            while waiting and limits.has_room([one.watched for one in running]):
                running.append(_start(waiting.pop(0), limits.threads))
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended(one.task, _outcome(one))
            time.sleep(PAUSE)


def _start(task: Task, threads: int) -> _Running:
    with write_errors(task.folder):
        _clear(task)
        log = (task.folder / "log.txt").open("wb")
    numbers = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    with log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **numbers},
        )
    order = {
        "folder": str(task.folder),
        "out": str(task.out),
        "settings": task.settings,
        "sha256": task.sha256,
        "what": task.what,
    }
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it ended already, which `_outcome` tells
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return _Running(task, process)


def _clear(task: Task) -> None:
    task.folder.mkdir(parents=True, exist_ok=True)
    mark = task.folder / MARK
    same = mark.is_file() and mark.read_bytes() == task.sha256.encode()
    for path in task.folder.iterdir():
        if path.name == task.keeps and same:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if task.keeps is not None:
        mark.write_bytes(task.sha256.encode())


def _outcome(one: _Running) -> str | None:
    """Why a process failed, in one line; None if it did not."""
    code, folder = one.process.returncode, one.task.folder
    if one.process.stdin is not None:
        with suppress(BrokenPipeError):
            one.process.stdin.close()
    if code == 0:
        return None
    reason = read_failure(folder, one.task.sha256)
    if reason is None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        hint = ", as when memory runs out: try fewer --jobs" if code == -9 else ""
        reason = f"the process {how}{hint}; {folder / 'log.txt'} is its log"
        write_failure(folder, one.task.sha256, reason)
    return reason


@contextmanager
def _ended_at_last(running: list[_Running]) -> Iterator[None]:
    try:
        yield
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()
