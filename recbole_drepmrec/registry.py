"""Models and data sets by name: ours first, then RecBole's."""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from recbole_drepmrec.data.ml100k import build_ml100k_mm
from recbole_drepmrec.data.recbole_dataset import (
    SafeDataset,
    SafeKnowledgeBasedDataset,
    SafeSequentialDataset,
    safe_dataset_class,
)
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.suggestions import nearest

MODELS = {
    "BM3": "recbole_drepmrec.model.bm3",
    "DRAGON": "recbole_drepmrec.model.dragon",
    "DRepMRec": "recbole_drepmrec.model.drepmrec",
    "DualGNN": "recbole_drepmrec.model.dualgnn",
    "FREEDOM": "recbole_drepmrec.model.freedom",
    "GRCN": "recbole_drepmrec.model.grcn",
    "ItemKNNCBF": "recbole_drepmrec.model.itemknncbf",
    "LATTICE": "recbole_drepmrec.model.lattice",
    "LGMRec": "recbole_drepmrec.model.lgmrec",
    "MGCN": "recbole_drepmrec.model.mgcn",
    "MMGCN": "recbole_drepmrec.model.mmgcn",
    "SLMRec": "recbole_drepmrec.model.slmrec",
    "VBPR": "recbole_drepmrec.model.vbpr",
}
"""Our models and the modules that define them."""

DATASET_BUILDERS: dict[str, Callable[[Path], None]] = {"ml-100k-mm": build_ml100k_mm}
"""Data sets that are built on first use, without a download."""

BMA_SUFFIX = "+BMA"
"""Ends the name of a model that wears the plug-in, as in ``LightGCN+BMA``."""

DEFAULT_MODEL = "DRepMRec"
DEFAULT_DATASET = "ml-100k-mm"


def get_model(name: str) -> Any:
    """Return the model class of that name; ``HOST+BMA`` is the model HOST wearing BMA.

    Raises:
        UserError: Neither we nor RecBole have such a model, or it cannot carry BMA.
    """
    host, plus, plug_in = name.partition("+")
    if plus:
        if plus + plug_in != BMA_SUFFIX:
            raise UserError(
                f"there is no model '{name}': the one plug-in is BMA, as in 'LightGCN{BMA_SUFFIX}'."
            )
        from recbole_drepmrec.model.bma_host import with_bma

        return with_bma(get_model(host))
    if name in MODELS:
        return getattr(importlib.import_module(MODELS[name]), name)
    if name not in recbole_models():
        near = nearest(name, [*MODELS, *recbole_models()])
        raise UserError(
            f"there is no model '{name}'{near or '.'} `recbole-drepmrec train --help` lists them."
        )
    return _recbole_model(name)


def _recbole_model(name: str) -> Any:
    """RecBole's model, torch being left as it was.

    Its sequential models come all at once, and importing SINE slows every training of the process
    down: it has torch look for NaN in each step of a gradient.
    """
    import torch
    from recbole.utils import get_model as get_recbole_model

    looks_for_nan = torch.is_anomaly_enabled()
    try:
        return get_recbole_model(name)
    finally:
        torch.autograd.set_detect_anomaly(looks_for_nan)


def host_name(name: str) -> str:
    """The model that a name is of, without the plug-in that it may wear."""
    return name.removesuffix(BMA_SUFFIX)


def is_multimodal(model_class: Any) -> bool:
    """Whether a model reads item features, and so needs our data set."""
    from recbole_drepmrec.model.base import FeatureRecommender

    return isinstance(model_class, type) and issubclass(model_class, FeatureRecommender)


@cache
def recbole_models() -> tuple[str, ...]:
    """Names of RecBole's models, sorted; those that wrap tree libraries are left out."""
    general = importlib.import_module("recbole.model.general_recommender")
    classes = {name for name in vars(general) if name[0].isupper()}
    with_properties = {path.stem for path in recbole_properties().glob("model/*.yaml")}
    return tuple(sorted(classes | with_properties - {"lightgbm", "xgboost"}))


