"""Run a model on a data set: what ``run_recbole.py`` does, and the same from Python."""

import logging
import multiprocessing
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recbole.data import data_preparation
from recbole.data.transform import construct_transform
from recbole.utils import get_flops, init_seed
from torch.multiprocessing.spawn import ProcessException, spawn

from recbole_drepmrec import compat
from recbole_drepmrec.checkpoint import read_by_recbole
from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.data.ranking_batches import ranked_in_columns
from recbole_drepmrec.data.sampler import follow_protocol
from recbole_drepmrec.data.training_batches import in_columns
from recbole_drepmrec.distributed import from_first, is_first, leave_group, rank
from recbole_drepmrec.errors import UserError, recbole_complaints
from recbole_drepmrec.files import held
from recbole_drepmrec.inference.making import write_inference
from recbole_drepmrec.model.host_vectors import CARRIERS
from recbole_drepmrec.needs import check_needs
from recbole_drepmrec.process import choose_algorithms, keep_freed_memory, mix_in_bfloat16
from recbole_drepmrec.registry import dataset_class, host_name, is_multimodal, provide_dataset
from recbole_drepmrec.result import Result, result_table
from recbole_drepmrec.run_folder import (
    RunFolder,
    command_line,
    data_hashes,
    log_to_console,
    provenance,
)
from recbole_drepmrec.trainer import load_checkpoint, trainer_class

LARGEST_SCORE_BLOCK = 2**26
"""Scores of one evaluation batch, at most: 256 MiB of float32."""

logger = logging.getLogger(__name__)


@dataclass
class Prepared:
    """A configuration with its data split and its model built.

    Attributes:
        config: The resolved configuration.
        dataset: All interactions.
        train_data: RecBole's training loader.
        valid_data: RecBole's validation loader.
        test_data: RecBole's test loader.
        model: The model, on its device.
    """

    config: Config
    dataset: Any
    train_data: Any
    valid_data: Any
    test_data: Any
    model: Any


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
    _check_same_data(run, prepared)
    return train_and_test(prepared, saved, run)


