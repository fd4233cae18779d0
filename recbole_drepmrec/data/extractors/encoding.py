"""Runs a source through an encoder, batch by batch, and keeps what is done."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from recbole_drepmrec.data.extractors.chunks import Chunk, Chunks
from recbole_drepmrec.data.extractors.encoder import Encoder, Source, UnreadableError
from recbole_drepmrec.data.extractors.libraries import enough_memory
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.terminal import is_watched

Loaded = tuple[int, Any]
"""A row and its input, or the :class:`UnreadableError` that says why there is none."""


def encode_missing(
    source: Source, encoder: Encoder, chunks: Chunks, batch_size: int, workers: int
) -> None:
    """Encode the rows whose chunks are not there yet.

    One batch of inputs is in memory at a time, and a few more a worker. On a terminal a bar shows
    the progress.

    Args:
        source: The inputs.
        encoder: The model.
        chunks: Where finished rows are kept.
        batch_size: Inputs in a batch.
        workers: Processes that read ahead; 0 reads in this one.

    Raises:
        UserError: The model gives no finite numbers, or wants more memory than the GPU has, or
            the disk cannot be written. Chunks that are finished stay.
    """
    todo = chunks.missing()
    batches = {number: _batches(source, chunks.rows(number), batch_size) for number in todo}
    loader: DataLoader[Loaded] = DataLoader(
        _Loading(source, encoder.prepare),
        batch_sampler=[batch for parts in batches.values() for batch in parts],
        collate_fn=list,
        num_workers=workers,
    )
    total, done = len(source.ids), chunks.n_done()
    with tqdm(total=total, initial=done, unit="item", disable=not is_watched()) as bar:
        loaded = iter(loader) if todo else iter(())
        for number in todo:
            parts = (next(loaded) for _ in batches[number])
            chunks.write(number, _encoded(source, encoder, _counted(parts, bar), batch_size))


class _Loading(Dataset[Loaded]):
    """A source as a DataLoader takes it; what is broken is handed on rather than raised."""

    def __init__(self, source: Source, prepare: Callable[[Any], Any]) -> None:
        self._source, self._prepare = source, prepare

    def __getitem__(self, row: int) -> Loaded:
        try:
            return row, self._prepare(self._source.load(row))
        except UnreadableError as error:
            return row, error


def _batches(source: Source, rows: range, batch_size: int) -> list[list[int]]:
    """Rows in batches, the heaviest first, so that inputs of like length share one."""
    order = sorted(rows, key=source.weight, reverse=True)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _counted(parts: Iterable[list[Loaded]], bar: Any) -> Iterator[list[Loaded]]:
    for part in parts:
        yield part
        bar.update(len(part))


def _encoded(
    source: Source, encoder: Encoder, parts: Iterable[list[Loaded]], batch_size: int
) -> Chunk:
    """Encode the batches of a chunk, and put its rows in order."""
    rows: list[int] = []
    features: list[NDArray[np.float32]] = []
    broken: dict[int, str] = {}
    for part in parts:
        good = [(row, value) for row, value in part if not isinstance(value, UnreadableError)]
        broken |= {row: str(value) for row, value in part if isinstance(value, UnreadableError)}
        if good:
            with enough_memory(batch_size):
                encoded = encoder.encode([value for _, value in good])
            _check(encoded, [source.ids[row] for row, _ in good])
            rows += [row for row, _ in good]
            features.append(encoded)
    if not rows:
        return Chunk(np.zeros(0, np.int64), np.zeros((0, 0), np.float32), broken)
    order = np.argsort(rows)
    return Chunk(
        np.array(rows)[order], np.concatenate(features)[order], dict(sorted(broken.items()))
    )


def _check(encoded: NDArray[np.float32], ids: list[str]) -> None:
    if encoded.ndim != 2 or len(encoded) != len(ids) or not encoded.shape[1]:
        raise UserError(
            f"the model gives an array of shape {encoded.shape} for {len(ids)} inputs, expected "
            "one row of features each; choose another model."
        )
    bad = ~np.isfinite(encoded).all(axis=1)
    if bad.any():
        raise UserError(
            f"the model gives NaN or infinity for {int(bad.sum())} of {len(ids)} inputs, first for "
            f"the item '{ids[int(bad.argmax())]}'; check its weights, or choose another model."
        )
