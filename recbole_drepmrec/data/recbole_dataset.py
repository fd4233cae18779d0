"""RecBole's data sets, right under pandas 3 and with errors that a user can act on.

RecBole 1.2.1 fills missing values by ``frame[column].fillna(..., inplace=True)``, which pandas 3
applies to a copy, and counts sequence lengths by ``Series.agg(len)``, which there is one number.
Both can leave wrong data and no error, so the methods that do this are replaced here.
"""

import functools
from typing import Any

import numpy as np
import pandas as pd
import recbole.data.dataset
from recbole.data.dataset import Dataset, KnowledgeBasedDataset, SequentialDataset
from recbole.utils import FeatureType

from recbole_drepmrec.data.float_features import buckets, scale_to_unit, split_points
from recbole_drepmrec.data.recbole_loading import LoadingMixin
from recbole_drepmrec.data.splits import SplitMixin
from recbole_drepmrec.errors import UserError, recbole_complaints

# Shown, with their values, when filtering leaves nothing.
_FILTER_KEYS = (
    "user_inter_num_interval",
    "item_inter_num_interval",
    "val_interval",
    "filter_inter_by_user_or_item",
    "entity_kg_num_interval",
    "relation_kg_num_interval",
)


class SafeDatasetMixin(LoadingMixin, SplitMixin):
    """Goes before any RecBole ``Dataset`` class: ``class X(SafeDatasetMixin, DIENDataset)``.

    It holds the overrides of all RecBole data sets; those that only sequential or knowledge-based
    ones call do nothing elsewhere.
    """

    def _from_scratch(self) -> None:
        with recbole_complaints(f"the data set '{self.dataset_name}' cannot be read"):
            super()._from_scratch()

    def _data_filtering(self) -> None:
        super()._data_filtering()
        self._require_rows()  # a knowledge-based data set filters once more after _reset_index

    def _reset_index(self) -> None:
        self._require_rows()
        super()._reset_index()

    def _require_rows(self) -> None:
        for name in self.feat_name_list:
            if getattr(self, name).empty:
                settings = {key: self.config[key] for key in _FILTER_KEYS if self.config[key]}
                raise UserError(
                    f"filtering left no row in {name} of data set {self.dataset_name!r}. The "
                    f"filters are {settings}; rows without a user or item id go too. Widen a "
                    "filter, or check that ids are spelt alike in all files."
                )

    def _concat_remaped_tokens(self, remap_list: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        tokens = [
            np.concatenate(list(feat[field])) if ftype == FeatureType.TOKEN_SEQ else feat[field]
            for feat, field, ftype in remap_list
        ]
        parts = [np.asarray(part, dtype=object) for part in tokens]
        return np.concatenate(parts), split_points(parts)

    def _remap(self, remap_list: list[Any]) -> None:
        """Number the tokens of fields that share ids from 1, as they appear; a missing one is 0."""
        if not remap_list:
            return
        tokens, ends = self._concat_remaped_tokens(remap_list)
        codes, names = pd.factorize(tokens)
        id_token = np.array(["[PAD]", *names])
        token_id = {token: number for number, token in enumerate(id_token)}
        for (feat, field, ftype), ids in zip(remap_list, np.split(codes + 1, ends), strict=True):
            self.field2id_token.setdefault(field, id_token)
            self.field2token_id.setdefault(field, token_id)
            is_sequence = ftype == FeatureType.TOKEN_SEQ
            feat[field] = np.split(ids, split_points(feat[field])) if is_sequence else ids

    def _reset_ent_remapID(  # noqa: N802 (RecBole's name)
        self, field: str, idmap: np.ndarray, id2token: np.ndarray, token2id: dict[str, int]
    ) -> None:
        self.field2id_token[field], self.field2token_id[field] = id2token, token2id
        for feat in self.field2feats(field):
            if self.field2type[field] == FeatureType.TOKEN:
                feat[field] = idmap[feat[field].to_numpy()]
            else:
                feat[field] = [idmap[ids] for ids in feat[field]]

    def _fill_nan(self) -> None:
        """Fill a missing token with 0 (``[PAD]``), a float with the mean, a sequence with none."""
        for name in self.feat_name_list:
            feat = getattr(self, name)
            for field in feat:
                ftype, column = self.field2type[field], feat[field]
                if ftype == FeatureType.TOKEN:
                    feat[field] = column.fillna(0).astype(np.int64)
                elif ftype == FeatureType.FLOAT:
                    feat[field] = column.fillna(column.mean())
                else:
                    dtype = np.int64 if ftype == FeatureType.TOKEN_SEQ else np.float64
                    empty = np.array([], dtype=dtype)
                    feat[field] = [empty if isinstance(v, float) else v for v in column]

    def _normalize(self) -> None:
        """Scale the fields of ``normalize_field`` or ``normalize_all`` to 0..1.

        Raises:
            UserError: Both keys are set, or a field does not exist.
        """
        fields = self.config["normalize_field"]
        if fields and self.config["normalize_all"]:
            raise UserError("normalize_field and normalize_all are both set. Set one of them.")
        if not fields:
            fields = self.float_like_fields if self.config["normalize_all"] else []
        for field in fields:
            if not self._is_float(field, "normalize_field"):
                self.logger.warning(f"{field} is no float feature and is not normalized.")
                continue
            for feat in self.field2feats(field):
                values, ends = self._flat(feat, field)
                scaled = scale_to_unit(values)
                feat[field] = scaled if ends is None else np.split(scaled, ends)

    def _discretization(self) -> None:
        """Turn each numerical feature x into the pair RecBole's models take.

        The pair is ``(1, bucket of x)`` for a field in ``discretization``, else ``(x, 1)``.

        Raises:
            UserError: A field does not exist or is no float feature, or its method is unknown.
        """
        numerical, methods = self.config["numerical_features"], self.config["discretization"] or {}
        for field in numerical:
            if not self._is_float(field, "numerical_features"):
                raise UserError(f"numerical_features names {field!r}, which is no float feature.")
        for field in methods:
            if field not in numerical:
                raise UserError(f"discretization names {field!r}; add it to numerical_features.")
        for field in numerical:
            for feat in self.field2feats(field):
                values, ends = self._flat(feat, field)
                first, second = values, np.ones_like(values)
                if field in methods:
                    first, second = second, buckets(field, values, methods[field])
                    self.field2bucketnum[field] = int(second.max() + 1)
                if ends is None:
                    feat[field] = np.stack([first, second], axis=-1).tolist()
                else:
                    pairs = zip(np.split(first, ends), np.split(second, ends), strict=True)
                    feat[field] = list(pairs)

    def _is_float(self, field: str, key: str) -> bool:
        if field not in self.field2type:
            raise UserError(
                f"{key} names {field!r}, which data set {self.dataset_name!r} has not loaded. "
                f"Its fields are {', '.join(self.field2type)}; load_col says which are loaded."
            )
        return self.field2type[field] in (FeatureType.FLOAT, FeatureType.FLOAT_SEQ)

    def _flat(self, feat: pd.DataFrame, field: str) -> tuple[np.ndarray, np.ndarray | None]:
        """All values of a float field in one array, and where to cut it if it holds sequences."""
        if self.field2type[field] == FeatureType.FLOAT:
            return feat[field].to_numpy(), None
        return np.concatenate(list(feat[field])), split_points(feat[field])

    def _benchmark_presets(self) -> None:
        super()._benchmark_presets()
        lengths = [len(items) for items in self.inter_feat[self.item_id_list_field]]
        self.inter_feat[self.item_list_length_field] = lengths


class SafeDataset(SafeDatasetMixin, Dataset):
    """RecBole's ``Dataset``."""


class SafeSequentialDataset(SafeDatasetMixin, SequentialDataset):
    """RecBole's ``SequentialDataset``."""


class SafeKnowledgeBasedDataset(SafeDatasetMixin, KnowledgeBasedDataset):
    """RecBole's ``KnowledgeBasedDataset``."""


@functools.cache
def safe_dataset_class(base: type) -> type:
    """Return the safe class of a RecBole data set class, such as ``DIENDataset``; always the same.

    A class that is safe already is returned as it is.
    """
    if issubclass(base, SafeDatasetMixin):
        return base
    name = f"Safe{base.__name__}"
    if name in globals() and base.__module__.startswith("recbole."):
        return globals()[name]  # type: ignore[no-any-return]
    return type(name, (SafeDatasetMixin, base), {"__doc__": base.__doc__, "__module__": __name__})


def __getattr__(name: str) -> type:
    """Find ``SafeXDataset`` when a pickle names it in a process that has not made it yet."""
    base = getattr(recbole.data.dataset, name.removeprefix("Safe"), None)
    if not (name.startswith("Safe") and isinstance(base, type)):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return safe_dataset_class(base)
