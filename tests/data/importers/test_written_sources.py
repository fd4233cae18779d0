"""From the files of other projects to ours: one data set, whatever layout it came in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recbole_drepmrec.data.importers.amazon import import_amazon
from recbole_drepmrec.data.importers.cornac import import_cornac
from recbole_drepmrec.data.importers.diffmm import import_diffmm
from recbole_drepmrec.data.importers.imported import Importer
from recbole_drepmrec.data.importers.lattice import import_lattice
from recbole_drepmrec.data.importers.movielens import import_movielens
from recbole_drepmrec.data.importers.write import write_dataset
from tests.data.importers.small_sources import (
    IMAGE,
    N_ITEMS,
    SPLIT_PAIRS,
    write_cornac,
    write_diffmm,
    write_features,
    write_lattice,
)
from tests.data.importers.test_amazon import ITEMS, write_amazon, write_images
from tests.data.importers.test_movielens import write_movielens


def _write_lattice(folder: Path) -> None:
    write_lattice(folder)
    write_features(folder)


def _lines(path: Path) -> list[str]:
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    return [header, *sorted(rows)]


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (write_diffmm, import_diffmm),
        (_write_lattice, import_lattice),
        (write_cornac, import_cornac),
    ],
)
def test_the_same_files(tmp_path: Path, write: Callable[[Path], None], read: Importer) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write(source)
    folder = write_dataset(read(source, "tiny"), "tiny", tmp_path / "out", source).folder
    for split, pairs in SPLIT_PAIRS.items():
        expected = ["user_id:token\titem_id:token", *sorted(f"{u}\t{i}" for u, i in pairs)]
        assert _lines(folder / f"tiny.{split}.inter") == expected
    np.testing.assert_array_equal(np.load(folder / "image_feat.npy"), IMAGE)
    ids = (folder / "image_ids.txt").read_text().splitlines()
    assert ids == [str(item) for item in range(N_ITEMS)]


def test_amazon(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_amazon(source)
    write_images(source / "image_features_Baby.b", [*ITEMS[::-1], "B888888888"])
    written = write_dataset(import_amazon(source, "baby"), "baby", tmp_path / "out", source)
    counts = [len(_lines(written.folder / f"baby.{split}.inter")) - 1 for split in SPLIT_PAIRS]
    assert counts == [24, 6, 6]
    assert np.load(written.folder / "image_feat.npy")[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert (written.folder / "image_ids.txt").read_text().splitlines() == ITEMS[::-1]
    items = _lines(written.folder / "baby.item")
    assert items[0] == "item_id:token\ttext:token_seq"
    assert items[2] == f"{ITEMS[1]}\tRing Baby Feeding Toys"


@pytest.mark.parametrize("edition", ["100k", "1m"])
def test_movielens_has_no_features(tmp_path: Path, edition: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_movielens(source, edition)
    written = write_dataset(import_movielens(source, "ml"), "ml", tmp_path / "out", source)
    header, *rows = _lines(written.folder / "ml.inter")
    assert header == "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    assert len(rows) == 3
    assert "title:token_seq" in (written.folder / "ml.item").read_text(encoding="utf-8")
    assert not list(written.folder.glob("*_feat.npy"))
