"""The shape of RecBole's own keys, where it fails in between or reads something else."""

from collections.abc import Mapping
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.suggestions import nearest

_KEYS_INSIDE = {
    "eval_args": frozenset({"split", "order", "group_by", "mode"}),
    "train_neg_sample_args": frozenset(
        {"distribution", "sample_num", "alpha", "dynamic", "candidate_num"}
    ),
}
"""What RecBole reads of those of its keys that hold others."""

_MAPPINGS: dict[str, Mapping[str, Any]] = {
    "load_col": {"inter": ["user_id", "item_id"]},
    "unload_col": {"inter": ["timestamp"]},
    "seq_len": {"title": 10},
    "val_interval": {"rating": "[3,inf)"},
    "threshold": {"rating": 4},
    "preload_weight": {"item_id": "item_vector"},
    "discretization": {"price": {"method": "ED", "bucket": 5}},
    "clip_grad_norm": {"max_norm": 5},
}
"""Keys of which each is a mapping, or None, with what could be given."""

_LISTS: dict[str, list[str]] = {
    "benchmark_filename": ["train", "valid", "test"],
    "additional_feat_suffix": ["link"],
    "normalize_field": ["rating"],
    "numerical_features": ["price"],
    "alias_of_user_id": ["friend_id"],
    "alias_of_item_id": ["item_id_list"],
}
"""Keys of which each is a list, or None, with what could be given."""


def check_shapes(settings: Mapping[str, Any]) -> None:
    """See that keys which hold a mapping or a list do, with the parts that RecBole reads.

    Args:
        settings: The configuration.

    Raises:
        UserError: A key holds something else, or a part that RecBole does not read.
    """
    for kinds, shapes in (((dict,), _MAPPINGS), ((list, tuple), _LISTS)):
        for key, example in shapes.items():
            given = settings.get(key)
            if given is not None and not isinstance(given, kinds):
                what = "a mapping" if shapes is _MAPPINGS else "a list"
                raise UserError(
                    f'`{key}` is {given!r}, expected {what} such as --{key}="{example}".'
                )
    for name, known in _KEYS_INSIDE.items():
        for key in settings[name] or {}:
            if key not in known:
                near = nearest(str(key), known) or f"; it holds {', '.join(sorted(known))}."
                raise UserError(f"`{name}` has no key '{key}'{near}")


def check_embedding_size(settings: Mapping[str, Any]) -> None:
    """See that the vectors of a model of RecBole's have numbers: by 0 some of them train, too.

    Args:
        settings: The configuration.

    Raises:
        UserError: They have none.
    """
    size = settings.get("embedding_size")
    if size is not None and (type(size) is not int or size < 1):
        raise UserError(f"`embedding_size` is {size!r}, expected 1 or more, such as 64.")
