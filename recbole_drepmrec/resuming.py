"""What a run is known by, and whether a training that was stopped can go on as if never stopped."""

import json
from pathlib import Path
from typing import Any

from recbole.utils import ModelType

from recbole_drepmrec.config import resolved
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import Prepared
from recbole_drepmrec.run_folder import RunFolder, command_line, data_hashes, provenance
from recbole_drepmrec.run_record import RECORD, read_record

OF_THE_START = {"command", "started"}
"""What two runs of the same training differ in."""

STOPPED = ("training", "interrupted")
"""The status of a run whose process was killed, or left by Ctrl-C."""


def record_of(prepared: Prepared) -> dict[str, Any]:
    """Everything about a run that is known before it trains.

    Args:
        prepared: What is to be trained.
    """
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


def record_of_resumed(run: RunFolder) -> dict[str, Any]:
    """What was known of a run when it began, and that it went on.

    Args:
        run: The run's folder.
    """
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
    if run.read_json(RECORD)["data_sha256"] != record_of(prepared)["data_sha256"]:
        name, folder = prepared.config["dataset"], Path(prepared.config["data_path"]).parent
        raise UserError(
            f"the data set {name} in {folder} is not the one that {run.path} was trained on: its "
            "interactions or their split differ."
        )


def stopped_run(prepared: Prepared) -> RunFolder | None:
    """A run of this very training that was stopped, to go on with: its numbers will be the same.

    Settings, data, features, versions, machine and threads agree. Only general models are looked
    for: what RecBole's others hold besides their parameters is not in a checkpoint.

    Args:
        prepared: What is to be trained; the runs in its ``checkpoint_dir`` are looked at.

    Returns:
        None where there is no such run, or more than one.
    """
    config = prepared.config
    if config["MODEL_TYPE"] != ModelType.GENERAL:
        return None
    files = Path(config["checkpoint_dir"]).glob(f"*/{RECORD}")
    stopped = [run for run in (RunFolder(file.parent) for file in files) if _was_stopped(run)]
    if len(stopped) != 1:
        return None
    (run,) = stopped
    return run if _is_of(run, prepared) else None


def _was_stopped(run: RunFolder) -> bool:
    return read_record(run.path).get("status") in STOPPED and run.last.is_file()


def _is_of(run: RunFolder, prepared: Prepared) -> bool:
    there, here = read_record(run.path), record_of(prepared)
    settings = json.loads(json.dumps(resolved(prepared.config)))
    same = all(there.get(name) == here[name] for name in here.keys() - OF_THE_START)
    return same and run.read_json("config.json") == settings
