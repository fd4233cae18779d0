"""A data set as it is described, against the files that it was made of."""

import gc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.describe import describe_split
from recbole_drepmrec.evaluation.plan import split_hash
from recbole_drepmrec.evaluation.runs import DESCRIBE, _is_described
from recbole_drepmrec.evaluation.schedule import Task
from recbole_drepmrec.evaluation.split import read_split, write_split
from recbole_drepmrec.evaluation.store import split_file
from tests.datasets import clustered, known_by_features


def config(tmp_path: Path, model: str = "Pop", **values: Any) -> Config:
    files = clustered().write(tmp_path / "dataset")
    return Config(model, config_dict={**files, "split_seed": 0, **values})


def test_description_is_that_of_the_files(tmp_path: Path) -> None:
    files, split = clustered(), describe_split(config(tmp_path))
    assert split.users.tolist() == sorted({user for user, _ in files.test})
    everything = [*files.train, *files.valid, *files.test]
    assert split.items.tolist() == sorted({item for _, item in everything})
    assert split.interactions == {"train": 360, "valid": 60, "test": 60}
    for place, user in enumerate(split.users):
        for matrix, pairs in ((split.trained, files.train), (split.relevant, files.test)):
            items = split.items[matrix[[place]].indices]
            assert sorted(items) == sorted(item for u, item in pairs if u == user)
        assert split.user_counts[place] == sum(u == user for u, _ in files.train)
    for place, item in enumerate(split.items):
        assert split.item_counts[place] == sum(i == item for _, i in files.train)
    having = set(files.features["image"][0])
    assert split.modalities["text"].all()
    assert split.items[split.modalities["image"]].tolist() == sorted(having & set(split.items))
    assert split.titles is None


def test_cold_items(tmp_path: Path) -> None:
    files = known_by_features()
    values = files.write(tmp_path / "dataset")
    split = describe_split(Config("Pop", config_dict={**values, "split_seed": 0}))
    warm = {item for _, item in files.train}
    assert split.items[split.cold_items].tolist() == sorted(set(split.items) - warm)
    assert split.cold_items.any()


def test_dropped_modalities_are_missing(tmp_path: Path) -> None:
    dropped = {"share": 0.25, "modalities": ["text"]}
    split = describe_split(config(tmp_path, drop_modalities=dropped))
    assert (~split.modalities["text"]).sum() == round(0.25 * len(split.items))


@pytest.mark.parametrize("column", ["movie_title:token_seq", "name:token"])
def test_titles(tmp_path: Path, column: str) -> None:
    settings = config(tmp_path)
    lines = [f"item_id:token\tyear:token\t{column}", "i0\t1990\tToy Story", "i9\t1991\t"]
    (tmp_path / "dataset" / "tiny" / "tiny.item").write_text("\n".join(lines) + "\n")
    split = describe_split(settings)
    assert split.titles is not None
    titles = dict(zip(split.items.tolist(), split.titles.tolist(), strict=True))
    assert titles["i0"] == "Toy Story"
    assert titles["i9"] == titles["i1"] == ""


def test_written_and_read(tmp_path: Path) -> None:
    split, path = describe_split(config(tmp_path)), tmp_path / "split.npz"
    write_split(path, split)
    read = read_split(path)
    for name in ("users", "items", "item_counts", "user_counts"):
        np.testing.assert_array_equal(getattr(read, name), getattr(split, name))
    for name in ("trained", "relevant"):
        np.testing.assert_array_equal(getattr(read, name).toarray(), getattr(split, name).toarray())
    assert read.titles is None
    assert read.interactions == split.interactions
    assert read.modalities.keys() == split.modalities.keys()
    np.testing.assert_array_equal(read.modalities["image"], split.modalities["image"])


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive"])
def test_a_damaged_file_is_a_message(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "split.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"split\.npz cannot be read"):
        read_split(path)


def test_a_damaged_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "split.npz"
    path.write_bytes(b"PK\x03\x04 no archive")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(UserError):
            read_split(path)
        gc.collect()
    assert not [one for one in caught if one.category is ResourceWarning]


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "split.npz"
    np.savez(path, users=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"cannot be read \(ValueError"):
        read_split(path)


def test_a_damaged_mark_is_no_description(tmp_path: Path) -> None:
    file = split_file(tmp_path, "tiny")
    file.parent.mkdir(parents=True)
    file.touch()
    task = Task(file.parent, DESCRIBE, tmp_path, {"dataset": "tiny"}, "")
    mark = file.parent / "settings.sha256"
    mark.write_text(split_hash(task.settings, "data"))
    assert _is_described(task, "data")
    assert not _is_described(task, "other data")
    mark.write_bytes(b"\xff\xfe\0")
    assert not _is_described(task, "data")
