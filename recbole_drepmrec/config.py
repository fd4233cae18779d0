"""RecBole's configuration with our property files laid over it and every key checked."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import recbole.config
import torch
import yaml
from recbole.utils import (
    EvaluatorType,
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_drepmrec import compat
from recbole_drepmrec.data.dataset import MODALITY_KEYS
from recbole_drepmrec.data.sampler import check_cross_entropy, check_negatives
from recbole_drepmrec.data.splits import SPLIT_KEYS
from recbole_drepmrec.distributed import join_group
from recbole_drepmrec.errors import UnknownKeyError, UserError, recbole_complaints
from recbole_drepmrec.literals import Loader, literal, read_yaml
from recbole_drepmrec.model.bma_host import with_bma
from recbole_drepmrec.protocol import (
    SPLITS_BY_RATIOS,
    apply_split,
    check_labeled,
    check_metrics,
    check_mode,
    check_valid_metric,
    preset,
)
from recbole_drepmrec.recbole_values import (
    check_dataset_name,
    check_embedding_size,
    check_shapes,
    check_split,
)
from recbole_drepmrec.registry import (
    BMA_SUFFIX,
    get_model,
    host_name,
    is_multimodal,
    properties_folders,
    recbole_properties,
)
from recbole_drepmrec.settings import CommonSettings, ModalitySettings, ProtocolSettings

# RecBole's data cache compares these keys only; a key left out would return stale data.
_OUR_DATA_KEYS = dict.fromkeys([*MODALITY_KEYS, *SPLIT_KEYS])
dataset_arguments.extend(key for key in _OUR_DATA_KEYS if key not in dataset_arguments)

LAUNCH_KEYS = frozenset(
    {"model", "dataset", "config_files", "nproc", "ip", "port", "world_size", "offset"}
    | {"local_rank"}
)
"""Keys that say how a run is started rather than what it is."""

UNDOCUMENTED_KEYS = frozenset(
    {"encoding", "verbose", "loss_type", "numerical_features", "discretization"}
    | {"benchmark_filename", "additional_feat_suffix", "token_num_threshold", "tail_ratio"}
    | {"convert_token_to_onehot", "ft_ratio", "mask_ratio", "train_rec_step", "train_kg_step"}
    | {"pretrain_epochs", "save_step", "warm_up_step", "m_step", "n_enc_epochs", "n_dec_epochs"}
    | {"beta", "eta", "norm", "reg_weight", "kge_interval"}
)
"""Keys that RecBole 1.2.1 reads but names in none of its property files."""

PICKLE_KEYS = ("save_dataset", "dataset_save_path", "save_dataloaders", "dataloaders_save_path")
"""RecBole's keys for data kept as pickles."""


