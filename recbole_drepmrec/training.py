"""Trains a prepared model, and keeps in a run's folder what it is and what came of it."""

import logging
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recbole.data.transform import construct_transform
from recbole.utils import get_flops

from recbole_drepmrec import compat
from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.distributed import is_first
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import held
from recbole_drepmrec.inference.making import write_inference
from recbole_drepmrec.prepared import Prepared
from recbole_drepmrec.registry import is_multimodal
from recbole_drepmrec.result import Result, result_table
from recbole_drepmrec.run_folder import RunFolder, command_line, data_hashes, provenance
from recbole_drepmrec.run_record import RECORD
from recbole_drepmrec.terminal import is_watched
from recbole_drepmrec.trainer import trainer_class

logger = logging.getLogger(__name__)


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


def train(prepared: Prepared, goes_on: Callable[[float, str], bool]) -> Result:
    """Train a prepared model with early stopping, and leave the test data alone.

    Args:
        prepared: What ``prepare`` gave.
        goes_on: Told the score after each validation and the run's folder; False ends the training.

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
        run.write_json(RECORD, {**record, "status": "training"})
        try:
            result = action(run)
        except BaseException as error:
            with suppress(UserError):  # a full disk is why, and must not hide behind itself
                run.write_json(RECORD, {**record, **_broken_off(error)})
            if isinstance(error, KeyboardInterrupt) and run.last.is_file():
                raise KeyboardInterrupt(f"--resume={run.path} goes on with it") from None
            raise
        run.write_json(RECORD, {**record, "status": "finished", "result": asdict(result)})
        run.remove_leftovers()
    return result


def _broken_off(error: BaseException) -> dict[str, str]:
    if isinstance(error, KeyboardInterrupt):
        return {"status": "interrupted"}
    return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}


def _fit_and_evaluate(prepared: Prepared, run: RunFolder, saved: bool, resumed: bool) -> Result:
    config, show_progress = prepared.config, _shows_progress(prepared.config)
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


def _shows_progress(config: Config) -> bool:
    return bool(config["show_progress"]) and is_watched()


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


def _fit(prepared: Prepared, run: RunFolder, goes_on: Callable[[float, str], bool]) -> Result:
    config = prepared.config
    trainer = trainer_class(config["MODEL_TYPE"], config["model"])(config, prepared.model, run)

    def validated(epoch: int, score: float) -> None:
        if not goes_on(float(score), str(run.path)):
            raise _EnoughError

    try:
        with suppress(_EnoughError):
            trainer.fit(
                prepared.train_data,
                prepared.valid_data,
                saved=False,
                show_progress=_shows_progress(config),
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
    record = run.read_json(RECORD)
    record.pop("reason", None)
    return {**record, "resumed": [*record.get("resumed", []), provenance(command_line())]}


def check_same_data(run: RunFolder, prepared: Prepared) -> None:
    """See that a run is of the data that are prepared.

    Args:
        run: The run's folder.
        prepared: What its configuration gives now.

    Raises:
        UserError: Interactions or their split differ.
    """
    if run.read_json(RECORD)["data_sha256"] != _record(prepared)["data_sha256"]:
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
