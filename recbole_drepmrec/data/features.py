"""Raw item features: read from files, aligned to internal item ids, prepared for a model."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from recbole_drepmrec.errors import UserError

FeatureNorm = Literal["center_l2", "l2", "none"]
"""Centred and scaled to length one, scaled only, or as they are."""

# A damaged archive, array or text says so in many ways (UnicodeDecodeError is a ValueError).
_READ_ERRORS = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)

ROWS = "rows"
"""The value of ``ids`` that says: row r holds the features of the item with raw id r."""


class ModalitySource(BaseModel):
    """Where one modality's features are, relative to the data set's folder.

    Attributes:
        file: A ``.npy`` matrix [n, d_m], or an ``.npz`` with ``features`` [n, d_m] and ``ids`` [n].
        ids: A text file with one raw item id a line, or a ``.npy`` vector of ids, in the order of
            the rows; ``rows`` if row r is the item with raw id r. An ``.npz`` carries its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    ids: str = ROWS


@dataclass(frozen=True)
class ModalFeatures:
    """One modality, row i the item with internal id i; row 0 is padding.

    Attributes:
        name: The modality's name.
        values: As in the file, zero where missing, float32, shape [n_items, d_m].
        present: Whether the item has a row in the file, shape [n_items].
        source: Path of the file.
        sha256: Of the file's bytes.
    """

    name: str
    values: NDArray[np.float32]
    present: NDArray[np.bool_]
    source: Path
    sha256: str


@dataclass(frozen=True)
class PreparedFeatures:
    """Features as a model takes them.

    Attributes:
        values: Prepared, zero where missing, float32, shape [n_items, d_m].
        present: Whether the item has this modality, shape [n_items].
        mean: What was taken off each row, shape [d_m]; None if nothing was.
    """

    values: Tensor
    present: Tensor
    mean: Tensor | None


def load_modality(
    name: str, source: ModalitySource, folder: Path, item_ids: Mapping[str, int]
) -> ModalFeatures:
    """Read one modality and align its rows to internal ids by raw item id.

    A row of zeros is how many extractors say "nothing here", so it counts as missing. [ours]

    Args:
        name: The modality's name, for messages.
        source: Its files.
        folder: The data set's folder.
        item_ids: Raw item id to internal id; internal id 0 is padding.

    Raises:
        UserError: A file is missing or unreadable; the matrix is not two-dimensional and numeric,
            has NaN or infinity, or not as many rows as ids; ids repeat, or match no item.
    """
    path = folder / source.file
    matrix, own_ids = _read_matrix(name, path)
    ids = own_ids if own_ids is not None else _read_ids(name, source.ids, folder, len(matrix))
    if len(ids) != len(matrix):
        raise UserError(
            f"modality '{name}': {path} has {len(matrix)} rows but {len(ids)} ids were given; "
            "each row needs exactly one id, in the same order."
        )
    _check_unique(name, ids)
    rows, items = _matching(name, path, ids, item_ids, own_ids is None and source.ids == ROWS)
    values = np.zeros((len(item_ids), matrix.shape[1]), dtype=np.float32)
    with np.errstate(over="ignore"):  # infinity is reported below
        values[items] = matrix[rows]
    _check_finite(name, path, values[items], ids, rows)
    present = np.asarray(values.any(axis=1))
    present[0] = False
    if not present.any():
        raise UserError(
            f"modality '{name}': every row of {path} is missing or zero; "
            "leave this modality out or give features for at least some items."
        )
    return ModalFeatures(name, values, present, path, file_hash(path))


def prepare_features(
    features: ModalFeatures, seen: NDArray[np.bool_], norm: FeatureNorm
) -> PreparedFeatures:
    """Centre rows and scale them to length one; missing rows stay zero and count nowhere. [ours]

        x = (f - mean) / ||f - mean||,   mean over the items seen in training

    Args:
        features: One modality.
        seen: Whether an item has a training interaction, shape [n_items].
        norm: ``center_l2``, ``l2`` (mean left in) or ``none``.

    Raises:
        UserError: ``center_l2``, and no item seen in training has this modality.
    """
    if norm not in get_args(FeatureNorm):
        raise ValueError(f"feature_norm {norm!r} is not one of {', '.join(get_args(FeatureNorm))}")
    values = torch.from_numpy(features.values)
    present = torch.from_numpy(features.present)
    if norm == "none":
        return PreparedFeatures(values, present, None)
    mean = None
    if norm == "center_l2":
        known = present & torch.from_numpy(seen)
        if not known.any():
            raise UserError(
                f"modality '{features.name}': none of the items seen in training has features in "
                f"{features.source}, so they cannot be centred; leave the modality out or check "
                "that its ids are the data set's item ids."
            )
        mean = values[known].double().mean(0).float()
        values = torch.where(present.unsqueeze(1), values - mean, 0.0)
    if not values.any():
        raise UserError(
            f"modality '{features.name}': all rows of {features.source} are equal, so nothing is "
            "left of them once they are centred; leave the modality out, or mend the file."
        )
    return PreparedFeatures(torch.nn.functional.normalize(values, dim=1), present, mean)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_matrix(name: str, path: Path) -> tuple[NDArray[Any], NDArray[np.str_] | None]:
    """The matrix of a ``.npy``, or matrix and ids of an ``.npz``; never a pickle."""
    if not path.is_file():
        raise UserError(
            f"modality '{name}': the feature file {path} does not exist; correct its `file:` "
            "under `modalities` or put the file there."
        )
    loaded = _load_numpy(name, path)
    ids = None
    if isinstance(loaded, np.lib.npyio.NpzFile):
        missing = {"features", "ids"} - set(loaded.files)
        if missing:
            raise UserError(
                f"modality '{name}': {path} has the arrays {sorted(loaded.files)}, expected "
                "`features` and `ids`."
            )
        try:
            loaded, ids = loaded["features"], _as_ids(name, path, loaded["ids"])
        except _READ_ERRORS as error:
            raise _unreadable(name, path, error) from error
    if loaded.ndim != 2 or loaded.dtype.kind not in "fiu" or 0 in loaded.shape:
        raise UserError(
            f"modality '{name}': {path} holds an array of shape {loaded.shape} and type "
            f"{loaded.dtype}, expected numbers of shape [items, features]."
        )
    return loaded, ids


