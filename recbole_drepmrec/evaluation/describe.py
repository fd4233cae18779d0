"""Splits a data set as every run of a comparison does, and says who is in which part."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from recbole.utils import init_seed

from recbole_drepmrec import compat
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.splits import SPLIT_NAMES
from recbole_drepmrec.data.titles import read_titles
from recbole_drepmrec.evaluation.split import Names, Split, write_split
from recbole_drepmrec.prepared import create_dataset
from recbole_drepmrec.registry import dataset_class


def describe_task(folder: Path, out: Path, settings: dict[str, Any], sha256: str) -> None:
    """Write ``split.npz``: what a process of a comparison does before any run.

    Args:
        folder: Where it goes.
        out: The comparison's folder.
        settings: A resolved configuration.
        sha256: Its hash.

    Raises:
        UserError: The data set is not in order, or cannot be split so.
    """
    write_split(folder / "split.npz", describe_split(Config(config_dict=settings)))


def describe_split(config: Any) -> Split:
    """Load a data set with its modalities, split it, and describe the split.

    Args:
        config: The resolved configuration of any model; ``split_seed`` is given.

    Raises:
        UserError: The data set is not in order, or cannot be split so.
    """
    compat.quiet_known_warnings()
    init_seed(config["seed"], config["reproducibility"])
    kind = MultimodalDataset if config["modalities"] else dataset_class(config)
    dataset = create_dataset(config, kind)
    parts = dict(zip(SPLIT_NAMES, dataset.build(), strict=True))
    raw_items = dataset.id2token(dataset.iid_field, np.arange(1, dataset.item_num)).astype(np.str_)
    place = _places(raw_items)
    items = {name: place[part.inter_feat[part.iid_field].numpy()] for name, part in parts.items()}
    raw_users = {
        name: part.id2token(part.uid_field, part.inter_feat[part.uid_field].numpy()).astype(np.str_)
        for name, part in parts.items()
    }
    users, rows = np.unique(raw_users["test"], return_inverse=True)
    trained = np.isin(raw_users["train"], users)
    shape = (len(users), len(raw_items))
    return Split(
        users=users,
        items=np.sort(raw_items),
        titles=read_titles(config, np.sort(raw_items)),
        item_counts=np.bincount(items["train"], minlength=len(raw_items)),
        user_counts=_counts(raw_users["train"], users),
        trained=_switches(
            np.searchsorted(users, raw_users["train"][trained]), items["train"][trained], shape
        ),
        relevant=_switches(rows, items["test"], shape),
        modalities={
            name: features.present[1:][np.argsort(raw_items)]
            for name, features in getattr(dataset, "modal_features", {}).items()
        },
        interactions={name: len(part) for name, part in parts.items()},
    )


def _places(raw_items: Names) -> NDArray[np.int64]:
    """Position, among all items in order of raw id, of each internal id; of padding, -1."""
    place = np.empty(len(raw_items) + 1, dtype=np.int64)
    place[0] = -1
    place[np.argsort(raw_items) + 1] = np.arange(len(raw_items))
    return place


def _counts(everyone: Names, users: Names) -> NDArray[np.int64]:
    names, counts = np.unique(everyone, return_counts=True)
    known = np.isin(users, names)
    result = np.zeros(len(users), dtype=np.int64)
    result[known] = counts[np.searchsorted(names, users[known])]
    return result


def _switches(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]
) -> sp.csr_array:
    """A matrix that is True at the given places; a pair that is there twice counts once."""
    matrix = sp.coo_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), shape=shape)
    result = matrix.tocsr()
    result.sort_indices()
    return result
