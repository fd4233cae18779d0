"""The layout of DiffMM, and that of MMSSL and LLMRec: one matrix a split, features by row."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from recbole_drepmrec.data.importers.imported import SPLITS, Imported
from recbole_drepmrec.data.importers.matrices import row_features
from recbole_drepmrec.data.importers.restricted_pickle import load_pickle
from recbole_drepmrec.data.importers.source_files import (
    Pairs,
    need_folder,
    read_user_items,
    split_interactions,
)
from recbole_drepmrec.errors import UserError

TRIPLES = (
    ("trnMat.pkl", "valMat.pkl", "tstMat.pkl"),
    ("train.json", "val.json", "test.json"),
    ("train_mat", "val_mat", "test_mat"),
    ("train_mat.pkl", "val_mat.pkl", "test_mat.pkl"),
)
"""Files of train, valid and test. The first set that is whole is read, or else the first with train
and test; LLMRec has only a ``train_mat`` beside its three JSON files."""


def import_diffmm(path: Path, name: str) -> Imported:
    """Read matrices [users, items] (or ``{user: [items]}``) and ``*_feat.npy``; row r is item r.

    Args:
        path: The folder.
        name: The data set's name, for the datasheet.

    Raises:
        UserError: Files are missing, damaged, name code to run, or do not fit together.
    """
    need_folder(path, "DiffMM, MMSSL or LLMRec")
    files = _find_files(path)
    notes = [f"interactions read from {', '.join(files.values())}"]
    if files["train"].endswith(".json"):
        parts = {split: read_user_items(path / file) for split, file in files.items()}
        known = [int(item) for pairs in parts.values() for _, item in pairs]
        n_items, exact = max(known, default=-1) + 1, False
    else:
        parts, n_items = _read_matrices(path, files)
        exact = True
    frame = split_interactions(parts, path)
    _note_swap(parts, notes)
    features = row_features(path, n_items, exact)
    return Imported(frame, features, source=f"{name}, DiffMM layout, {path}", notes=notes)


def _find_files(folder: Path) -> dict[str, str]:
    """Split to file name; without ``valid`` where no set of files has it."""
    for splits in (SPLITS, ("train", "test")):
        for names in TRIPLES:
            files = dict(zip(SPLITS, names, strict=True))
            if all((folder / files[split]).is_file() for split in splits):
                return {split: files[split] for split in splits}
    tried = "; ".join(", ".join(files) for files in TRIPLES)
    there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:20]) or "nothing"
    raise UserError(
        f"{folder} has none of these sets of files: {tried} (the one in the middle may "
        f"be missing). It holds {there}. Give the folder of one data set."
    )


def _read_matrices(folder: Path, files: dict[str, str]) -> tuple[dict[str, Pairs], int]:
    matrices = {split: _read_sparse(folder / file) for split, file in files.items()}
    shapes = [matrix.shape for matrix in matrices.values()]
    if len(set(shapes)) > 1:
        raise UserError(
            f"{', '.join(files.values())} in {folder} have the shapes {shapes}; expected one "
            "shape, [users, items]. Take all of them from the same copy of the data set."
        )
    return {split: _pairs(matrix) for split, matrix in matrices.items()}, int(shapes[0][1])


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
    valid, test = len(parts.get("valid", [])), len(parts["test"])
    if valid > test:
        notes.append(
            f"valid has more rows ({valid}) than test ({test}). Some copies of TikTok have the two "
            "swapped (it should be 3,051 valid and 6,130 test); nothing was changed here. If it "
            "is one of them, swap the names of the two files and import again."
        )
