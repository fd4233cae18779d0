"""Feature matrices and id lists as files of numpy and text hold them; never a pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.data.feature_formats import map_numpy
from recbole_drepmrec.data.importers.imported import FeatureTable
from recbole_drepmrec.data.importers.reading import read_errors
from recbole_drepmrec.errors import UserError

FEATURE_ENDINGS = ("_feats", "_feat", "_features", "_embeddings")


def read_array(path: Path) -> NDArray[Any]:
    """Map the numbers of a ``.npy`` file into memory.

    Raises:
        UserError: The file cannot be read, or holds something else, or nothing.
    """
    with read_errors(path, "numbers saved with numpy.save; objects are pickles and are refused"):
        array = map_numpy(path)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or 0 in array.shape:
        held = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise UserError(f"{path} holds {held}, expected an array of numbers; save it as floats.")
    return array


def read_matrix(path: Path) -> NDArray[Any]:
    """Map a ``.npy`` file of shape [items, features].

    Raises:
        UserError: As ``read_array``, or the array is no matrix.
    """
    array = read_array(path)
    if array.ndim != 2:
        raise UserError(
            f"{path} has shape {array.shape}, expected [items, features], one row an item."
        )
    return array


def read_id_list(path: Path) -> list[str]:
    """One raw id a line.

    Raises:
        UserError: The file cannot be read.
    """
    with read_errors(path, "one raw item id a line, in the order of the matrix's rows"):
        return path.read_text(encoding="utf-8-sig").splitlines()


def matrices_with_ids(folder: Path) -> dict[str, FeatureTable]:
    """Every ``NAME_feat.npy`` of a folder with the ids in ``NAME_ids.txt``.

    Raises:
        UserError: An id list is missing or has another length than its matrix.
    """
    features = {}
    for path in sorted(folder.glob("*_feat.npy")):
        name = path.name.removesuffix("_feat.npy")
        values, ids = read_matrix(path), read_id_list(folder / f"{name}_ids.txt")
        if len(ids) != len(values):
            raise UserError(
                f"{path} has {len(values)} rows, but {name}_ids.txt lists {len(ids)} ids; each row "
                "needs exactly one, in the same order."
            )
        features[name] = FeatureTable(ids, values)
    return features


def modality_name(stem: str) -> str:
    """``image`` of ``image_feat``, and so on."""
    for ending in FEATURE_ENDINGS:
        if stem.endswith(ending) and len(stem) > len(ending):
            return stem.removesuffix(ending)
    return stem


def row_features(folder: Path, n_items: int, exact: bool) -> dict[str, FeatureTable]:
    """Read each ``*_feat.npy`` of a folder; row r is the item with id r.

    Args:
        folder: Where they lie.
        n_items: How many items the interactions know, counted up to the largest id.
        exact: Whether a file may not have more rows than that either.

    Raises:
        UserError: A file is no matrix of numbers, or its rows are not the items.
    """
    tables = {}
    for path in sorted(folder.glob("*_feat.npy")):
        matrix = read_matrix(path)
        if len(matrix) < n_items or (exact and len(matrix) > n_items):
            raise UserError(
                f"{path} has {len(matrix)} rows, but the interactions have {n_items} items; in "
                "this layout row r is the item with id r. Give the file that belongs to these "
                "interactions, or take it out to go without this modality."
            )
        ids = [str(row) for row in range(len(matrix))]
        tables[modality_name(path.stem)] = FeatureTable(ids, matrix)
    return tables
