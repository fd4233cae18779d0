"""Items that lack a modality: taking modalities away, and filling in what is not there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from recbole_drepmrec.data.features import ModalFeatures, prepare_features
from recbole_drepmrec.errors import UserError

MissingKind = Literal["mask", "mean", "knn"]
"""Leave a missing row out everywhere, or fill it with a mean, or with its neighbours' mean."""

BLOCK_ROWS = 1024
"""Items whose neighbours are looked for at a time."""


class DropModalities(BaseModel):
    """A share of the items that loses modalities, to study what is lost with them.

    Attributes:
        share: Share of all items, 0 to 1.
        modalities: What they lose; None for all modalities.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Annotated[float, Field(ge=0, le=1)]
    modalities: Annotated[list[str], Field(min_length=1)] | None = None


def drop_modalities(
    features: Mapping[str, ModalFeatures],
    raw_ids: NDArray[np.str_],
    chosen: DropModalities,
    seed: int,
) -> dict[str, ModalFeatures]:
    """Take modalities from round(share n) items, drawn by seed from the items in order of raw id.

    The same seed draws the same items whatever the order of the interaction file. [ours]

    Args:
        features: Modalities by name.
        raw_ids: Raw item id of each internal id, shape [n_items]; 0 is padding.
        chosen: How many items lose what.
        seed: Seed of the draw.

    Raises:
        UserError: There is no modality of a chosen name, or no item is left with it.
    """
    lost = list(features) if chosen.modalities is None else chosen.modalities
    if not set(lost) <= set(features):
        raise UserError(
            f"`drop_modalities` names {lost}, expected names out of {list(features)}, the "
            "modalities in use."
        )
    items = np.argsort(raw_ids[1:], kind="stable") + 1
    n_dropped = round(chosen.share * len(items))
    dropped = np.random.default_rng(seed).permutation(items)[:n_dropped]
    return {
        name: _without(modality, dropped) if name in lost else modality
        for name, modality in features.items()
    }


def _without(modality: ModalFeatures, items: NDArray[np.int64]) -> ModalFeatures:
    values, present = modality.values.copy(), modality.present.copy()
    values[items], present[items] = 0, False
    if not present.any():
        raise UserError(
            f"`drop_modalities` leaves no item with modality '{modality.name}'; lower its share, "
            "or leave the modality out with `use_modalities`."
        )
    return replace(modality, values=values, present=present)


def fill_missing(
    features: Mapping[str, ModalFeatures], seen: NDArray[np.bool_], kind: MissingKind, k: int
) -> dict[str, ModalFeatures]:
    """Fill in missing rows, which then count as present. [ours]

    ``mean`` gives the mean row of the items seen in training. ``knn`` gives the mean row of the k
    items nearest by the other modalities that the item has (mean centred cosine), out of those that
    have this one and were seen in training; an item without any modality stays as it is.

    Args:
        features: Modalities by name.
        seen: Whether an item has a training interaction, shape [n_items].
        kind: ``mask`` changes nothing.
        k: Neighbours of ``knn``; all there are, if there are fewer.

    Raises:
        UserError: No item seen in training has a modality that others lack.
    """
    if kind == "mask":
        return dict(features)
    if kind == "mean":
        return {name: _filled_by_mean(modality, seen) for name, modality in features.items()}
    return {name: _filled_by_neighbours(features, name, seen, k) for name in features}


def _known(modality: ModalFeatures, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    known = modality.present & seen
    if not known.any():
        raise UserError(
            f"modality '{modality.name}': none of the items seen in training has features in "
            f"{modality.source}, so nothing can be filled in; set `missing: mask`."
        )
    return known


def _filled(
    modality: ModalFeatures, items: NDArray[np.int64], rows: NDArray[np.float32]
) -> ModalFeatures:
    values, present = modality.values.copy(), modality.present.copy()
    values[items], present[items] = rows, True
    return replace(modality, values=values, present=present)


def _filled_by_mean(modality: ModalFeatures, seen: NDArray[np.bool_]) -> ModalFeatures:
    missing = _missing_items(modality)
    if not len(missing):
        return modality
    mean = modality.values[_known(modality, seen)].mean(axis=0, dtype=np.float64)
    return _filled(modality, missing, mean.astype(np.float32))


def _missing_items(modality: ModalFeatures) -> NDArray[np.int64]:
    """Items without the modality; padding is none."""
    return np.flatnonzero(~modality.present[1:]) + 1


def _filled_by_neighbours(
    features: Mapping[str, ModalFeatures], name: str, seen: NDArray[np.bool_], k: int
) -> ModalFeatures:
    modality = features[name]
    others = {other: features[other] for other in features if other != name}
    having_other = np.zeros(len(seen), dtype=np.int64)
    for other in others.values():
        having_other += other.present
    missing = _missing_items(modality)
    missing = missing[having_other[missing] > 0]
    if not len(missing):
        return modality
    candidates = np.flatnonzero(_known(modality, seen))
    units = [_centred_units(other, seen) for other in others.values()]
    values = torch.from_numpy(modality.values)
    rows = np.empty((len(missing), values.shape[1]), dtype=np.float32)
    for start in range(0, len(missing), BLOCK_ROWS):
        block = missing[start : start + BLOCK_ROWS]
        nearest = candidates[_nearest(units, block, candidates, k)]
        rows[start : start + len(block)] = values[torch.from_numpy(nearest)].mean(dim=1)
    return _filled(modality, missing, rows)


def _centred_units(modality: ModalFeatures, seen: NDArray[np.bool_]) -> Tensor:
    """Rows centred on seen items and of length one, missing ones zero, shape [n_items, d_m]."""
    if not (modality.present & seen).any():
        return torch.zeros(modality.values.shape)
    return prepare_features(replace(modality, pca=None), seen, "center_l2").values


def _nearest(
    units: list[Tensor], items: NDArray[np.int64], candidates: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Places of the k nearest candidates of each item, shape [B, k]; the first of equals wins."""
    # The sum orders an item's candidates as the mean does.
    scores = torch.zeros(len(items), len(candidates))
    for unit in units:
        scores += unit[torch.from_numpy(items)] @ unit[torch.from_numpy(candidates)].T
    order = scores.argsort(dim=1, descending=True, stable=True)
    nearest: NDArray[np.int64] = order[:, :k].numpy()
    return nearest
