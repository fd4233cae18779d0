"""The vectors of users and items with their raw ids, as ``.npz`` or ``.parquet``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recbole_drepmrec.files import atomic_file, write_arrays
from recbole_drepmrec.inference.bundle import Bundle, Names
from recbole_drepmrec.inference.tables import arrow
from recbole_drepmrec.nn import FUSED, Representations

BLOCK_ROWS = 65_536
"""Rows of a Parquet file that are made at a time."""


def write_npz(path: Path, bundle: Bundle) -> None:
    """Write ``users`` [U] and ``items`` [I], raw ids, and of each a matrix a kind of vector.

    The matrices are ``user_fused`` [U, D], ``item_fused`` [I, D], and ``user_part_NAME``,
    ``item_part_NAME`` for each line and modality. Texts have a fixed width, so that numpy reads
    the file without pickle.

    Args:
        path: The file; an older one is replaced.
        bundle: What the run recommends from.

    Raises:
        UserError: It cannot be written.
    """
    arrays: dict[str, Any] = {"users": texts(bundle.users), "items": texts(bundle.items)}
    for name, table in _named(bundle).items():
        arrays[f"user_{name}"] = table.users.numpy()
        arrays[f"item_{name}"] = table.items.numpy()
    write_arrays(path, arrays)


def write_parquet(path: Path, bundle: Bundle) -> None:
    """Write a row a user and a row an item, some rows at a time.

    The columns are ``kind`` (``user`` or ``item``), ``id``, ``fused`` and ``part_NAME`` for each
    line and modality, the latter lists of D numbers.

    Args:
        path: The file; an older one is replaced.
        bundle: What the run recommends from.

    Raises:
        UserError: pyarrow is missing, or the file cannot be written.
    """
    pa, parquet = arrow("a .npz")
    vector = pa.list_(pa.float32(), bundle.fused.items.shape[1])
    columns = [("kind", pa.string()), ("id", pa.string())]
    schema = pa.schema(columns + [(name, vector) for name in _named(bundle)])
    with atomic_file(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for kind, ids, tables in _blocks(bundle):
            vectors = [
                pa.FixedSizeListArray.from_arrays(table.reshape(-1), table.shape[1])
                for table in tables
            ]
            arrays = [pa.array([kind] * len(ids)), pa.array(list(ids), pa.string()), *vectors]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def texts(ids: Names) -> Any:
    """Raw ids as an array that numpy saves without pickle.

    Args:
        ids: Shape [n].
    """
    return ids.astype(np.str_)


def _named(bundle: Bundle) -> dict[str, Representations]:
    """All kinds of vectors; no modality's name makes a name that is another's."""
    parts = {f"part_{name}": part for name, part in bundle.parts.items()}
    return {FUSED: bundle.fused, **parts}


def _blocks(bundle: Bundle) -> Iterator[tuple[str, Names, list[Any]]]:
    """Kind, ids [n] and one matrix [n, D] a kind of vector, a block at a time."""
    tables = _named(bundle).values()
    for kind, ids, matrices in (
        ("user", bundle.users, [table.users.numpy() for table in tables]),
        ("item", bundle.items, [table.items.numpy() for table in tables]),
    ):
        for start in range(0, len(ids), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield kind, ids[block], [np.ascontiguousarray(matrix[block]) for matrix in matrices]
