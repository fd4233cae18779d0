"""How many processes run at a time, and what becomes of those that fail."""

import os
from pathlib import Path

import joblib
import psutil
import pytest

from recbole_drepmrec.evaluation import schedule
from recbole_drepmrec.evaluation.records import read_failure
from recbole_drepmrec.evaluation.runs import RUN
from recbole_drepmrec.evaluation.schedule import Machine, Task, machine, run_tasks

GIB = 2**30


class Process:
    """Stands for a process that holds some memory."""

    def __init__(self, held: int) -> None:
        self.rss = held

    def memory_info(self) -> "Process":
        return self


@pytest.mark.parametrize(
    ("free", "largest", "held", "room"),
    [
        (10, 0, [0.5], True),  # the first guess: 1.5 yet to grow, 2 needed
        (3, 0, [0.5], False),
        (10, 5, [5], True),
        (10, 5, [1], False),  # it may grow by 5 more, which leaves 5 of the 6 needed
        (0, 5, [], True),  # one always runs
        (100, 1, [1, 1], False),  # as many as may
    ],
)
def test_room_for_one_more(
    monkeypatch: pytest.MonkeyPatch, free: float, largest: float, held: list[float], room: bool
) -> None:
    class Memory:
        available = free * GIB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    limits = Machine(most=2, threads=1, watches_memory=True, largest=int(largest * GIB))
    running = [Process(int(one * GIB)) for one in held]
    assert limits.has_room(running) is room  # type: ignore[arg-type]


def test_a_given_number_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    given = machine(4, on_gpu=True)
    assert (given.most, given.threads, given.watches_memory) == (4, 2, False)
    assert given.has_room([psutil.Process()] * 3)
    assert not given.has_room([psutil.Process()] * 4)


@pytest.mark.parametrize(
    ("n_cores", "on_gpu", "most", "threads"),
    [(1, False, 1, 1), (2, False, 1, 2), (8, False, 4, 2), (8, True, 1, 8)],
)
def test_chosen_numbers(
    monkeypatch: pytest.MonkeyPatch, n_cores: int, on_gpu: bool, most: int, threads: int
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: n_cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    chosen = machine(None, on_gpu)
    assert (chosen.most, chosen.threads, chosen.watches_memory) == (most, threads, True)


def test_cores_are_those_that_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By joblib's own limit here; it heeds affinity and the quota of a container alike."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert machine(1, on_gpu=False).threads == 1


def test_threads_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine(1, on_gpu=False).threads == 3


def test_a_failure_is_told_and_what_lay_there_is_gone(tmp_path: Path) -> None:
    """A real process, of settings without a model."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "result.json").write_text("of other settings")
    ends: list[str | None] = []
    task = Task(folder, RUN, tmp_path, {"dataset": "tiny"}, "now")
    run_tasks([task], machine(1, False), lambda task, reason: ends.append(reason))
    assert ends == ["no model was given; name one with --model."]
    assert read_failure(folder, "now") == ends[0]
    assert read_failure(folder, "later") is None  # it failed with other settings
    assert (folder / "log.txt").read_text().startswith("error: no model was given")
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(("before", "there"), [("now", True), ("other", False)])
def test_what_a_task_keeps_is_of_the_same_settings(
    tmp_path: Path, before: str, there: bool
) -> None:
    folder = tmp_path / "job"

    def run(sha256: str) -> None:
        task = Task(folder, RUN, tmp_path, {"dataset": "tiny"}, sha256, keeps="runs")
        run_tasks([task], machine(1, False), lambda task, reason: None)

    run(before)
    for name in ("runs", "others"):
        (folder / name).mkdir()
    run("now")
    assert (folder / "runs").is_dir() is there
    assert not (folder / "others").exists()


def test_processes_end_when_the_schedule_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = schedule._start

    def start_and_stop(task: Task, threads: int) -> object:
        running = start(task, threads)
        started.append(running.process.pid)
        if len(started) == 2:
            raise KeyboardInterrupt
        return running

    monkeypatch.setattr(schedule, "_start", start_and_stop)
    tasks = [Task(tmp_path / str(i), RUN, tmp_path, {}, "") for i in range(2)]
    with pytest.raises(KeyboardInterrupt):
        run_tasks(tasks, machine(2, False), lambda task, reason: None)
    assert not psutil.pid_exists(started[0])
    os.kill(started[1], 9)  # it never got into the schedule's hands
