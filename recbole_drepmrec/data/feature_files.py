"""Reads one modality's files, of several formats, as rows of numbers with raw item ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from recbole_drepmrec.data.feature_formats import READERS, Ids, checked_ids, load_numpy
from recbole_drepmrec.errors import UserError

ROWS = "rows"
"""The value of ``ids`` that says: row r holds the features of the item with raw id r."""

Names = str | Annotated[list[str], Field(min_length=1)]


class ModalitySource(BaseModel):
    """Where one modality's features are, relative to the data set's folder.

    Attributes:
        file: One file, or several whose rows follow each other: a ``.npy`` matrix [n, d_m]; an
            ``.npz`` with ``features`` [n, d_m] and ``ids`` [n]; a ``.parquet`` table with a column
            of ids and either columns of numbers or one column of lists; a ``.safetensors`` with
            the tensor ``features``; RecBole's ``.itememb`` (``item_id:token``, ``emb:float_seq``).
        ids: A text file with one raw item id a line, or a ``.npy`` vector of ids, in the order of
            the rows, one for each file; ``rows`` if row r is the item with raw id r. ``.npz``,
            ``.parquet`` and ``.itememb`` carry their own.
        id_column: The column of a ``.parquet`` that holds the ids.
        pca: Principal components to keep; None keeps the features as they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Names
    ids: Names = ROWS
    id_column: str = "item_id"
    pca: Annotated[int, Field(ge=1, strict=True)] | None = None

    @property
    def files(self) -> list[str]:
        """The files, in order."""
        return [self.file] if isinstance(self.file, str) else self.file


@dataclass(frozen=True)
class FeaturePart:
    """The rows of one file.

    Attributes:
        path: The file.
        matrix: Its rows, shape [n, d_m]; a ``.npy`` is memory-mapped.
        ids: Raw item id of each row, shape [n].
        by_position: Whether the ids are nothing but row numbers.
    """

    path: Path
    matrix: NDArray[Any]
    ids: Ids
    by_position: bool


def read_parts(name: str, source: ModalitySource, folder: Path) -> list[FeaturePart]:
    """Read all files of one modality.

    Args:
        name: The modality's name, for messages.
        source: Its files.
        folder: The data set's folder.

    Raises:
        UserError: A file is missing or unreadable, or of another type; a matrix is not
            two-dimensional and numeric; rows and ids, or the files' columns, differ in number.
    """
    lists = [source.ids] * len(source.files) if isinstance(source.ids, str) else source.ids
    if len(lists) != len(source.files) or (
        len(lists) > 1 and isinstance(source.ids, str) and source.ids != ROWS
    ):
        raise UserError(
            f"modality '{name}': `file:` names {len(source.files)} files and `ids:` is "
            f"{source.ids!r}, expected a list of ids for each file, in the same order, or {ROWS}."
        )
    parts: list[FeaturePart] = []
    first_row = 0
    for file, ids in zip(source.files, lists, strict=True):
        parts.append(_read_part(name, folder, file, ids, source.id_column, first_row))
        first_row += len(parts[-1].matrix)
    widths = {part.path.name: part.matrix.shape[1] for part in parts}
    if len(set(widths.values())) > 1:
        raise UserError(
            f"modality '{name}': its files have different numbers of features, {widths}; rows can "
            "follow each other only if they are equally long. Make two modalities of them."
        )
    return parts


def _read_part(
    name: str, folder: Path, file: str, ids: str, id_column: str, first_row: int
) -> FeaturePart:
    path = folder / file
    if not path.is_file():
        raise UserError(
            f"modality '{name}': the feature file {path} does not exist; correct its `file:` "
            "under `modalities` or put the file there."
        )
    if path.suffix not in READERS:
        raise UserError(
            f"modality '{name}': {path} ends in '{path.suffix}', expected a .npy or .npz file, a "
            ".parquet, a .safetensors or an .itememb."
        )
    matrix, own_ids = READERS[path.suffix](name, path, id_column)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise UserError(
            f"modality '{name}': {path} holds an array of shape {matrix.shape} and type "
            f"{matrix.dtype}, expected numbers of shape [items, features]."
        )
    by_position = own_ids is None and ids == ROWS
    if by_position:
        own_ids = np.arange(first_row, first_row + len(matrix)).astype(np.str_)
    elif own_ids is None:
        own_ids = _read_ids(name, folder, ids)
    if len(own_ids) != len(matrix):
        raise UserError(
            f"modality '{name}': {path} has {len(matrix)} rows but {len(own_ids)} ids were given; "
            "each row needs exactly one id, in the same order."
        )
    return FeaturePart(path, matrix, own_ids, by_position)


def _read_ids(name: str, folder: Path, ids: str) -> Ids:
    """Raw item ids in the order of the rows."""
    path = folder / ids
    if not path.is_file():
        raise UserError(
            f"modality '{name}': the id list {path} does not exist; correct its `ids:` under "
            f"`modalities`, or write `ids: {ROWS}` if row r is the item with id r."
        )
    if path.suffix == ".npy":
        return checked_ids(name, path, load_numpy(name, path))
    try:
        return np.array(path.read_text(encoding="utf-8-sig").splitlines(), dtype=np.str_)
    except UnicodeDecodeError as error:
        raise UserError(f"modality '{name}': {path} is not UTF-8 text ({error}).") from error
