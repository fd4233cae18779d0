"""The layout of DiffMM, and that of MMSSL and LLMRec: one matrix a split, features by row."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from recbole_drepmrec.data.importers.imported import SPLITS, Imported
from recbole_drepmrec.data.importers.restricted_pickle import load_pickle
from recbole_drepmrec.data.importers.source_files import (
    Pairs,
    need_folder,
    read_user_items,
    row_features,
    split_interactions,
)
from recbole_drepmrec.errors import UserError

TRIPLES = (
    ("trnMat.pkl", "valMat.pkl", "tstMat.pkl"),
    ("train.json", "val.json", "test.json"),
    ("train_mat", "val_mat", "test_mat"),
    ("train_mat.pkl", "val_mat.pkl", "test_mat.pkl"),
)
"""Files of train, valid and test. The first set that is whole is read; LLMRec has only a
``train_mat`` beside its three JSON files."""


def import_diffmm(path: Path, name: str) -> Imported:
    """Read matrices [users, items] (or ``{user: [items]}``) and ``*_feat.npy``; row r is item r.

    Args:
        path: The folder.
        name: The data set's name, for the datasheet.

    Raises:
        UserError: Files are missing, damaged, name code to run, or do not fit together.
    """
    need_folder(path, "DiffMM, MMSSL or LLMRec")
    files = _find_triple(path)
    notes = [f"interactions read from {', '.join(files)}"]
    if files[0].endswith(".json"):
        parts = {s: read_user_items(path / f) for s, f in zip(SPLITS, files, strict=True)}
        known = [int(item) for pairs in parts.values() for _, item in pairs]
        n_items, exact = max(known, default=-1) + 1, False
    else:
        parts, n_items = _read_matrices(path, files)
        exact = True
    frame = split_interactions(parts, path)
    _note_swap(parts, notes)
    features = row_features(path, n_items, exact)
    return Imported(frame, features, source=f"{name}, DiffMM layout, {path}", notes=notes)


def _find_triple(folder: Path) -> tuple[str, str, str]:
    for files in TRIPLES:
        if all((folder / file).is_file() for file in files):
            return files
    tried = "; ".join(", ".join(files) for files in TRIPLES)
    there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:20]) or "nothing"
    raise UserError(
        f"{folder} has none of these sets of three files whole: {tried}. It holds {there}. Give "
        "the folder of one data set, with all three."
    )


def _read_matrices(folder: Path, files: tuple[str, str, str]) -> tuple[dict[str, Pairs], int]:
    matrices = [_read_sparse(folder / file) for file in files]
    shapes = [matrix.shape for matrix in matrices]
    if len(set(shapes)) > 1:
        raise UserError(
            f"{', '.join(files)} in {folder} have the shapes {shapes}; expected one shape, [users, "
            "items]. Take all three from the same copy of the data set."
        )
    parts = {s: _pairs(matrix) for s, matrix in zip(SPLITS, matrices, strict=True)}
    return parts, int(shapes[0][1])


def _read_sparse(path: Path) -> sp.coo_matrix:
    matrix = load_pickle(path)
    if not isinstance(matrix, sp.coo_matrix | sp.csr_matrix | sp.csc_matrix):
        raise UserError(
            f"{path} holds a {type(matrix).__name__}, expected a scipy.sparse matrix of shape "
            "[users, items]; take the file as the data set's authors saved it."
        )
    return matrix.tocoo()


def _pairs(matrix: sp.coo_matrix) -> Pairs:
    """Users and items of what is not zero, each pair once, by user, then item."""
    kept = matrix.data != 0
    cells = np.unique(np.stack([matrix.row[kept], matrix.col[kept]]), axis=1)
    return [(str(user), str(item)) for user, item in cells.T.tolist()]


def _note_swap(parts: dict[str, Pairs], notes: list[str]) -> None:
    valid, test = len(parts["valid"]), len(parts["test"])
    if valid > test:
        notes.append(
            f"valid has more rows ({valid}) than test ({test}). Some copies of TikTok have the two "
            "swapped (it should be 3,051 valid and 6,130 test); nothing was changed here. If it "
            "is one of them, swap the names of the two files and import again."
        )
