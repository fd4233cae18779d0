"""Which interactions are for training, validation and test, beyond RecBole's own ways."""

from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.interaction import Interaction, cat_interactions
from recbole.utils import FeatureSource

from recbole_drepmrec.data.pairs import distinct
from recbole_drepmrec.errors import UserError, recbole_complaints

SplitKind = Literal["recbole", "fixed", "random", "leave_one_out", "user_time", "global_time"]
"""By ``eval_args``; as the data set has it; or drawn anew in one of four ways."""

SPLIT_KEYS = (
    *("split_by", "split_ratios", "split_field", "split_seed"),
    *("cold_items", "drop_cold_users"),
)
"""Configuration keys that the split depends on and RecBole does not know."""

SPLIT_NAMES = ("train", "valid", "test")

Labels = NDArray[np.int64]
"""For each interaction 0 train, 1 validation, 2 test or -1 none."""

_TIMED = ("leave_one_out", "user_time", "global_time")
_OUT = -1


def fixed_labels(values: NDArray[Any], where: str) -> Labels:
    """Read a column of 0, 1, 2 or train, valid, test.

    Args:
        values: One value an interaction.
        where: What the column is, for the message.

    Raises:
        UserError: There is another value.
    """
    names = {**{str(i): i for i in range(3)}, **{f"{i}.0": i for i in range(3)}}
    names |= {name: i for i, name in enumerate(SPLIT_NAMES)}
    unique, inverse = np.unique(values.astype(np.str_), return_inverse=True)
    wrong = [value for value in unique if value not in names]
    if wrong:
        raise UserError(
            f"{where} has the value {str(wrong[0])!r}, expected 0, 1, 2 or train, valid, test; "
            "correct the file, or name another column by `split_field`."
        )
    return np.array([names[value] for value in unique], dtype=np.int64)[inverse]


def global_time_labels(times: NDArray[Any], ratios: list[float]) -> Labels:
    """Cut all interactions at two moments: training is before validation, which is before test.

    Interactions of the same moment stay together, in the later part, so that nothing of the
    future is trained on; the parts' sizes are then not exactly in the ratios. [ours]

    Args:
        times: One moment an interaction, shape [n].
        ratios: Of training, validation and test; they need not sum to one.
    """
    in_order = np.append(np.sort(times), np.inf)
    ends = np.round(np.cumsum(ratios)[:2] / sum(ratios) * len(times)).astype(np.int64)
    first_valid, first_test = in_order[ends]
    labels: Labels = (times >= first_valid).astype(np.int64) + (times >= first_test)
    return labels


