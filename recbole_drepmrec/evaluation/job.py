"""One run of a comparison, in a process of its own: train, test once, write what it gave."""

import json
import logging
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
import torch

from recbole_drepmrec import compat
from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.config import Config
from recbole_drepmrec.console import log_to_console
from recbole_drepmrec.evaluation.going_on import remove_other_runs, stopped_run
from recbole_drepmrec.evaluation.lists import write_lists
from recbole_drepmrec.evaluation.rankings import (
    Rankings,
    beyond_accuracy,
    rank_test,
    user_metrics,
)
from recbole_drepmrec.evaluation.records import JobResult, write_result
from recbole_drepmrec.prepared import Prepared, prepare
from recbole_drepmrec.result import Result
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.run_record import RECORD
from recbole_drepmrec.training import train_and_test

logger = logging.getLogger(__name__)


def run_job(folder: Path, out: Path, settings: dict[str, Any], settings_sha256: str) -> None:
    """Train a model, rank all items for each test user once, and write ``result.json``.

    A training of the same that was stopped goes on where it was.

    Args:
        folder: The run's folder.
        out: The comparison's.
        settings: A resolved configuration.
        settings_sha256: Its hash.

    Raises:
        UserError: Something in the settings or the data is wrong, or training diverged.
    """
    compat.quiet_known_warnings()
    config = Config(config_dict=settings)
    log_to_console(config["state"])
    prepared = prepare(config)
    stopped = stopped_run(config)
    remove_other_runs(config, stopped)
    if stopped is not None:
        logger.info("going on with %s", stopped.path)
    result = train_and_test(prepared, stopped=stopped)
    started = perf_counter()
    rankings = rank_test(prepared)
    seconds = perf_counter() - started
    scores = user_metrics(rankings, config)
    _write_lists(folder / "users.npz", prepared, rankings, scores)
    run = RunFolder(Path(result.run))
    record = run.read_json(RECORD)
    write_result(
        folder,
        JobResult(
            dataset=config["dataset"],
            model=config["model"],
            seed=config["seed"],
            settings_sha256=settings_sha256,
            data_sha256=record["data_sha256"],
            **_validation(config, result),
            test={name: float(values.mean()) for name, values in scores.items()},
            beyond=beyond_accuracy(rankings, config, prepared.train_data._dataset),
            **_training(run),
            test_seconds=seconds,
            peak_memory=peak_memory(),
            peak_gpu_memory=_peak_gpu_memory(config["device"]),
            parameters=_trainable(prepared.model),
            threads=torch.get_num_threads(),
            device=str(config["device"]),
            negatives=settings["train_neg_sample_args"] or {},
            versions=record["versions"],
            run=str(run.path.relative_to(out)),
        ),
    )


def _write_lists(path: Path, prepared: Prepared, rankings: Rankings, scores: Any) -> None:
    data = prepared.test_data._dataset
    users = data.id2token(data.uid_field, rankings.users).astype(str)
    items = data.id2token(data.iid_field, range(1, data.item_num)).astype(str)
    top = rankings.items - 1  # padding is left out
    top[~rankings.allowed] = -1
    write_lists(path, users, items, top, scores)


def _validation(config: Config, result: Result) -> dict[str, Any]:
    return {
        "valid_metric": str(config["valid_metric"]).lower(),
        "valid_metric_bigger": result.valid_score_bigger,
        "valid_score": result.best_valid_score,
        "valid": result.best_valid_result,
    }


def _training(run: RunFolder) -> dict[str, Any]:
    """Epochs and their seconds."""
    lines = (run.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line) for line in lines]
    return {
        "epochs": len(epochs),
        "best_epoch": read_checkpoint(run.checkpoint, torch.device("cpu"))["epoch"],
        "train_seconds": sum(epoch["train_seconds"] for epoch in epochs),
        "valid_seconds": sum(epoch.get("valid_seconds", 0.0) for epoch in epochs),
    }


def _trainable(model: torch.nn.Module) -> int:
    return sum(part.numel() for part in model.parameters() if part.requires_grad)


def peak_memory() -> int:
    """Most bytes of memory that this process has held.

    Where Linux tells it, the high-water mark of the program itself: ``ru_maxrss`` begins with what
    the process that started this one held.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))


def _peak_gpu_memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