class Config(recbole.config.Config):
    """RecBole's ``Config`` that finds our property files and refuses what it does not know.

    Later wins: RecBole's property files, ours, the preset of ``protocol``, ``config_file_list``,
    ``config_dict``. The command line is read by the launcher, which passes it on as
    ``config_dict``; unlike RecBole's, this class never reads ``sys.argv`` by itself.

    Args:
        model: Model name or class.
        dataset: Data set name.
        config_file_list: YAML files.
        config_dict: Values; a text is read as a Python or YAML literal where it is one.

    Raises:
        UserError: A file, name, key or value is wrong.
    """

    def __init__(
        self,
        model: Any = None,
        dataset: str | None = None,
        config_file_list: list[str] | None = None,
        config_dict: dict[str, Any] | None = None,
    ) -> None:
        with recbole_complaints("the configuration is not valid"):
            super().__init__(model, dataset, config_file_list, config_dict)
        check_shapes(self.final_config_dict)
        # None too: RecBole asks what is `in` it
        self["numerical_features"] = self["numerical_features"] or []
        CommonSettings.from_config(self)
        ModalitySettings.from_config(self)
        ProtocolSettings.from_config(self)
        apply_split(self.final_config_dict, self.external_config_dict)
        # files of parts are split already, and nobody reads how
        if self["split_by"] != "recbole" or not self["benchmark_filename"]:
            check_split(self.final_config_dict["eval_args"])
        self._warn_of_idle_ratios()
        check_negatives(self, self.internal_config_dict["train_neg_sample_args"])
        check_labeled(self.final_config_dict)
        if self["eval_step"] and self["eval_type"] == EvaluatorType.RANKING:
            check_valid_metric(self.final_config_dict)
        self._refuse_pickles()
        if is_multimodal(self.model_class):
            self.model_class.read_settings(self)
        if "embedding_size" in self.internal_config_dict:
            check_embedding_size(self.final_config_dict)

    def _refuse_pickles(self) -> None:
        for key in PICKLE_KEYS:
            if self[key]:
                raise UserError(
                    f"`{key}` is {self[key]!r}: RecBole keeps data as pickles, which run code when "
                    "they are loaded, so it is not supported; leave it out, data is read anew."
                )

    def _set_default_parameters(self) -> None:
        if not hasattr(self.model_class, "input_type"):  # else `loss_type` says nothing of it
            check_cross_entropy(self.model, self.final_config_dict)
        super()._set_default_parameters()

    def compatibility_settings(self) -> None:
        """Mend numpy and scipy for RecBole, whose own way does not run on numpy 2."""
        compat.install()

    def _init_parameters_category(self) -> None:
        # Copies: RecBole extends these lists in place, for every later configuration too.
        self.parameters = {
            "General": list(general_arguments),
            "Training": list(training_arguments),
            "Evaluation": list(evaluation_arguments),
            "Dataset": list(dataset_arguments),
        }

    def _build_yaml_loader(self) -> type[yaml.SafeLoader]:
        return Loader

    def _load_config_files(self, file_list: Iterable[str] | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for file in file_list or []:
            values.update(read_yaml(Path(file)))
        return values

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return {key: literal(value) for key, value in config_dict.items()}

    def _get_model_and_dataset(self, model: Any, dataset: str | None) -> tuple[str, Any, str]:
        model = model if model is not None else self.external_config_dict.get("model")
        dataset = dataset if dataset is not None else self.external_config_dict.get("dataset")
        for key, value in (("model", model), ("dataset", dataset)):
            if value is None:
                raise UserError(f"no {key} was given; name one with --{key}.")
        check_dataset_name(str(dataset))
        name = model if isinstance(model, str) else model.__name__
        if self._wears_bma(name) and not name.endswith(BMA_SUFFIX):
            name += BMA_SUFFIX
            model = name if isinstance(model, str) else with_bma(model)
        return name, get_model(name) if isinstance(model, str) else model, str(dataset)

    def _wears_bma(self, name: str) -> bool:
        given, named = self.external_config_dict.get("bma"), name.endswith(BMA_SUFFIX)
        if given not in (None, True, False):
            raise UserError(f"`bma` is {given!r}, expected True or False.")
        if named and given is False:
            raise UserError(f"the model is {name}, but `bma` is False; leave one of them out.")
        return named or bool(given)

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        host = host_name(model)
        super()._load_internal_config_dict(host, model_class, dataset)
        names = ["overall.yaml", f"model/{host}.yaml", f"dataset/{dataset}.yaml"]
        if host != model:
            names.insert(2, "model/BMA.yaml")
        for file in (folder / name for folder in properties_folders() for name in names):
            if file.is_file():
                self.internal_config_dict.update(read_yaml(file))
        self._note_bma(model, wears=host != model)
        given = self.external_config_dict
        protocol = given.get("protocol", self.internal_config_dict["protocol"])
        self.internal_config_dict.update(preset(protocol, given))
        self._check_keys(model)
        self._check_types()
        values = {**self.internal_config_dict, **given}
        check_mode(values["eval_args"])
        check_metrics(values["metrics"], values["topk"])

    def _note_bma(self, model: str, wears: bool) -> None:
        defaults = self.internal_config_dict
        if defaults["bma"] and not wears:
            raise UserError(
                "`bma` is True in a property file, where it has no effect; give --bma=True, or "
                f"--model={model}{BMA_SUFFIX}."
            )
        defaults["bma"] = wears
        if wears and defaults["train_neg_sample_args"] is None:
            # The host has no use for negatives, but BPR on the fused vectors has.
            defaults["train_neg_sample_args"] = {"distribution": "uniform", "sample_num": 1}

    def _check_keys(self, model: str) -> None:
        arguments = {key for keys in self.parameters.values() for key in keys}
        known = arguments | set(self.internal_config_dict) | LAUNCH_KEYS | UNDOCUMENTED_KEYS
        for key in sorted(self.external_config_dict.keys() - known):
            if key not in _keys_of_all_models():
                raise UnknownKeyError(key, known)
            # One file of settings for several models is common, so this is no error.
            cure = " without --bma=True" if key.startswith("bma_") else ""
            if f"bma_{key}" in known:
                cure = f"; the plug-in's key is `bma_{key}`"
            logging.getLogger(__name__).warning("`%s` has no effect on %s%s.", key, model, cure)

    def _warn_of_idle_ratios(self) -> None:
        ratios, split_by = (self.final_config_dict[key] for key in ("split_ratios", "split_by"))
        default = self.internal_config_dict["split_ratios"]
        if ratios != default and split_by not in SPLITS_BY_RATIOS:
            # No error: a resolved configuration, which has all keys, is given again.
            logging.getLogger(__name__).warning(
                "`split_ratios` has no effect with `split_by: %s`; add --split_by=%s.%s",
                split_by,
                " or ".join(SPLITS_BY_RATIOS),
                " RecBole's own ratios are those of `eval_args`." if split_by == "recbole" else "",
            )

    def _check_types(self) -> None:
        """A number stays a number and a switch a switch, whatever model the key belongs to."""
        for key, value in self.external_config_dict.items():
            default = self.internal_config_dict.get(key)
            kind = _kind(default)
            if kind is not None and value is not None and _kind(value) != kind:
                raise UserError(f"`{key}` is {value!r}, expected {kind} such as {default!r}.")

    def _init_device(self) -> None:
        """Choose the device from ``use_gpu`` and ``gpu_id``, and join the process group if any.

        Unlike RecBole's, it leaves CUDA_VISIBLE_DEVICES alone and honours ``use_gpu``.
        """
        settings = self.final_config_dict
        gpus = _gpu_ids(settings["gpu_id"])
        use_gpu = bool(settings["use_gpu"]) and bool(gpus) and torch.cuda.is_available()
        if use_gpu and max(gpus) >= torch.cuda.device_count():
            raise UserError(
                f"`gpu_id` is {settings['gpu_id']!r}, but this machine has "
                f"{torch.cuda.device_count()} GPUs, numbered from 0."
            )
        named = bool(settings["use_gpu"]) and gpus != _gpu_ids(self.internal_config_dict["gpu_id"])
        if named and gpus and not torch.cuda.is_available():
            logging.getLogger(__name__).warning(
                "`gpu_id` is %s, but torch finds no GPU here: this runs on the CPU.",
                settings["gpu_id"],
            )
        settings["single_spec"] = "local_rank" not in settings
        rank = settings.setdefault("local_rank", 0)
        settings["gpu_id"] = ",".join(map(str, gpus))
        if use_gpu and not settings["single_spec"] and len(gpus) < settings["nproc"]:
            raise UserError(
                f"`gpu_id` names {len(gpus)} GPUs for --nproc={settings['nproc']} processes; name "
                "one a process, or run on CPU with --use_gpu=False."
            )
        settings["device"] = torch.device("cuda", gpus[rank]) if use_gpu else torch.device("cpu")
        if not settings["single_spec"]:
            join_group(settings)
        if rank != 0:
            settings.update(state="error", show_progress=False, verbose=False)


def _keys_of_all_models() -> set[str]:
    """Keys in the property files of all models, RecBole's and ours."""
    folders = [recbole_properties(), *properties_folders()]
    files = [file for folder in folders for file in (folder / "model").glob("*.yaml")]
    return {key for file in files for key in read_yaml(file)}


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, int | float):
        return "a number"
    return None


