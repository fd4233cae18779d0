"""One small data set written in several layouts; users and items are numbers, row r is item r."""

import json
import pickle
from pathlib import Path

import numpy as np
import scipy.sparse as sp

SPLIT_PAIRS = {
    "train": [(0, 0), (0, 1), (1, 1), (1, 2), (2, 3), (2, 0)],
    "valid": [(0, 2), (1, 0)],
    "test": [(0, 3), (1, 3), (2, 4)],
}
N_USERS, N_ITEMS = 3, 5
EXPECTED = [
    (str(user), str(item), split) for split, pairs in SPLIT_PAIRS.items() for user, item in pairs
]
"""Every layout gives these rows, in some order."""

IMAGE = np.arange(N_ITEMS * 4, dtype=np.float32).reshape(N_ITEMS, 4)
TEXT = -np.arange(N_ITEMS * 2, dtype=np.float32).reshape(N_ITEMS, 2)


def write_features(folder: Path) -> None:
    np.save(folder / "image_feat.npy", IMAGE)
    np.save(folder / "text_feat.npy", TEXT)


def matrix(split: str, form: str = "coo") -> sp.coo_matrix:
    rows, columns = np.array(SPLIT_PAIRS[split]).T
    full = sp.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(N_USERS, N_ITEMS))
    return full.asformat(form)


def write_diffmm(folder: Path, names: tuple[str, ...] = ("trnMat", "valMat", "tstMat")) -> None:
    for split, name in zip(SPLIT_PAIRS, names, strict=True):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(matrix(split)))
    write_features(folder)


def write_lattice(folder: Path) -> None:
    for split, name in zip(SPLIT_PAIRS, ("train", "val", "test"), strict=True):
        held: dict[str, list[int]] = {str(user): [] for user in range(N_USERS)}
        for user, item in SPLIT_PAIRS[split]:
            held[str(user)].append(item)
        (folder / f"{name}.json").write_text(json.dumps(held))


def write_cornac(folder: Path) -> None:
    for split, name in zip(SPLIT_PAIRS, ("train", "val", "test"), strict=True):
        lines = [f"{user}\t{item}\n" for user, item in SPLIT_PAIRS[split]]
        (folder / f"{name}.tsv").write_text("".join(lines))
    for name, values in (("image", IMAGE), ("text", TEXT)):
        (folder / name).mkdir()
        for item, row in enumerate(values):
            np.save(folder / name / f"{item}.npy", row)
