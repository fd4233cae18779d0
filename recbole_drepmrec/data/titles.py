"""Titles of items, for whoever reads a list."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.data.atomic_files import read_columns, read_header

TITLE_WORDS = ("title", "name")
"""What the name of a column with titles contains; the first word that one has."""

LONGEST_TITLE = 120
"""Characters of a title that are kept: an array of texts is as wide as its longest."""


def read_titles(config: Any, items: NDArray[np.str_]) -> NDArray[np.str_] | None:
    """Titles out of the ``.item`` file, whether or not it is loaded for training.

    Args:
        config: The resolved configuration.
        items: Raw item ids, shape [n].

    Returns:
        The title of each item, empty where it has none, shape [n]; None where there are no titles.
    """
    path = Path(config["data_path"]) / f"{config['dataset']}.item"
    if not path.is_file():
        return None
    separator, encoding = config["field_separator"], config["encoding"] or "utf-8"
    columns = read_header(path, separator, encoding)
    ids = [column for column in columns if column.name == config["ITEM_ID_FIELD"]]
    named = [column for word in TITLE_WORDS for column in columns if word in column.name.lower()]
    if not ids or not named:
        return None
    frame = read_columns(path, columns, [ids[0], named[0]], separator, encoding)
    known = dict(zip(frame[ids[0].name], frame[named[0].name].fillna(""), strict=True))
    return np.array([known.get(item, "")[:LONGEST_TITLE] for item in items.tolist()], dtype=np.str_)
