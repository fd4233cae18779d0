"""What RecBole's own keys may hold: RecBole does not look, and fails later or misreads them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_drepmrec.data.splits import SPLIT_NAMES
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.suggestions import nearest

_KEYS_INSIDE = {
    "eval_args": frozenset({"split", "order", "group_by", "mode"}),
    "train_neg_sample_args": frozenset(
        {"distribution", "sample_num", "alpha", "dynamic", "candidate_num"}
    ),
    "clip_grad_norm": frozenset({"max_norm", "norm_type", "error_if_nonfinite", "foreach"}),
}
"""What RecBole, or torch, reads of those of RecBole's keys that hold others."""

_MAPPINGS: dict[str, Mapping[str, Any]] = {
    "load_col": {"inter": ["user_id", "item_id"]},
    "unload_col": {"inter": ["timestamp"]},
    "unused_col": {"inter": ["timestamp"]},
    "seq_len": {"title": 10},
    "val_interval": {"rating": "[3,inf)"},
    "threshold": {"rating": 4},
    "preload_weight": {"item_id": "item_vector"},
    "discretization": {"price": {"method": "ED", "bucket": 5}},
    "clip_grad_norm": {"max_norm": 5},
}
"""Keys of which each is a mapping, or off, with what could be given."""

_LISTS: dict[str, list[str]] = {
    "benchmark_filename": ["train", "valid", "test"],
    "additional_feat_suffix": ["link"],
    "normalize_field": ["rating"],
    "numerical_features": ["price"],
    "alias_of_user_id": ["friend_id"],
    "alias_of_item_id": ["item_id_list"],
}
"""Keys of which each is a list, or off, with what could be given."""

_COLUMNS = ("load_col", "unload_col", "unused_col")
"""Mappings of lists of columns."""

_INTERVALS = (
    *("user_inter_num_interval", "item_inter_num_interval"),
    *("entity_kg_num_interval", "relation_kg_num_interval"),
)
"""Keys of how many interactions, or triples, who is kept has."""

_LEAVE_ONE_OUT = ("valid_and_test", "valid_only", "test_only")


def check_dataset_name(dataset: str) -> None:
    """See that a data set is named and no path to one.

    Args:
        dataset: What was given.

    Raises:
        UserError: It is a path.
    """
    place = Path(dataset)
    if place.name != dataset:
        where = "" if place.parent == Path() else f" --data_path={place.parent}"
        raise UserError(
            f"the data set is {dataset!r}, expected the name of a folder that `data_path` holds; "
            f"give{where} --dataset={place.name or 'NAME'}."
        )


def check_shapes(settings: Mapping[str, Any]) -> None:
    """See that keys hold what RecBole reads: a mapping, a list, intervals, parts that it knows.

    Args:
        settings: The configuration.

    Raises:
        UserError: A key holds something else.
    """
    for what, kind, shapes in (("a mapping", dict, _MAPPINGS), ("a list", list, _LISTS)):
        for key, example in shapes.items():
            given = settings.get(key)
            if given is not None and given is not False and not isinstance(given, kind):
                raise UserError(
                    f'`{key}` is {given!r}, expected {what} such as --{key}="{example}".'
                )
    _check_columns(settings)
    _check_intervals(settings)
    for name, known in _KEYS_INSIDE.items():
        for key in settings[name] or {}:
            if key not in known:
                near = nearest(str(key), known) or f"; it holds {', '.join(sorted(known))}."
                raise UserError(f"`{name}` has no key '{key}'{near}")
    _check_clipping(settings["clip_grad_norm"])


def _check_clipping(given: Any) -> None:
    if not given:
        return
    example = _MAPPINGS["clip_grad_norm"]
    for part, default in (("max_norm", None), ("norm_type", 2.0)):
        value = given.get(part, default)
        if not (type(value) in (int, float) and value > 0):
            raise UserError(
                f"`clip_grad_norm` is {given!r}, expected {part} to be a number above 0, such as "
                f'--clip_grad_norm="{example}"; without a bound it is .inf.'
            )


def _check_columns(settings: Mapping[str, Any]) -> None:
    for key in _COLUMNS:
        for suffix, columns in (settings.get(key) or {}).items():
            every = key == "load_col" and columns == "*"
            if not every and not isinstance(columns, list):
                raise UserError(
                    f"`{key}` has {columns!r} for {suffix}, expected a list of columns such as "
                    f"{_MAPPINGS[key]['inter']}."
                )


def _check_intervals(settings: Mapping[str, Any]) -> None:
    given = {key: settings.get(key) for key in _INTERVALS}
    values = (settings.get("val_interval") or {}).items()
    # of a column of words it is a list of those that are kept
    given |= {f"val_interval of {name}": one for name, one in values if not isinstance(one, list)}
    for key, intervals in given.items():
        for text in [] if intervals is None else str(intervals).split(";"):
            if not _is_interval(text.strip()):
                raise UserError(
                    f"`{key}` has {text!r}, expected an interval of two numbers, such as [5,inf) "
                    "or (0,10], several with ; between them."
                )


def _is_interval(text: str) -> bool:
    """Whether it is written as in [5,inf), its ends in order."""
    ends = text[1:-1].split(",")
    if text[:1] not in ("[", "(") or text[-1:] not in ("]", ")") or len(ends) != 2:
        return False
    try:
        return float(ends[0]) <= float(ends[1])
    except ValueError:
        return False


def check_embedding_size(settings: Mapping[str, Any]) -> None:
    """See that vectors have a length: RecBole trains some models with one of 0 without a word.

    Args:
        settings: The configuration of a model whose property file has ``embedding_size``.

    Raises:
        UserError: They have none.
    """
    size = settings["embedding_size"]
    if type(size) is not int or size < 1:
        raise UserError(f"`embedding_size` is {size!r}, expected 1 or more, such as 64.")


def check_split(eval_args: Mapping[str, Any]) -> None:
    """See that RecBole has the ``split``, the ``order`` and the grouping of ``eval_args``.

    Args:
        eval_args: Whole, what was not given being RecBole's default.

    Raises:
        UserError: It has not.
    """
    order, group_by, split = (eval_args[key] for key in ("order", "group_by", "split"))
    if order not in ("RO", "TO"):
        raise UserError(
            f"`eval_args` has the order {order!r}, expected RO (at random) or TO (by time)."
        )
    if group_by != "user" and str(group_by).lower() != "none":
        raise UserError(f"`eval_args` has the group_by {group_by!r}, expected user or none.")
    if not _can_split(split):
        raise UserError(
            f"`eval_args` has the split {split!r}, expected three ratios as in {{'RS': [8, 1, 1]}} "
            f"(or TS), or {{'LS': 'valid_and_test'}} (or another of {', '.join(_LEAVE_ONE_OUT)})."
        )
    if "TS" in split and order != "TO":  # RecBole would mix up the interactions
        raise UserError(
            f"`eval_args` has the split {split!r}, which is by time, and the order {order!r}, "
            "expected TO."
        )


def _can_split(split: Any) -> bool:
    if not isinstance(split, Mapping) or len(split) != 1:
        return False
    ((how, value),) = split.items()
    if how == "LS":
        return value in _LEAVE_ONE_OUT
    return how in ("RS", "TS") and isinstance(value, list) and _are_ratios(value)


def _are_ratios(values: list[Any]) -> bool:
    if len(values) != len(SPLIT_NAMES) or not all(type(one) in (int, float) for one in values):
        return False
    return values[0] > 0 and all(0 <= one < math.inf for one in values)
