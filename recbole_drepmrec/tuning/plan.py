"""What a study is of: model, data, settings and space, all checked before a trial starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import OWN_KEYS, SPLIT_SEED, data_hash, settings_hash
from recbole_drepmrec.evaluation.schedule import Machine
from recbole_drepmrec.files import write_errors
from recbole_drepmrec.libraries import versions
from recbole_drepmrec.registry import provide_dataset
from recbole_drepmrec.run_folder import command_line, provenance
from recbole_drepmrec.tuning.model_space import check_space, read_lines
from recbole_drepmrec.tuning.processes import check_default
from recbole_drepmrec.tuning.record import StudyRecord, check_same, read_record, write_record
from recbole_drepmrec.tuning.space import parse_space
from recbole_drepmrec.tuning.workers import FOLDER

LEFT_BEHIND = {FOLDER, ".open.lock"}
"""What a command leaves that was ended before there was a study."""


def plan_study(
    model: str,
    dataset: str,
    files: list[str],
    values: Mapping[str, Any],
    space_file: Path | None,
    stopping: bool,
) -> StudyRecord:
    """Put together what a study is of.

    Args:
        model: The model's name.
        dataset: The data set's.
        files: YAML files for all trials; what they say of a searched key is where it starts.
        values: Keys of all trials, which are not searched.
        space_file: The search space, None for the model's own.
        stopping: Whether trials that fall behind are stopped.

    Raises:
        UserError: Something that was given is wrong.
    """
    given = sorted((OWN_KEYS - {"seed"}) & set(values))
    if given:
        raise UserError(f"--{given[0]} cannot be given here; `--help` lists the options.")
    config = Config(model, dataset, files, {"state": "error", **values})
    _check_validates(config)
    settings = _settings(config)
    lines = read_lines(config["model"], space_file, values)
    check_space(parse_space(lines, "the search space"), settings, files, values)
    folder = Path(config["data_path"])
    provide_dataset(dataset, folder)
    return StudyRecord(
        model=config["model"],
        dataset=dataset,
        settings=settings,
        settings_sha256=settings_hash(settings, str(data_hash(folder, settings))),
        given={key: settings[key] for key in config.external_config_dict if key in settings},
        space=lines,
        metric=str(config["valid_metric"]).lower(),
        bigger=config["valid_metric_bigger"],
        first_rung=max(1, config["stopping_step"]) if stopping else None,
        command=command_line(),
        versions={**provenance([])["versions"], **versions("optuna")},
        on_gpu=config["device"].type == "cuda",
    )


def _check_validates(config: Config) -> None:
    for key in ("epochs", "eval_step"):
        if config[key] < 1:
            raise UserError(
                f"`{key}` is {config[key]}, so nothing is validated and no setting can be chosen; "
                f"give --{key}=1 or more."
            )


def _settings(config: Config) -> dict[str, Any]:
    """The default setting, on the split that comparisons use, whatever the seed."""
    values = resolved(config)
    if values["split_seed"] is None:
        values["split_seed"] = SPLIT_SEED
    return {**values, "show_progress": False, "state": "info"}


def open_study(out: Path, record: StudyRecord, limits: Machine) -> None:
    """See that the folder holds this study; make it, once the default setting can be prepared.

    Args:
        out: The study's folder.
        record: What the study is of.
        limits: How many processes may run.

    Raises:
        UserError: The folder holds something else, or the data set is not in order.
    """
    stored = read_record(out)
    if stored is not None:
        return check_same(out, stored, record)
    if out.exists() and (not out.is_dir() or {one.name for one in out.iterdir()} - LEFT_BEHIND):
        raise UserError(f"{out} is there and holds no study; give a new folder with --out.")
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".open.lock"):
        stored = read_record(out)
        if stored is not None:  # the same command, given twice at once
            return check_same(out, stored, record)
        check_default(out, record, limits)
        write_record(out, record)
