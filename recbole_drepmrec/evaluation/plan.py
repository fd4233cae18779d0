"""What a comparison will run: each run's settings, checked before the first one starts."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole.utils import EvaluatorType, ModelType, dataset_arguments

import recbole_drepmrec
from recbole_drepmrec.config import LAUNCH_KEYS, Config, resolved
from recbole_drepmrec.data.dataset import modality_sources
from recbole_drepmrec.data.features import file_hash
from recbole_drepmrec.data.splits import SPLIT_KEYS
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.records import JobKey
from recbole_drepmrec.registry import get_model, is_multimodal

SPLIT_SEED = 2020
"""Seed of the split where no ``split_seed`` is given: ``seed`` changes, the split must not."""

EQUAL_KEYS = ("eval_args", "metrics", "topk", "valid_metric", "mask_valid_in_test", *SPLIT_KEYS)
"""Keys that all models of a data set must share, or their numbers are not comparable."""

INDIFFERENT_KEYS = ("checkpoint_dir", "data_path", "keep_features", "show_progress", "state")
"""Keys that change nothing of what a run gives."""

RUNS = "runs"
"""Folder, in that of a job, where its run has a folder."""

OWN_KEYS = LAUNCH_KEYS | {"seed", "checkpoint_dir"}
"""Keys that the command sets for each run."""


@dataclass(frozen=True)
class Variant:
    """What is compared: a model, with settings of its own if need be.

    Attributes:
        name: Its name in folders and tables.
        model: The model's name.
        values: Keys that win over those of all runs.
    """

    name: str
    model: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The runs of a comparison.

    Attributes:
        settings: The resolved configuration of each run.
        folders: The folder of each data set, as RecBole finds it.
        on_gpu: Whether models are put on a GPU.
    """

    settings: dict[JobKey, dict[str, Any]]
    folders: dict[str, Path]
    on_gpu: bool

    @property
    def datasets(self) -> dict[str, dict[str, Any]]:
        """Data set to the settings of its first run."""
        first: dict[str, dict[str, Any]] = {}
        for key, settings in self.settings.items():
            first.setdefault(key.dataset, settings)
        return first


def make_plan(
    datasets: list[str],
    variants: list[Variant],
    seeds: list[int],
    files: list[str],
    values: Mapping[str, Any],
    out: Path,
) -> Plan:
    """Resolve the configuration of each run.

    Args:
        datasets: Their names.
        variants: What is compared, each under a name of its own.
        seeds: A run of each variant on each data set for each.
        files: YAML files that all runs share.
        values: Keys that win over the files.
        out: The comparison's folder.

    Raises:
        UserError: A name, key or value is wrong, or models would be measured differently.
    """
    names = [one.name for one in variants]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(
            f"two of the variants would be called '{repeated[0]}'; rename the modality, in "
            "`modalities`, that gives one of them its name."
        )
    given = sorted(OWN_KEYS & set(values))
    if given:
        raise UserError(
            f"--{given[0]} cannot be given here, where it is set for each run; `--help` lists the "
            "options that choose the runs and their folder."
        )
    settings, folders, on_gpu = {}, {}, False
    for dataset in datasets:
        for one in variants:
            _check_kind(one.model)
        configs = {
            one.name: Config(one.model, dataset, files, {"state": "error", **values, **one.values})
            for one in variants
        }
        for config in configs.values():
            _check_ranking(config)
            _check_modalities(config)
        _check_equal(dataset, configs)
        folders[dataset] = Path(configs[variants[0].name]["data_path"])
        on_gpu |= any(config["device"].type == "cuda" for config in configs.values())
        for seed in seeds:
            for name, config in configs.items():
                key = JobKey(dataset, name, seed)
                settings[key] = _job_settings(config, key, out)
    return Plan(settings, folders, on_gpu)


def _job_settings(config: Config, key: JobKey, out: Path) -> dict[str, Any]:
    values = resolved(config)
    if values["split_seed"] is None:
        values["split_seed"] = SPLIT_SEED
    folder = str(key.folder(out) / RUNS)
    own = {"seed": key.seed, "checkpoint_dir": folder, "show_progress": False, "state": "info"}
    return {**values, **own, "keep_features": False}  # of many runs they would fill a disk


def _check_ranking(config: Config) -> None:
    modes = set(config["eval_args"]["mode"].values())
    if config["eval_type"] != EvaluatorType.RANKING or modes != {"full"}:
        raise UserError(
            f"a comparison ranks all items, but `eval_args` has mode {config['eval_args']['mode']} "
            f"and `metrics` is {config['metrics']}; set eval_args: {{mode: full}} and metrics such "
            "as [Recall, NDCG]."
        )
    if not config["topk"]:
        raise UserError("`topk` is empty; give the lengths of the lists, such as --topk=[10,20].")
    if config["epochs"] < 1:
        raise UserError(f"`epochs` is {config['epochs']}, expected 1 or more in a comparison.")


def _check_kind(model: str) -> None:
    """Before its configuration, which RecBole refuses for reasons that are beside the point."""
    if getattr(get_model(model), "type", None) == ModelType.SEQUENTIAL:
        raise UserError(
            f"{model} is a sequential model, which predicts each user's next item and so is tested "
            "on other data than the rest; leave it out of --models."
        )


def _check_modalities(config: Config) -> None:
    """See that a data set that is there has what the model reads, before others have trained."""
    folder = Path(config["data_path"])
    if is_multimodal(config.model_class) and folder.is_dir():
        try:
            modality_sources(config["modalities"], config["use_modalities"])
        except UserError as error:
            raise UserError(f"{config['model']} on {config['dataset']}: {error}") from error


def _check_equal(dataset: str, configs: Mapping[str, Config]) -> None:
    first, *others = configs
    for model in others:
        for key in EQUAL_KEYS:
            one, other = configs[first][key], configs[model][key]
            if one != other:
                raise UserError(
                    f"on {dataset}, `{key}` is {one!r} for {first} but {other!r} for {model}, so "
                    f"they cannot be compared; set it for all by --{key}, or take it out of the "
                    f"property file of one."
                )


def settings_hash(settings: Mapping[str, Any], data: str) -> str:
    """Hash of all that a run's numbers depend on: configuration, our version, data.

    Args:
        settings: A resolved configuration.
        data: ``data_hash`` of its data set.
    """
    values = {key: value for key, value in settings.items() if key not in INDIFFERENT_KEYS}
    return _hash({"settings": values, "version": recbole_drepmrec.__version__, "data": data})


def split_hash(settings: Mapping[str, Any], data: str) -> str:
    """Hash of what a data set's split depends on.

    Args:
        settings: A resolved configuration of any model.
        data: ``data_hash`` of its data set.
    """
    names = sorted({*dataset_arguments, *SPLIT_KEYS, "eval_args", "dataset"})
    values = {name: settings.get(name) for name in names}
    return _hash({"settings": values, "version": recbole_drepmrec.__version__, "data": data})


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def data_hash(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Hash of a data set's files; None if it is not there yet.

    Its folder's own files count, and the feature files wherever they are; what is worked out from
    them lies in folders below and does not.

    Args:
        folder: The data set's folder.
        settings: A resolved configuration.
    """
    if not folder.is_dir():
        return None
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    if settings["modalities"]:
        sources = modality_sources(settings["modalities"], None).values()
        named = [folder / name for source in sources for name in source.files]
        files += [path for path in named if path.is_file()]
    return _hash({os.path.relpath(path, folder): file_hash(path) for path in sorted(set(files))})
