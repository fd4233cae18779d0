"""Carries out a plan: what is finished stays, all else is run, each in a process of its own."""

import sys
from collections.abc import Callable
from pathlib import Path

from recbole.utils import EvaluatorType

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import RUNS, Plan, data_hash, settings_hash, split_hash
from recbole_drepmrec.evaluation.records import JobKey, JobResult, read_result
from recbole_drepmrec.evaluation.schedule import Machine, Task, run_tasks
from recbole_drepmrec.evaluation.split import read_split
from recbole_drepmrec.evaluation.store import split_file
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.protocol import check_topk

DESCRIBE = "recbole_drepmrec.evaluation.describe:describe_task"
RUN = "recbole_drepmrec.evaluation.job:run_job"
"""What the processes do."""


def describe_splits(plan: Plan, out: Path, limits: Machine) -> dict[JobKey, str]:
    """See that the split of each data set is described.

    Args:
        plan: The runs.
        out: The comparison's folder.
        limits: How many processes may run.

    Returns:
        The hash of each run's settings, its data included.

    Raises:
        UserError: A data set is not in order, cannot be split, or has fewer items than
            a list is to have.
    """
    tasks = []
    for name, settings in plan.datasets.items():
        task = Task(split_file(out, name).parent, DESCRIBE, out, settings, "")
        if not _is_described(task, data_hash(plan.folders[name], settings)):
            tasks.append(task)
    mistakes: list[str] = []
    run_tasks(tasks, limits, lambda task, reason: mistakes.extend([reason] if reason else []))
    if mistakes:
        raise UserError(mistakes[0])
    for name, settings in plan.datasets.items():
        n_items = len(read_split(split_file(out, name)).items)
        check_topk({**settings, "eval_type": EvaluatorType.RANKING}, n_items)
    data = {
        name: str(data_hash(plan.folders[name], settings))
        for name, settings in plan.datasets.items()
    }
    for task in tasks:
        sha256 = split_hash(task.settings, data[task.settings["dataset"]])
        with atomic_file(_mark(task)) as temporary:
            temporary.write_text(sha256, encoding="utf-8")
    return {
        key: settings_hash(settings, data[key.dataset]) for key, settings in plan.settings.items()
    }


def _mark(task: Task) -> Path:
    return task.folder / "settings.sha256"


def _is_described(task: Task, data: str | None) -> bool:
    """Whether the split of the present settings and data is there, whole."""
    there = split_file(task.out, task.settings["dataset"]).is_file() and _mark(task).is_file()
    if data is None or not there:
        return False
    return _mark(task).read_bytes() == split_hash(task.settings, data).encode()


def run_unfinished(plan: Plan, hashes: dict[JobKey, str], out: Path, limits: Machine) -> None:
    """Run what has no result of its present settings, and say on stderr how each run ended.

    Args:
        plan: The runs.
        hashes: The hash of each run's settings.
        out: The comparison's folder.
        limits: How many processes may run; learns what they need.
    """
    results = {key: read_result(key.folder(out), sha256) for key, sha256 in hashes.items()}
    limits.largest = max((r.peak_memory for r in results.values() if r), default=0)
    tasks = [
        Task(key.folder(out), RUN, out, plan.settings[key], hashes[key], keeps=RUNS)
        for key, result in results.items()
        if result is None
    ]
    names = {key.folder(out): str(key) for key in hashes}
    run_tasks(tasks, limits, _progress(names, len(tasks), limits))


def _progress(
    names: dict[Path, str], n_tasks: int, limits: Machine
) -> Callable[[Task, str | None], None]:
    """Says which run ended and how, and learns how much memory it took."""
    n_ended = 0

    def ended(task: Task, reason: str | None) -> None:
        nonlocal n_ended
        n_ended += 1
        result = read_result(task.folder, task.sha256)
        if result is not None:
            limits.largest = max(limits.largest, result.peak_memory)
        said = f"failed: {reason}" if result is None else _summary(result)
        print(f"[{n_ended}/{n_tasks}] {names[task.folder]}: {said}", file=sys.stderr)

    return ended


def _summary(result: JobResult) -> str:
    score = "no validation"
    if result.valid_score is not None:
        score = f"{result.valid_metric} {result.valid_score:.4f} on validation"
    seconds = result.train_seconds + result.valid_seconds + result.test_seconds
    memory = result.peak_memory / 2**20
    epochs = "1 epoch" if result.epochs == 1 else f"{result.epochs} epochs"
    return f"{score}, {epochs}, {seconds:.0f} s, {memory:,.0f} MiB"
