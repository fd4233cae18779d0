"""What there is to encode of a data set, and which of its items have nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_drepmrec.data.extractors.encoder import Source
from recbole_drepmrec.data.extractors.facts import file_list
from recbole_drepmrec.data.extractors.images import ImageSource, images_in_column, images_in_folder
from recbole_drepmrec.data.extractors.items import ItemFiles
from recbole_drepmrec.data.extractors.texts import TextSource, joined_texts
from recbole_drepmrec.errors import UserError


@dataclass(frozen=True)
class Inputs:
    """Texts or images of a data set's items.

    Attributes:
        source: Those that there are.
        facts: What tells them from any others, as JSON takes it.
        missing: Raw ids of the items that have none.
        notes: What is odd about them, a sentence each.
    """

    source: Source
    facts: list[Any]
    missing: list[str]
    notes: list[str] = field(default_factory=list)


def text_inputs(files: ItemFiles, fields: Sequence[str]) -> Inputs:
    """The texts of the items.

    Args:
        files: The data set.
        fields: Columns of ``.item`` that are joined.

    Raises:
        UserError: The files are not in order, or no item has a text.
    """
    items = files.read(fields)
    texts = joined_texts(items, fields)
    if not texts:
        raise UserError(f"{', '.join(fields)} are empty for every item; name other --fields.")
    missing = [item for item in items.ids if item not in texts]
    return Inputs(TextSource(list(texts), list(texts.values())), list(texts.items()), missing)


def image_inputs(files: ItemFiles, folder: Path | None, column: str | None) -> Inputs:
    """The images of the items.

    Args:
        files: The data set.
        folder: Where the images are; None for the data set's folder.
        column: Column of ``.item`` that names them; None for files called after the items.

    Raises:
        UserError: The files are not in order, or no item has an image.
    """
    folder = files.folder if folder is None else folder
    items = files.read([] if column is None else [column])
    notes: list[str] = []
    if column is None:
        paths, others = images_in_folder(items, folder)
        notes += [f"images in {folder} that belong to no item: {others:,}"] if others else []
    else:
        paths = images_in_column(items, column, folder)
    missing = [item for item in items.ids if item not in paths]
    return Inputs(ImageSource(list(paths), list(paths.values())), file_list(paths), missing, notes)
