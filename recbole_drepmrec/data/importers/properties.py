"""The property file of an imported data set, every key with its meaning."""

import json
from collections.abc import Mapping

import yaml

from recbole_drepmrec.data.importers.datasheet import DATASHEET
from recbole_drepmrec.data.importers.imported import SPLITS, FeatureTable, Imported

MARK = "# Written by `recbole-drepmrec prepare`; your changes are lost when it runs again."
"""The first line; a file without it was not written by an import."""

_COLUMN = 32


def property_file(imported: Imported, name: str) -> str:
    """The text of ``properties/dataset/NAME.yaml``.

    Args:
        imported: The data as they were written.
        name: The data set's name.
    """
    lines = [
        MARK,
        f"# What {name} holds and where it came from stands in dataset/{name}/{DATASHEET}.",
        _key('field_separator: "\\t"', "(str) Separator of the columns in .inter and .item files."),
        _key('seq_separator: " "', "(str) Separator inside columns that are sequences of words."),
        _key("USER_ID_FIELD: user_id", "(str) Name of the column with the user's raw id."),
        _key("ITEM_ID_FIELD: item_id", "(str) Name of the column with the item's raw id."),
    ]
    also = []
    if "rating" in imported.interactions:
        lines.append(_key("RATING_FIELD: rating", "(str) Name of the column with the rating."))
        also.append("rating to filter by it (val_interval)")
    if "timestamp" in imported.interactions:
        lines.append(_key("TIME_FIELD: timestamp", "(str) Name of the column with the time."))
        also.append("timestamp for eval_args: order: TO (split_by loads it itself)")
    more = f"(list) Add {', '.join(also)}." if also else "(list) All that there are."
    lines.append(_key("load_col:", "(dict) Suffix of a file: its columns to load."))
    lines.append(_key("    inter: [user_id, item_id]", more))
    if "split" in imported.interactions:
        key = f"benchmark_filename: [{', '.join(SPLITS)}]"
        lines.append(_key(key, "(list) The fixed split, a file each: NAME.train.inter and so on."))
    return "\n".join([*lines, *_modality_lines(imported.features)]) + "\n"


def _modality_lines(features: Mapping[str, FeatureTable]) -> list[str]:
    if not features:
        return []
    meaning = "(dict) Name: {file, ids} in the data set's folder; use_modalities picks."
    lines = [_key("modalities:", meaning)]
    for name, table in features.items():
        lines += modality_lines(name, table.values.shape[1])
    return lines


def modality_lines(name: str, width: int, indent: int = 4) -> list[str]:
    """The lines of one modality below ``modalities:``.

    Args:
        name: The modality.
        width: Features an item.
        indent: Spaces before its name.
    """
    start, deeper = " " * indent, " " * (indent + 4)
    return [
        _key(f"{start}{quoted_name(name)}:", f"{width} features an item."),
        _key(f"{deeper}file: {name}_feat.npy", "(str) Matrix, float32, one row an item."),
        _key(f"{deeper}ids: {name}_ids.txt", "(str) Raw item id of each row, one a line."),
    ]


def quoted_name(name: str) -> str:
    """A name as YAML reads it back as text: ``1`` and ``no`` in quotation marks."""
    return name if yaml.safe_load(name) == name else json.dumps(name, ensure_ascii=False)


def _key(key: str, meaning: str) -> str:
    return f"{key:<{_COLUMN}}# {meaning}" if len(key) < _COLUMN else f"{key}  # {meaning}"