def prepare(config: Config) -> Prepared:
    """Load and split the data, and build the model.

    Args:
        config: The resolved configuration.
    """
    init_seed(config["seed"], config["reproducibility"])
    on_cpu = config["device"].type == "cpu"  # other devices are left as they are: not tried
    choose_algorithms(on_cpu and bool(config["reproducibility"]))
    if on_cpu:
        keep_freed_memory()
    mix_in_bfloat16(config["device"].type)
    dataset = create_dataset(config)
    check_needs(config, dataset)
    ours = is_multimodal(config.model_class)
    in_blocks = ours or config["model"] in CARRIERS
    if in_blocks and set(config["eval_args"]["mode"].values()) == {"full"}:
        users = min(config["eval_batch_users"], max(1, LARGEST_SCORE_BLOCK // dataset.item_num))
        config["eval_batch_size"] = users * dataset.item_num
    with recbole_complaints("the data cannot be split"):
        train_data, valid_data, test_data = data_preparation(config, dataset)
    train_data = in_columns(config, train_data)
    follow_protocol(config, train_data, test_data)
    valid_data, test_data = ranked_in_columns(valid_data), ranked_in_columns(test_data)
    init_seed(config["seed"] + rank(), config["reproducibility"])
    # Our models check what they are given; an error inside them is a fault of ours, to be seen.
    with (
        read_by_recbole(),
        nullcontext() if ours else recbole_complaints(f"{config['model']} cannot be built"),
    ):
        model = config.model_class(config, train_data._dataset).to(config["device"])
    return Prepared(config, dataset, train_data, valid_data, test_data, model)


def create_dataset(config: Config, kind: type[Any] | None = None) -> Any:
    """Load the configured data set, building or downloading it first where that is known.

    Args:
        config: The resolved configuration.
        kind: The data set class; None for that of the configured model.

    Raises:
        UserError: There is no such data set, or its files are not in order.
    """
    problem = None
    if is_first():
        try:
            provide_dataset(config["dataset"], Path(config["data_path"]))
        except UserError as error:
            problem = str(error)
    problem = from_first(problem)  # nobody waits for a process that has given up
    if problem is not None:
        raise UserError(problem)
    return (kind or dataset_class(config))(config)


def train_and_test(
    prepared: Prepared, saved: bool = True, stopped: RunFolder | None = None
) -> Result:
    """Train a prepared model with early stopping, test the best epoch once, and keep the run.

    The model holds the best epoch's parameters afterwards, if they were saved.

    Args:
        prepared: What ``prepare`` gave.
        saved: Whether to keep the best epoch's checkpoint, and to test with it.
        stopped: A run of the same configuration and data to go on with, None for a new one.

    Raises:
        UserError: Training diverged, a file cannot be written, or another process goes on with
            the same run.
    """
    resumed = stopped is not None
    result = _kept(prepared, lambda run: _fit_and_evaluate(prepared, run, saved, resumed), stopped)
    if is_first():
        print(result_table(result, prepared.config["model"], prepared.config["dataset"]))
    return result


def train(prepared: Prepared, goes_on: Callable[[float], bool]) -> Result:
    """Train a prepared model with early stopping, and leave the test data alone.

    Args:
        prepared: What ``prepare`` gave.
        goes_on: Told the score after each validation; False ends the training.

    Returns:
        The best epoch's validation, and no test result; no checkpoint is kept.

    Raises:
        UserError: Training diverged, or a file cannot be written.
    """
    return _kept(prepared, lambda run: _fit(prepared, run, goes_on))


def _kept(
    prepared: Prepared,
    action: Callable[[RunFolder], Result],
    stopped: RunFolder | None = None,
) -> Result:
    """Carry out a run, and keep in its folder what it is, how it ended and what it gave."""
    config = prepared.config
    run = stopped or RunFolder.create(
        Path(config["checkpoint_dir"]), config["model"], config["dataset"]
    )
    with held(run.path) if is_first() else nullcontext():
        if stopped is not None:  # again: another command may have ended it before it was held
            stopped.unfinished(config["world_size"] or 1)
        record = _record(prepared) if stopped is None else _record_of_resumed(stopped)
        run.log_to_file()
        run.write_json("config.json", resolved(config))
        run.write_json("run.json", {**record, "status": "training"})
        try:
            result = action(run)
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            with suppress(UserError):  # a full disk is why, and must not hide behind itself
                run.write_json("run.json", {**record, "status": "failed", "reason": reason})
            raise
        run.write_json("run.json", {**record, "status": "finished", "result": asdict(result)})
        run.remove_leftovers()
    return result


def _fit_and_evaluate(prepared: Prepared, run: RunFolder, saved: bool, resumed: bool) -> Result:
    config, show_progress = prepared.config, prepared.config["show_progress"]
    for part in (config, prepared.dataset, prepared.model):
        logger.info(part)
    _log_flops(prepared)
    trainer = trainer_class(config["MODEL_TYPE"], config["model"])(config, prepared.model, run)
    try:
        if resumed:
            trainer.resume_last()
        best_score, best_valid = trainer.fit(
            prepared.train_data, prepared.valid_data, saved=saved, show_progress=show_progress
        )
        if saved:
            trainer.load_best()
        test = trainer.evaluate(
            prepared.test_data, load_best_model=False, show_progress=show_progress
        )
        if saved and is_first():
            write_inference(run, prepared)
    finally:
        trainer.tensorboard.close()
    return _result(config, run, best_score, best_valid, test)


def _result(config: Config, run: RunFolder, best_score: Any, best_valid: Any, test: Any) -> Result:
    return Result(
        best_valid_score=float(best_score) if best_valid else None,
        valid_score_bigger=config["valid_metric_bigger"],
        best_valid_result=dict(best_valid or {}),
        test_result=dict(test or {}),
        run=str(run.path),
    )


class _EnoughError(Exception):
    """Ends a training between two epochs."""


def _fit(prepared: Prepared, run: RunFolder, goes_on: Callable[[float], bool]) -> Result:
    config = prepared.config
    trainer = trainer_class(config["MODEL_TYPE"], config["model"])(config, prepared.model, run)

    def validated(epoch: int, score: float) -> None:
        if not goes_on(float(score)):
            raise _EnoughError

    try:
        with suppress(_EnoughError):
            trainer.fit(
                prepared.train_data,
                prepared.valid_data,
                saved=False,
                show_progress=config["show_progress"],
                callback_fn=validated,
            )
    finally:
        trainer.tensorboard.close()
    return _result(config, run, trainer.best_valid_score, trainer.best_valid_result, None)


def _record(prepared: Prepared) -> dict[str, Any]:
    """Everything about a run that is known before it trains."""
    config = prepared.config
    loaders = {
        "train": prepared.train_data,
        "valid": prepared.valid_data,
        "test": prepared.test_data,
    }
    splits = {name: loader._dataset for name, loader in loaders.items()}
    features = getattr(prepared.dataset, "modal_features", {})
    return {
        "model": config["model"],
        "dataset": config["dataset"],
        "seed": config["seed"],
        "device": str(config["device"]),
        "processes": config["world_size"] or 1,
        **provenance(command_line()),
        "interactions": {name: len(split) for name, split in splits.items()},
        "data_sha256": data_hashes(splits),
        "features_sha256": {name: modality.sha256 for name, modality in features.items()},
    }


def _record_of_resumed(run: RunFolder) -> dict[str, Any]:
    """What was known of a run when it began, and that it went on."""
    record = run.read_json("run.json")
    record.pop("reason", None)
    return {**record, "resumed": [*record.get("resumed", []), provenance(command_line())]}


def _check_same_data(run: RunFolder, prepared: Prepared) -> None:
    if run.read_json("run.json")["data_sha256"] != _record(prepared)["data_sha256"]:
        name, folder = prepared.config["dataset"], Path(prepared.config["data_path"]).parent
        raise UserError(
            f"the data set {name} in {folder} is not the one that {run.path} was trained on: its "
            "interactions or their split differ."
        )


def _log_flops(prepared: Prepared) -> None:
    """Count operations as RecBole does for its own models, where thop can be imported.

    It copies the whole model, so it is left out for ours, which hold large feature matrices.
    """
    config = prepared.config
    if is_multimodal(config.model_class) or not compat.flops_available():
        return
    transform = construct_transform(config)
    flops = get_flops(prepared.model, prepared.dataset, config["device"], logger, transform)
    logger.info("FLOPs: %s", flops)


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
    _check_same_data(folder, prepared)
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
