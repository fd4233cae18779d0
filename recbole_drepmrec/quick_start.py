"""Run a model on a data set: what ``run_recbole.py`` does, and the same from Python."""

import multiprocessing
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch.multiprocessing.spawn import ProcessException, spawn

from recbole_drepmrec import compat
from recbole_drepmrec.config import Config
from recbole_drepmrec.console import log_to_console
from recbole_drepmrec.distributed import leave_group
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.model_checkpoint import load_checkpoint
from recbole_drepmrec.prepared import Prepared, prepare
from recbole_drepmrec.registry import host_name
from recbole_drepmrec.result import Result
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.training import check_same_data, train_and_test


def run(
    model: Any,
    dataset: str | None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    nproc: int = 1,
    world_size: int = -1,
    ip: str = "localhost",
    port: int | str = 5678,
    group_offset: int = 0,
    resume: str | Path | None = None,
) -> Result:
    """Train and test a model, in one process or in several.

    Args:
        model: Model name or class.
        dataset: Data set name.
        config_file_list: YAML files.
        config_dict: Values that win over the files.
        saved: Whether to keep the best epoch's checkpoint, and to test with it.
        nproc: Processes on this machine.
        world_size: Processes on all machines, -1 for those of this one.
        ip: Address of the first machine.
        port: Its port.
        group_offset: Rank of this machine's first process.
        resume: The folder of a run that was stopped, to go on with as its ``config.json`` says;
            then no model, data set or value is given.

    Raises:
        UserError: Something that was given is wrong.
    """
    if nproc < 1:
        raise UserError(f"--nproc is {nproc}, expected at least 1 process.")
    if resume is not None:
        processes = nproc if world_size <= 0 else world_size
        config_dict = RunFolder(Path(resume)).unfinished(processes)
    if nproc == 1 and world_size <= 0:
        return run_recbole(model, dataset, config_file_list, config_dict, saved, resume)
    launch = {
        "world_size": nproc if world_size == -1 else world_size,
        "nproc": nproc,
        "ip": ip,
        "port": str(port),
        "offset": group_offset,
    }
    arguments = (model, dataset, config_file_list, {**(config_dict or {}), **launch}, saved, resume)
    return _run_processes(nproc, arguments)


def _run_processes(nproc: int, arguments: tuple[Any, ...]) -> Result:
    queue = multiprocessing.get_context("spawn").SimpleQueue()
    workers = spawn(  # type: ignore[no-untyped-call]
        _worker, args=(arguments, queue), nprocs=nproc, join=False
    )
    try:
        while not workers.join():
            pass
    except ProcessException:
        if queue.empty():
            raise
    finally:
        for process in workers.processes:  # those that an interrupt has left
            process.terminate()
    outcome = queue.get()
    if isinstance(outcome, str):
        raise UserError(outcome)
    result: Result = outcome
    return result


def _worker(rank: int, arguments: tuple[Any, ...], queue: Any) -> None:
    """One process of a run; a user's error travels to the parent as a text."""
    model, dataset, files, values, saved, resume = arguments
    try:
        result = run_recbole(model, dataset, files, {**values, "local_rank": rank}, saved, resume)
        if rank == 0:
            queue.put(result)
    except UserError as error:
        queue.put(str(error))  # before the group breaks up, which the other processes notice
        raise SystemExit(2) from error
    finally:
        leave_group()


def run_recbole(
    model: Any = None,
    dataset: str | None = None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    resume: str | Path | None = None,
) -> Result:
    """Train a model with early stopping on validation data, then test the best epoch once.

    Args:
        model: Model name or class.
        dataset: Data set name.
        config_file_list: YAML files.
        config_dict: Values that win over the files.
        saved: Whether to keep the best epoch's checkpoint, and to test with it.
        resume: The folder of a run that was stopped, to go on with; the configuration is its own.

    Raises:
        UserError: Something that was given is wrong; nothing has been written then.
    """
    compat.quiet_known_warnings()
    config = Config(model, dataset, config_file_list, config_dict)
    log_to_console(config["state"])
    prepared = prepare(config)
    if resume is None:
        return train_and_test(prepared, saved)
    run = RunFolder(Path(resume))
    check_same_data(run, prepared)
    return train_and_test(prepared, saved, run)


def load(run: str | Path, model: Any = None) -> Prepared:
    """Load a finished run's configuration, data and trained model, in any process.

    Args:
        run: The run's folder, ``saved/RUN_ID``.
        model: The run's model class, where it is one that is not known by name.

    Raises:
        UserError: There is no such run, it is another model's, its files are damaged, or its data
            has changed.
    """
    compat.quiet_known_warnings()
    folder = RunFolder(Path(run))
    values = folder.read_json("config.json")
    if model is not None and model.__name__ != host_name(values["model"]):
        raise UserError(
            f"{run} is a run of {values['model']}, but the model given is {model.__name__}; give "
            "the class that was trained."
        )
    prepared = prepare(Config(model, config_dict=values))
    check_same_data(folder, prepared)
    load_checkpoint(folder.checkpoint, prepared.config, prepared.model)
    prepared.model.eval()
    return prepared


def objective_function(
    config_dict: Mapping[str, Any] | None = None,
    config_file_list: list[str] | None = None,
    saved: bool = True,
) -> dict[str, Any]:
    """Train once for RecBole's ``HyperTuning``.

    Args:
        config_dict: This trial's values.
        config_file_list: YAML files that all trials share.
        saved: Whether to keep the best epoch's checkpoint, and to test with it.
    """
    result = run_recbole(
        config_dict=dict(config_dict or {}), config_file_list=config_file_list, saved=saved
    )
    return {"model": Path(result.run).name.split("-")[0], **asdict(result)}