def _load_numpy(name: str, path: Path) -> Any:
    if path.suffix not in {".npy", ".npz"}:
        raise UserError(
            f"modality '{name}': {path} ends in '{path.suffix}', expected a .npy or .npz file."
        )
    try:
        # Mapped, not read: only the rows of known items are copied.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except _READ_ERRORS as error:
        raise _unreadable(name, path, error) from error


def _unreadable(name: str, path: Path, error: Exception) -> UserError:
    return UserError(
        f"modality '{name}': {path} cannot be read ({error}); expected a numeric array saved with "
        "numpy.save or numpy.savez. Object arrays are pickles and are refused."
    )


def _read_ids(name: str, ids: str, folder: Path, n_rows: int) -> NDArray[np.str_]:
    """Raw item ids in the order of the rows."""
    if ids == ROWS:
        return np.arange(n_rows).astype(np.str_)
    path = folder / ids
    if not path.is_file():
        raise UserError(
            f"modality '{name}': the id list {path} does not exist; correct its `ids:` under "
            f"`modalities`, or write `ids: {ROWS}` if row r is the item with id r."
        )
    if path.suffix == ".npy":
        return _as_ids(name, path, _load_numpy(name, path))
    try:
        return np.array(path.read_text(encoding="utf-8").splitlines(), dtype=np.str_)
    except UnicodeDecodeError as error:
        raise UserError(f"modality '{name}': {path} is not UTF-8 text ({error}).") from error


def _as_ids(name: str, path: Path, ids: NDArray[Any]) -> NDArray[np.str_]:
    if ids.ndim != 1 or ids.dtype.kind not in "iuUS":
        raise UserError(
            f"modality '{name}': the ids in {path} have shape {ids.shape} and type {ids.dtype}, "
            "expected a vector of integers or text."
        )
    try:
        return ids.astype(np.str_)
    except UnicodeDecodeError as error:
        raise UserError(
            f"modality '{name}': the ids in {path} are bytes that are not ASCII; save them as text."
        ) from error


def _check_unique(name: str, ids: NDArray[np.str_]) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    repeated = unique[counts > 1]
    if len(repeated):
        raise UserError(
            f"modality '{name}': {len(repeated)} item ids stand more than once in its id list, "
            f"first '{repeated[0]}'; each item may have one row."
        )


def _matching(
    name: str,
    path: Path,
    ids: NDArray[np.str_],
    item_ids: Mapping[str, int],
    by_row: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the file and internal ids of the items that both sides know."""
    known = np.array([item_ids.get(raw, 0) for raw in ids], dtype=np.int64)
    rows = known.nonzero()[0]
    if by_row and len(rows) < len(item_ids) - 1:
        given = set(ids)
        unknown = next(raw for raw, item in item_ids.items() if item and raw not in given)
        raise UserError(
            f"modality '{name}': {path} has {len(ids)} rows for items 0 to {len(ids) - 1}, but "
            f"the data set has {len(item_ids) - 1} items, among them '{unknown}'; give a file with "
            "a row for each item, or list the ids of its rows in a file named by `ids:`."
        )
    if not len(rows):
        examples = [str(raw) for raw, item in item_ids.items() if item][:3]
        raise UserError(
            f"modality '{name}': none of the {len(ids)} ids of {path} (first '{ids[0]}') is an "
            f"item of the data set (such as {examples}); give the raw item ids of the .inter file."
        )
    return rows, known[rows]


def _check_finite(
    name: str,
    path: Path,
    values: NDArray[np.float32],
    ids: NDArray[np.str_],
    rows: NDArray[np.int64],
) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise UserError(
            f"modality '{name}': {int(bad.sum())} rows of {path} have NaN or infinity (or overflow "
            f"float32), first item '{ids[rows[bad.argmax()]]}'; drop these items from the file and "
            "its id list (they then count as missing) or repair their values."
        )
