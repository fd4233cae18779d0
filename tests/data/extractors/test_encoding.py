"""Batches, chunks, going on after a stop, and the files in the end."""

import gc
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recbole_drepmrec.data.extractors import chunks as chunks_module
from recbole_drepmrec.data.extractors.chunks import Chunks
from recbole_drepmrec.data.extractors.encoding import encode_missing
from recbole_drepmrec.data.extractors.images import ImageSource
from recbole_drepmrec.data.extractors.target import Target, examples
from recbole_drepmrec.data.extractors.texts import TextSource
from recbole_drepmrec.errors import UserError
from tests.data.extractors.tiny_encoders import HashedWords, PixelProjection, picture, to_tensor

TEXTS = [" ".join(f"w{n % 7}" for n in range(length)) for length in (3, 9, 1, 4, 4, 8, 2, 5, 6, 7)]
IDS = [f"p{row}" for row in range(len(TEXTS))]
SOURCE = TextSource(IDS, TEXTS)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 4)


def encoder() -> HashedWords:
    return HashedWords("a", None, "cpu")


class Recording(HashedWords):
    """Notes its batches, and stops before the batch numbered ``stop``."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__("a", None, "cpu")
        self.batches: list[list[str]] = []
        self._stop = stop

    def encode(self, inputs: list[str]) -> NDArray[np.float32]:
        if len(self.batches) == self._stop:
            raise KeyboardInterrupt
        self.batches.append(inputs)
        return super().encode(inputs)


def all_at_once() -> NDArray[np.float32]:
    return encoder().encode(TEXTS)


def joined(chunks: Chunks) -> NDArray[np.float32]:
    return np.concatenate([chunk.features for chunk in chunks])


def test_rows_come_in_order_whatever_the_batches(tmp_path: Path) -> None:
    for batch_size in (1, 3, 4):
        chunks = Chunks(tmp_path / str(batch_size), "k", 10)
        assert [list(chunks.rows(number)) for number in range(len(chunks))] == [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
            [8, 9],
        ]
        encode_missing(SOURCE, encoder(), chunks, batch_size, 0)
        np.testing.assert_allclose(joined(chunks), all_at_once(), rtol=1e-6)
        assert np.concatenate([chunk.rows for chunk in chunks]).tolist() == list(range(10))


def test_texts_of_like_length_share_a_batch(tmp_path: Path) -> None:
    recording = Recording()
    encode_missing(SOURCE, recording, Chunks(tmp_path / "c", "k", 10), 2, 0)
    lengths = [[len(text.split()) for text in batch] for batch in recording.batches]
    assert lengths == [[9, 4], [3, 1], [8, 5], [4, 2], [7, 6]]


@pytest.mark.parametrize("stop", [0, 1, 2, 4])
def test_goes_on_where_it_stopped(stop: int, tmp_path: Path) -> None:
    """Two batches a chunk: what a stop costs is the chunk under way."""
    chunks = Chunks(tmp_path / "c", "k", 10)
    with pytest.raises(KeyboardInterrupt):
        encode_missing(SOURCE, Recording(stop), chunks, 2, 0)
    again = Chunks(tmp_path / "c", "k", 10)
    finished = stop // 2
    assert again.missing() == list(range(finished, 3))
    recording = Recording()
    encode_missing(SOURCE, recording, again, 2, 0)
    assert sum(map(len, recording.batches)) == 10 - 4 * finished
    whole = Chunks(tmp_path / "whole", "k", 10)
    encode_missing(SOURCE, encoder(), whole, 2, 0)
    np.testing.assert_array_equal(joined(again), joined(whole))
    assert again.missing() == []
    encode_missing(SOURCE, Recording(0), again, 2, 0)  # nothing is left to encode


def test_another_key_starts_anew(tmp_path: Path) -> None:
    encode_missing(SOURCE, encoder(), Chunks(tmp_path / "c", "one", 10), 2, 0)
    assert Chunks(tmp_path / "c", "two", 10).missing() == [0, 1, 2]
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["two"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_chunk_cut_off_by_a_crash_is_made_again(content: bytes, tmp_path: Path) -> None:
    chunks = Chunks(tmp_path / "c", "k", 10)
    encode_missing(SOURCE, encoder(), chunks, 2, 0)
    file = tmp_path / "c" / "k" / "000001.npz"
    file.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(UserError, match=r"000001.npz cannot be read .* run the same"):
            joined(chunks)
        gc.collect()
    assert not [one for one in caught if one.category is ResourceWarning], "it is left open"
    assert chunks.missing() == [1]
    encode_missing(SOURCE, encoder(), chunks, 2, 0)
    np.testing.assert_allclose(joined(chunks), all_at_once(), rtol=1e-6)


class Wrong(HashedWords):
    """Gives what a model should not."""

    def __init__(self, change: Any) -> None:
        super().__init__("a", None, "cpu")
        self._change = change

    def encode(self, inputs: list[str]) -> NDArray[np.float32]:
        return self._change(super().encode(inputs))  # type: ignore[no-any-return]


def with_value(value: float) -> Any:
    def change(features: NDArray[np.float32]) -> NDArray[np.float32]:
        features[1, 3] = value
        return features

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value(np.nan), "NaN or infinity for 1 of 2 inputs, first for the item 'p3'"),
        (with_value(-np.inf), "NaN or infinity for 1 of 2"),
        (lambda features: features[:1], r"shape \(1, 8\) for 2 inputs"),
        (lambda features: features[:, 0], r"shape \(2,\) for 2 inputs"),
        (lambda features: features[:, :0], r"shape \(2, 0\) for 2 inputs"),
    ],
)
def test_what_no_model_should_give(change: Any, message: str, tmp_path: Path) -> None:
    chunks = Chunks(tmp_path / "c", "k", 10)
    with pytest.raises(UserError, match=message):
        encode_missing(SOURCE, Wrong(change), chunks, 2, 0)
    assert chunks.missing() == [0, 1, 2]


def image_source(folder: Path, broken: Sequence[int]) -> ImageSource:
    folder.mkdir()
    paths = [folder / f"p{row}.png" for row in range(10)]
    for row, path in enumerate(paths):
        picture(row).save(path)
    for row in broken:
        paths[row].write_bytes(b"")
    return ImageSource(IDS, paths)


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_images_have_no_row(workers: int, tmp_path: Path) -> None:
    """A whole chunk of them, and one in another; read here or by processes."""
    source = image_source(tmp_path / "images", [2, 4, 5, 6, 7])
    projection = PixelProjection("a", None, "cpu")
    chunks = Chunks(tmp_path / "c", "k", 10)
    encode_missing(source, projection, chunks, 3, workers)
    target = Target(tmp_path, "image")
    report = target.write(IDS, chunks, {"model": "a"})
    kept = [0, 1, 3, 8, 9]
    expected = projection.encode([to_tensor(picture(row)) for row in kept])
    np.testing.assert_allclose(np.load(target.features), expected, rtol=1e-6)
    assert target.ids.read_text().splitlines() == [IDS[row] for row in kept]
    assert report["broken"] == dict.fromkeys(["p2", "p4", "p5", "p6", "p7"], "the file is empty")
    assert (report["rows"], report["dimensions"], report["model"]) == (5, 6, "a")
    assert json.loads(target.report.read_text()) == report
    assert examples(report["broken"]) == (
        "'p2' (the file is empty), 'p4' (the file is empty), 'p5' (the file is empty), ..."
    )


def test_not_a_single_image(tmp_path: Path) -> None:
    source = image_source(tmp_path / "images", range(10))
    target = Target(tmp_path, "image")
    chunks = Chunks(target.chunks, "k", 10)
    encode_missing(source, PixelProjection("a", None, "cpu"), chunks, 3, 0)
    with pytest.raises(UserError, match=r"no input of 10 can be read: 'p0' \(the file is empty\)"):
        target.write(IDS, chunks, {})
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_names_that_are_taken(tmp_path: Path) -> None:
    target = Target(tmp_path, "text")
    target.check(None)
    target.check({"text": {**target.entry, "pca": 3}, "image": None})
    for given in (None, {"file": "text_feat.npy"}, {**target.entry, "file": "other.npy"}):
        with pytest.raises(UserError, match="the modality 'text' is configured already"):
            target.check({"text": given})
    target.ids.write_text("a\n")
    with pytest.raises(UserError, match=r"text_ids.txt was not written by `extract`"):
        target.check(None)
    target.report.write_text("{}")
    target.check(None)
    with pytest.raises(UserError, match=r"called 'a/b', expected letters.* mend --modality"):
        Target(tmp_path, "a/b").check(None)