def _gpu_ids(given: Any) -> list[int]:
    """Device numbers out of ``0``, ``'0,1'``, ``(0, 1)`` or ``''``."""
    parts = given if isinstance(given, list | tuple) else str(given).split(",")
    try:
        return [int(part) for part in parts if str(part).strip()]
    except ValueError:
        raise UserError(
            f"`gpu_id` is {given!r}, expected GPU numbers such as 0 or '0,1'; for CPU set "
            "--use_gpu=False."
        ) from None


DERIVED_KEYS = frozenset(
    {"MODEL_TYPE", "MODEL_INPUT_TYPE", "eval_type", "device", "single_spec", "valid_metric_bigger"}
    | {"valid_neg_sample_args", "test_neg_sample_args"}
)
"""Keys that a configuration works out by itself, and so cannot be given."""


def resolved(config: Config) -> dict[str, Any]:
    """A configuration as JSON takes it; ``Config(config_dict=...)`` of it gives the same again."""
    values = {
        key: _plain(value)
        for key, value in config.final_config_dict.items()
        if key not in DERIVED_KEYS | LAUNCH_KEYS
    }
    if values["train_neg_sample_args"]["distribution"] == "none":
        values["train_neg_sample_args"] = None
    # RecBole appends the data set's name to what was given.
    values["data_path"] = str(Path(config["data_path"]).parent)
    return {"model": config["model"], "dataset": config["dataset"], **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