@cache
def recbole_general_models() -> tuple[str, ...]:
    """Names of RecBole's general recommenders, sorted."""
    general = importlib.import_module("recbole.model.general_recommender")
    return tuple(sorted(name for name in vars(general) if name[0].isupper()))


def recbole_properties() -> Path:
    """RecBole's own folder of property files.

    Raises:
        UserError: RecBole is not installed.
    """
    spec = importlib.util.find_spec("recbole")
    if spec is None or spec.origin is None:
        raise UserError(
            "RecBole is not installed; run `pip install --no-deps recbole==1.2.1` (without its "
            "dependencies: it pins a ray that current Pythons cannot install, and needs none)."
        )
    return Path(spec.origin).parent / "properties"


def properties_folders() -> list[Path]:
    """Folders of our property files, a later one laid over an earlier one.

    The package's own (in a wheel inside it, in a checkout beside it), then ``properties`` in the
    working folder, where users keep their data sets.
    """
    package = Path(__file__).parent
    inside, beside = package / "properties", package.parent / "properties"
    own = inside if inside.is_dir() else beside
    here = Path("properties").resolve()
    return [own, here] if here.is_dir() and here != own.resolve() else [own]


def known_datasets(data_path: Path) -> list[str]:
    """Names that ``--dataset`` takes: configured, prepared under ``data_path``, or embedded."""
    configured = {
        file.stem for folder in properties_folders() for file in folder.glob("dataset/*.yaml")
    }
    return sorted(configured.union(datasets_at_hand(data_path)))


def datasets_at_hand(data_path: Path) -> list[str]:
    """Names of the data sets that need no other folder: prepared, embedded or RecBole's own.

    Args:
        data_path: The folder of data sets.
    """
    prepared = {path.name for path in data_path.glob("*/") if any(path.glob("*.inter"))}
    return sorted(prepared | set(DATASET_BUILDERS) | {"ml-100k"})


def provide_dataset(name: str, folder: Path) -> None:
    """See to it that a data set's folder is there, or that RecBole can download it.

    Args:
        name: The data set.
        folder: Where its files are expected.

    Raises:
        UserError: The folder is missing, and nobody knows how to make it.
    """
    if _filled(folder):
        return
    if name in DATASET_BUILDERS:
        _build(name, folder)
        return
    urls = yaml.safe_load((recbole_properties() / "dataset" / "url.yaml").read_text())
    if name not in urls:
        known = datasets_at_hand(folder.parent)
        near = nearest(name, known)
        parent = folder.parent
        what = f"{folder}" if parent.is_dir() else f"The folder of data sets, --data_path={parent},"
        raise UserError(
            f"there is no data set '{name}'{near or '.'} {what} does not exist and RecBole knows "
            f"no download of that name. Set --data_path to the folder that holds "
            f"{name}/{name}.inter, or choose one of {', '.join(known)}."
        )


def _build(name: str, folder: Path) -> None:
    """Build a data set, unless a run beside this one has just finished it."""
    try:
        DATASET_BUILDERS[name](folder)
    except UserError:
        if not _filled(folder):
            raise


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def dataset_class(config: Any) -> type[Any]:
    """The data set class of the configured model: ours, or RecBole's made safe."""
    from recbole.utils import ModelType

    from recbole_drepmrec.data.dataset import MultimodalDataset

    if is_multimodal(config.model_class):
        return MultimodalDataset
    module = importlib.import_module("recbole.data.dataset")
    own = getattr(module, f"{config['model']}Dataset", None)
    if own is not None:
        return safe_dataset_class(own)
    by_type: dict[Any, type[Any]] = {
        ModelType.SEQUENTIAL: SafeSequentialDataset,
        ModelType.KNOWLEDGE: SafeKnowledgeBasedDataset,
    }
    return by_type.get(config["MODEL_TYPE"], SafeDataset)