def cold_item_labels(
    labels: Labels, items: NDArray[np.int64], raw_ids: NDArray[np.str_], share: float, seed: int
) -> Labels:
    """Give round(share n) of the items no interaction in training: half are validated, half tested.

    All interactions of the first half go to validation, of the others to test; what there is of
    the other items stays where it is. The draw is from the items in order of raw id. [ours]

    Args:
        labels: The split so far, shape [n].
        items: Item of each interaction, shape [n].
        raw_ids: Raw id of each item.
        share: Share of the items that have interactions.
        seed: Seed of the draw.
    """
    candidates = distinct(items[labels != _OUT])
    in_order = candidates[np.argsort(raw_ids[candidates], kind="stable")]
    cold = np.random.default_rng(seed).permutation(in_order)[: round(share * len(in_order))]
    target = np.full(len(raw_ids), _OUT, dtype=np.int64)
    target[cold[: len(cold) // 2]] = 1
    target[cold[len(cold) // 2 :]] = 2
    return np.where((target[items] != _OUT) & (labels != _OUT), target[items], labels)


def without_cold_users(labels: Labels, users: NDArray[np.int64]) -> Labels:
    """Take the users who have no training interaction out of validation and test.

    Args:
        labels: The split so far, shape [n].
        users: User of each interaction, shape [n].
    """
    return np.where(np.isin(users, users[labels == 0]), labels, _OUT)


class SplitMixin(Dataset):
    """Splits a data set by ``split_by``, then holds out cold items and drops cold users.

    It does nothing where these keys have their defaults, or the configuration is RecBole's own.
    """

    def _split_kind(self) -> SplitKind:
        kind: SplitKind = self.config["split_by"] or "recbole"
        if kind not in get_args(SplitKind):
            raise UserError(
                f"`split_by` is {kind!r}, expected one of {', '.join(get_args(SplitKind))}."
            )
        if kind != "recbole" and isinstance(self, SequentialDataset):
            raise UserError(
                f"`split_by` is {kind!r}, but {self.config['model']} is a sequential model, which "
                "RecBole splits by time; set --split_by=recbole."
            )
        return kind

    def _is_timed(self) -> bool:
        """Whether the split goes by the moments of the interactions."""
        kind = self._split_kind()
        if kind == "recbole" and not self.config["benchmark_filename"]:
            return bool(self.config["eval_args"]["order"] == "TO")
        return kind in _TIMED

    def _split_column(self) -> str | None:
        """The column that the split needs, besides users and items."""
        kind = self._split_kind()
        if self._is_timed():
            return str(self.config["TIME_FIELD"])
        if kind == "fixed" and not self.config["benchmark_filename"]:
            return str(self.config["split_field"])
        return None

    def _get_load_and_unload_col(self, source: Any) -> tuple[set[str] | None, set[str] | None]:
        load, unload = super()._get_load_and_unload_col(source)
        column = self._split_column() if source == FeatureSource.INTERACTION else None
        if column is not None:
            load = load if load is None else load | {column}
            unload = unload if unload is None else unload - {column}
        return load, unload

    def build(self) -> list[Any]:
        """Split the interactions.

        Raises:
            UserError: A column is missing or has wrong values, or a part is left empty.
        """
        kind, column = self._split_kind(), self._split_column()
        if column is not None and column not in self.inter_feat:
            raise UserError(self._lacks(column))
        if kind not in ("recbole", "fixed"):
            self.benchmark_filename_list = None  # all files together are split anew
        load, unload = super()._get_load_and_unload_col(FeatureSource.INTERACTION)
        if kind == "global_time" or (kind == "fixed" and column is not None):
            parts = self._own_split(kind, str(column))
        else:
            parts = self._recbole_split()
        parts = self._adjusted(parts)
        left_out = (load is not None and column not in load) or column in (unload or ())
        if column is not None and left_out and not isinstance(self, SequentialDataset):
            for part in parts:  # loaded for the split alone, it would be in every batch
                if column in part.inter_feat:
                    part._del_col(part.inter_feat, column)
        return parts

    def _lacks(self, column: str) -> str:
        kind = self._split_kind()
        by, cure = f"`split_by` is '{kind}'", ", or split otherwise, such as --split_by=random"
        if kind == "recbole":
            by, cure = "the order of `eval_args` is 'TO'", ", or set another order, 'RO'"
        if isinstance(self, SequentialDataset):
            cure = ""
        key = "TIME_FIELD" if self._is_timed() else "split_field"
        return (
            f"{by}, which needs the column '{column}', but the .inter file of "
            f"'{self.dataset_name}' is read for {', '.join(self.inter_feat)} only; name the column "
            f"by `{key}`{cure}."
        )

    def _seed(self) -> int:
        seed = self.config["split_seed"]
        return int(self.config["seed"] if seed is None else seed)

    def _recbole_split(self) -> list[Any]:
        seeded = self.config["split_seed"] is not None
        with (
            torch.random.fork_rng(devices=[], enabled=seeded),
            recbole_complaints(f"the data set '{self.dataset_name}' cannot be split"),
        ):
            if seeded:
                torch.manual_seed(self._seed())
            return super().build()  # type: ignore[no-any-return]

    def _own_split(self, kind: SplitKind, column: str) -> list[Any]:
        self._change_feat_format()
        values = self.inter_feat[column].numpy()
        if kind == "global_time":
            labels = global_time_labels(values, self.config["split_ratios"])
        else:
            if column in self.field2id_token:
                values = np.asarray(self.field2id_token[column])[values]
            labels = fixed_labels(values, f"the column '{column}' of '{self.dataset_name}'")
        self._drop_unused_col()
        return self._cut(self.inter_feat, labels)

    def _adjusted(self, parts: list[Any]) -> list[Any]:
        share, drop = self.config["cold_items"], self.config["drop_cold_users"]
        if not share and not drop:
            return parts
        rows = cat_interactions([part.inter_feat for part in parts if len(part)])
        labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        if share:
            items, raw_ids = rows[self.iid_field].numpy(), self.field2id_token[self.iid_field]
            labels = cold_item_labels(labels, items, np.asarray(raw_ids), share, self._seed())
        if drop:
            labels = without_cold_users(labels, rows[self.uid_field].numpy())
        return self._cut(rows, labels)

    def _cut(self, rows: Interaction, labels: Labels) -> list[Any]:
        for number, name in enumerate(SPLIT_NAMES):
            if not (labels == number).any():
                given = {key: self.config[key] for key in SPLIT_KEYS}
                raise UserError(
                    f"the split leaves no interaction for {name} in '{self.dataset_name}'; the "
                    f"keys are {given}. Change the ratios or shares, or split otherwise."
                )
        return [self.copy(rows[np.flatnonzero(labels == number)]) for number in range(3)]
