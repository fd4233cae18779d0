"""Encoded rows kept on disk in chunks, so that a killed extraction goes on where it stopped."""

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file, load_arrays, write_errors

CHUNK_ROWS = 512
"""Rows of a chunk: what a kill costs at most. Also the largest batch."""


@dataclass(frozen=True)
class Chunk:
    """The outcome for some consecutive rows of a source.

    Attributes:
        rows: Rows that were encoded, ascending, shape [n].
        features: Of these, float32, shape [n, d_m]; [0, 0] if there are none.
        broken: Row to the reason, for the others.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    broken: dict[int, str]


class Chunks:
    """The chunks of one extraction, each a file that is whole or not there.

    Args:
        parent: A folder for chunks of this modality and for nothing else.
        key: Hash of all that the features depend on; chunks of another key are removed.
        n_rows: Rows of the source.

    Raises:
        UserError: The folder cannot be written.
    """

    def __init__(self, parent: Path, key: str, n_rows: int) -> None:
        self._folder, self._n_rows = parent / key, n_rows
        with write_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            for other in parent.iterdir():
                if other != self._folder:
                    shutil.rmtree(other)

    def __len__(self) -> int:
        return -(-self._n_rows // CHUNK_ROWS)

    def rows(self, number: int) -> range:
        """The rows of the source that belong to a chunk."""
        return range(number * CHUNK_ROWS, min((number + 1) * CHUNK_ROWS, self._n_rows))

    def missing(self) -> list[int]:
        """Numbers of the chunks that are not there, or were damaged by a crash of the machine."""
        # An archive's table of contents is its end, so one that was cut off is none.
        return [n for n in range(len(self)) if not zipfile.is_zipfile(self._path(n))]

    def n_done(self) -> int:
        """Rows of the source whose chunks are there."""
        return self._n_rows - sum(len(self.rows(number)) for number in self.missing())

    def write(self, number: int, chunk: Chunk) -> None:
        """Keep a chunk.

        Raises:
            UserError: The disk cannot be written.
        """
        with atomic_file(self._path(number)) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                rows=chunk.rows,
                features=chunk.features,
                broken=np.array(list(chunk.broken), dtype=np.int64),
                reasons=np.array(list(chunk.broken.values()), dtype=np.str_),
            )

    def __iter__(self) -> Iterator[Chunk]:
        """All chunks in the order of their rows, one at a time in memory."""
        for number in range(len(self)):
            try:
                parts = load_arrays(self._path(number))
                reasons = map(str, parts["reasons"])
                broken = dict(zip(parts["broken"].tolist(), reasons, strict=True))
                yield Chunk(parts["rows"], parts["features"], broken)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise UserError(
                    f"{self._path(number)} cannot be read ({error}); remove it and run the same "
                    "command again."
                ) from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.npz"
