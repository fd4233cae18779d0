"""What every importer gives: interactions, features by raw item id, and where they came from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

SPLITS = ("train", "valid", "test")
"""Values of the column ``split``, in the order of an ``x_label`` 0, 1, 2."""

SPLIT_SEED = 999
"""Seed of a split that an import draws."""


@dataclass(frozen=True)
class FeatureTable:
    """One modality as it was found.

    Attributes:
        ids: Raw item id of each row, each once.
        values: Numbers, shape [len(ids), d_m]; may be memory-mapped.
    """

    ids: list[str]
    values: NDArray[Any]


@dataclass(frozen=True)
class Imported:
    """A data set of any layout, before it is written in ours.

    Attributes:
        interactions: Columns ``user_id`` and ``item_id`` (text), optionally ``rating`` and
            ``timestamp`` (float) and ``split`` (one of ``SPLITS``; then every row has one).
        features: Modality name to its rows.
        items: Column ``item_id`` and one text column for each thing known of an item, or None.
        source: Where the data came from, for the datasheet.
        licence: Its terms, as far as they are known.
        notes: What was changed or left out, a sentence each, for the datasheet.
    """

    interactions: pd.DataFrame
    features: Mapping[str, FeatureTable]
    items: pd.DataFrame | None = None
    source: str = "unknown"
    licence: str = "not stated by the source; ask whoever published it"
    notes: list[str] = field(default_factory=list)


Importer = Callable[[Path, str], Imported]
"""Reads a source folder or file; the second argument is the data set's name."""
