"""Raw item features: read from files, aligned to internal item ids, prepared for a model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from recbole_drepmrec.data.feature_files import FeaturePart, ModalitySource, read_parts
from recbole_drepmrec.data.preparation import FeatureNorm, RowPreparation
from recbole_drepmrec.errors import UserError

__all__ = [
    "FeatureNorm",
    "ModalFeatures",
    "PreparedFeatures",
    "file_hash",
    "load_modality",
    "prepare_features",
]


@dataclass(frozen=True)
class ModalFeatures:
    """One modality, row i the item with internal id i; row 0 is padding.

    Attributes:
        name: The modality's name.
        values: As in the file, zero where missing, float32, shape [n_items, d_m].
        present: Whether the item has a row in the file, shape [n_items].
        source: Path of the file, of the first one if there are several.
        pca: Principal components to keep in the preparation, None for the features as they are.
    """

    name: str
    values: NDArray[np.float32]
    present: NDArray[np.bool_]
    source: Path
    pca: int | None = None

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of values and present: also of which row is whose, whatever the file format."""
        digest = hashlib.sha256(np.ascontiguousarray(self.values).data)
        digest.update(self.present.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class PreparedFeatures:
    """Features as a model takes them.

    Attributes:
        values: Prepared, zero where missing, float32, shape [n_items, d_m].
        present: Whether the item has this modality, shape [n_items].
        mean: What was taken off each row, shape [d_m]; None if nothing was.
        rows: How any other row is prepared alike; None where nobody needs to know.
    """

    values: Tensor
    present: Tensor
    mean: Tensor | None
    rows: RowPreparation | None = None


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
    parts = read_parts(name, source, folder)
    where = ", ".join(str(part.path) for part in parts)
    ids = np.concatenate([part.ids for part in parts])
    _check_unique(name, ids)
    items = _matching(name, where, ids, item_ids, all(part.by_position for part in parts))
    values = _aligned(parts, items, len(item_ids))
    _check_finite(name, where, values, ids, items)
    present = np.asarray(values.any(axis=1))
    present[0] = False
    if not present.any():
        raise UserError(
            f"modality '{name}': every row of {where} is missing or zero; "
            "leave this modality out or give features for at least some items."
        )
    return ModalFeatures(name, values, present, parts[0].path, source.pca)


def _aligned(
    parts: list[FeaturePart], items: NDArray[np.int64], n_items: int
) -> NDArray[np.float32]:
    """Copy each part's rows to their items, shape [n_items, d_m]; item 0 stands for nobody."""
    values = np.zeros((n_items, parts[0].matrix.shape[1]), dtype=np.float32)
    first = 0
    for part in parts:
        own = items[first : first + len(part.matrix)]
        known = own.nonzero()[0]
        with np.errstate(over="ignore"):  # infinity is reported by the caller
            values[own[known]] = part.matrix[known]
        first += len(part.matrix)
    return values


def prepare_features(
    features: ModalFeatures, seen: NDArray[np.bool_], norm: FeatureNorm
) -> PreparedFeatures:
    """Centre rows and scale them to length one; missing rows stay zero and count nowhere. [ours]

        x = (f - mean) / ||f - mean||,   mean over the items seen in training

    With ``features.pca``, f is first replaced by its principal components, found on the same items.

    Args:
        features: One modality.
        seen: Items to learn mean and components from: those seen in training, shape [n_items].
        norm: ``center_l2``, ``l2`` (mean left in) or ``none``.

    Raises:
        UserError: ``center_l2`` or components, and no item seen in training has this modality, or
            fewer than there should be components.
    """
    if norm not in get_args(FeatureNorm):
        raise ValueError(f"feature_norm {norm!r} is not one of {', '.join(get_args(FeatureNorm))}")
    known = features.present & seen
    if (norm == "center_l2" or features.pca) and not known.any():
        raise UserError(
            f"modality '{features.name}': none of the items seen in training has features in "
            f"{features.source}, so they cannot be centred; leave the modality out or check "
            "that its ids are the data set's item ids."
        )
    components, origin = _principal_components(features, known)
    width = features.values.shape[1]
    rows = RowPreparation(norm, width, components=components, origin=origin)
    values = torch.from_numpy(_reduced(features, rows))
    present = torch.from_numpy(features.present)
    if norm == "none":
        return PreparedFeatures(values, present, None, rows)
    if norm == "center_l2":
        mean = values[torch.from_numpy(known)].double().mean(0).float()
        rounding = 1e-6 * float(np.median(np.linalg.norm(features.values[known], axis=1)))
        rows = replace(rows, mean=mean, rounding=rounding)
    values = torch.where(present.unsqueeze(1), rows.scaled(values), 0.0)
    if not values.any():
        raise UserError(
            f"modality '{features.name}': all rows of {features.source} are equal, so nothing is "
            "left of them once they are centred; leave the modality out, or mend the file."
        )
    return PreparedFeatures(values, present, rows.mean, rows)


def _reduced(features: ModalFeatures, rows: RowPreparation) -> NDArray[np.float32]:
    """The principal components of present rows, others zero; all as they are without any."""
    if rows.components is None:
        return features.values
    values = np.zeros((len(features.values), len(rows.components)), dtype=np.float32)
    values[features.present] = rows.reduced(features.values[features.present])
    return values


def _principal_components(
    features: ModalFeatures, known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Exact principal components [k, width] of the known items, and their mean [width]."""
    if features.pca is None:
        return None, None
    n_known, width, k = int(known.sum()), features.values.shape[1], features.pca
    if k > min(n_known, width):
        raise UserError(
            f"modality '{features.name}': `pca` is {k}, but there are {width} features of "
            f"{n_known} items seen in training; at most {min(n_known, width)} components exist."
        )
    # Both solvers are exact; the second one's cost grows with the narrower side only.
    solver = "full" if n_known < width else "covariance_eigh"
    model = PCA(n_components=k, svd_solver=solver).fit(features.values[known].astype(np.float64))
    return model.components_, model.mean_


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_unique(name: str, ids: NDArray[np.str_]) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    repeated = unique[counts > 1]
    if len(repeated):
        raise UserError(
            f"modality '{name}': {len(repeated)} item ids stand more than once in its id list, "
            f"first '{repeated[0]}'; each item may have one row."
        )


def _matching(
    name: str, where: str, ids: NDArray[np.str_], item_ids: Mapping[str, int], by_row: bool
) -> NDArray[np.int64]:
    """Internal id of each row, 0 for an item that the data set does not know."""
    items = np.array([item_ids.get(raw, 0) for raw in ids], dtype=np.int64)
    n_known = np.count_nonzero(items)
    if by_row and n_known < len(item_ids) - 1:
        rows = set(ids)
        unknown = next(raw for raw, item in item_ids.items() if item and raw not in rows)
        raise UserError(
            f"modality '{name}': {where} has {len(ids)} rows for items 0 to {len(ids) - 1}, but "
            f"the data set has {len(item_ids) - 1} items, among them '{unknown}'; give a file with "
            "a row for each item, or list the ids of its rows in a file named by `ids:`."
        )
    if not n_known:
        examples = [str(raw) for raw, item in item_ids.items() if item][:3]
        raise UserError(
            f"modality '{name}': none of the {len(ids)} ids of {where} (first '{ids[0]}') is an "
            f"item of the data set (such as {examples}); give the raw item ids of the .inter file."
        )
    return items


def _check_finite(
    name: str,
    where: str,
    values: NDArray[np.float32],
    ids: NDArray[np.str_],
    items: NDArray[np.int64],
) -> None:
    bad = np.asarray(~np.isfinite(values).all(axis=1))
    if bad.any():
        raise UserError(
            f"modality '{name}': {int(bad.sum())} rows of {where} have NaN or infinity (or "
            f"overflow float32), first item '{ids[bad[items].argmax()]}'; drop these items from "
            "the file and its id list (they then count as missing) or repair their values."
        )
