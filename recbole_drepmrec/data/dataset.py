"""RecBole's data set with a feature matrix per modality beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recbole_drepmrec.data.feature_files import ModalitySource
from recbole_drepmrec.data.features import (
    FeatureNorm,
    ModalFeatures,
    PreparedFeatures,
    load_modality,
    prepare_features,
)
from recbole_drepmrec.data.missing import DropModalities, drop_modalities, fill_missing
from recbole_drepmrec.data.recbole_dataset import SafeDataset
from recbole_drepmrec.errors import UserError

MODALITY_KEYS = ("modalities", "use_modalities", "drop_modalities", "split_seed")
"""Configuration keys that this data set reads and RecBole's does not."""


class MultimodalDataset(SafeDataset):
    """Interactions and any number of named modalities, aligned by raw item id.

    The features stay out of RecBole's item table, which would join them into every batch: they
    are matrices whose row i is the item with internal id i, for the model to hold once.

    Attributes:
        modal_features: The modalities in use, by name.
    """

    modal_features: dict[str, ModalFeatures]

    def _from_scratch(self) -> None:
        super()._from_scratch()
        folder = Path(self.config["data_path"])
        sources = modality_sources(self.config["modalities"], self.config["use_modalities"])
        self.modal_features = {
            name: load_modality(name, source, folder, self.field2token_id[self.iid_field])
            for name, source in sources.items()
        }
        if self.config["drop_modalities"] is not None:
            self._drop_modalities()
        self._log_modalities()

    def _drop_modalities(self) -> None:
        seed = self.config["split_seed"]
        self.modal_features = drop_modalities(
            self.modal_features,
            self.field2id_token[self.iid_field],
            DropModalities.model_validate(self.config["drop_modalities"]),
            self.config["seed"] if seed is None else seed,
        )

    def _log_modalities(self) -> None:
        for name, features in self.modal_features.items():
            n_present, n_items = int(features.present.sum()), self.item_num - 1
            self.logger.info(
                f"Modality {name}: {features.values.shape[1]} features of {n_present} items, "
                f"{n_items - n_present} missing"
            )

    def seen_items(self) -> NDArray[np.bool_]:
        """Whether an item stands in this data set's interactions, shape [n_items]."""
        seen = np.zeros(self.item_num, dtype=np.bool_)
        seen[self.inter_feat[self.iid_field].numpy()] = True
        return seen

    def prepared_features(self, norm: FeatureNorm) -> dict[str, PreparedFeatures]:
        """Features by modality, their mean estimated on the items of these interactions.

        Missing rows are filled in first, as ``missing`` says; the mean is of the others alone.

        Args:
            norm: ``center_l2``, ``l2`` or ``none``.
        """
        seen, kind = self.seen_items(), self.config["missing"]
        filled = fill_missing(self.modal_features, seen, kind, self.config["missing_k"])
        return {
            name: prepare_features(features, seen & self.modal_features[name].present, norm)
            for name, features in filled.items()
        }

    def preparation(self, name: str) -> dict[str, Any]:
        """What a modality's prepared features follow from, beside norm and training split."""
        missing = self.config["missing"]
        return {
            "sha256": self.modal_features[name].sha256,
            "pca": self.modal_features[name].pca,
            "missing": missing,
            "missing_k": self.config["missing_k"] if missing == "knn" else None,
        }


def modality_sources(modalities: Any, chosen: Any) -> dict[str, ModalitySource]:
    """Check the configured modalities and keep the chosen ones.

    Args:
        modalities: Name to ``{file: ..., ids: ...}``; an empty value means ``NAME_feat.npy``.
        chosen: Names to use, None for all of them.

    Raises:
        UserError: Nothing is configured, an entry is malformed, or a chosen name is not there.
    """
    if not isinstance(modalities, Mapping) or not modalities:
        raise UserError(
            f"`modalities` is {modalities!r}, expected at least one entry such as "
            "`modalities: {image: {file: image_feat.npy, ids: image_ids.txt}}`; add it to the data "
            "set's property file, properties/dataset/NAME.yaml, or a file given with "
            "--config_files. To use some of them only, give --use_modalities=[NAME,...]."
        )
    names = list(modalities) if chosen is None else chosen
    if not isinstance(names, list) or not names or not set(names) <= set(modalities):
        raise UserError(
            f"`use_modalities` is {chosen!r}, expected a list of names out of {list(modalities)}, "
            f"such as --use_modalities=[{next(iter(modalities))}]."
        )
    return {str(name): _source(str(name), modalities[name]) for name in names}


def _source(name: str, given: Any) -> ModalitySource:
    if given is None:
        return ModalitySource(file=f"{name}_feat.npy")
    try:
        return ModalitySource.model_validate(given)
    except ValidationError as error:
        raise UserError(
            f"modality '{name}' is configured as {given!r}, expected `file:` and, unless row r is "
            "the item with id r, `ids:` (lists of both for several files); `id_column:` names a "
            ".parquet file's ids, `pca:` the number of components to keep, 1 or more."
        ) from error
