"""Finds the run that an earlier process of a job left unfinished, to go on with it."""

import shutil
from pathlib import Path

import torch
from recbole.utils import ModelType

from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.run_folder import RunFolder, provenance
from recbole_drepmrec.run_record import RECORD

STOPPED = ("training", "interrupted")
"""The status of a run whose process was killed, or left by Ctrl-C."""

SAME = ("versions", "code_sha256", "machine")
"""What must be as it was when the run began, or its numbers could become others."""


def stopped_run(config: Config) -> RunFolder | None:
    """The run to go on with; its end will be as if it had never been stopped.

    The runs in ``checkpoint_dir`` are of the same settings and data: of others the scheduler leaves
    none. Sequential, context-aware and knowledge-based models start anew, because what they hold
    outside their parameters is in no checkpoint.

    Args:
        config: Of the job.

    Returns:
        None where there is no such run, where it cannot be read, or where versions, code or machine
        are others now.
    """
    if config["MODEL_TYPE"] != ModelType.GENERAL:
        return None
    found = [run for run in map(RunFolder, _runs(config)) if _can_go_on(run)]
    return found[0] if len(found) == 1 else None


def remove_other_runs(config: Config, kept: RunFolder | None) -> None:
    """Remove the runs that nobody will go on with, so that a job has one run.

    Args:
        config: Of the job.
        kept: What ``stopped_run`` gave.
    """
    for path in _runs(config):
        if kept is None or path != kept.path:
            shutil.rmtree(path)


def _runs(config: Config) -> list[Path]:
    parent = Path(config["checkpoint_dir"])
    return list(parent.iterdir()) if parent.is_dir() else []


def _can_go_on(run: RunFolder) -> bool:
    try:
        record = run.read_json(RECORD)
        if record.get("status") not in STOPPED:
            return False
        run.read_json("config.json")
        last = read_checkpoint(run.last, torch.device("cpu"))["epoch"]
        whole = run.has_metrics_until(last)
    except UserError:
        return False
    here = provenance([])
    return whole and all(record.get(name) == here[name] for name in SAME)
