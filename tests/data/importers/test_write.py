"""What is written can be read again, is right, and is whole or not there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.atomic_files import read_columns, read_header
from recbole_drepmrec.data.importers import replacing, write
from recbole_drepmrec.data.importers.imported import FeatureTable, Imported
from recbole_drepmrec.data.importers.matrices import read_id_list
from recbole_drepmrec.data.importers.write import write_dataset
from recbole_drepmrec.errors import UserError

ROOT = Path(__file__).parents[3]


def small(
    n: int = 3, split: bool = False, features: Mapping[str, object] | None = None
) -> Imported:
    """Users u0.. who each take the item of the same number, and features of all items."""
    frame = pd.DataFrame({"user_id": [f"u{i}" for i in range(n)], "item_id": map(str, range(n))})
    if split:
        frame["split"] = [("test", "valid", "train")[i % 3] for i in range(n)]
    ids = [str(i) for i in range(n)]
    tables = {"text": FeatureTable(ids, np.arange(2.0 * n).reshape(n, 2) + 1)}
    return Imported(frame, tables if features is None else features)  # type: ignore[arg-type]


def read(path: Path) -> list[list[object]]:
    columns = read_header(path, "\t", "utf-8")
    return read_columns(path, columns, columns, "\t", "utf-8").to_numpy().tolist()


def test_files_and_their_content(tmp_path: Path) -> None:
    imported = small()
    imported.interactions["rating"] = [1.0, 2.5, 0.1 + 0.2]
    imported.interactions["timestamp"] = [1e9, 2e9, 3e9]
    items = {"item_id": ["0", "9"], "full title": ["Tabs\tand\nlines", None], "year": ["1995", "2"]}
    written = write_dataset(
        Imported(imported.interactions, imported.features, pd.DataFrame(items)), "a.b", tmp_path
    )
    folder = tmp_path / "dataset" / "a.b"
    names = {"DATASHEET.md", "a.b.inter", "a.b.item", "text_feat.npy", "text_ids.txt"}
    assert {path.name for path in folder.iterdir()} == names
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    assert (folder / "a.b.inter").read_text().startswith(header + "\n")
    assert read(folder / "a.b.inter")[2] == ["u2", "2", 0.1 + 0.2, 3e9]
    assert (folder / "a.b.item").read_text().splitlines() == [
        "item_id:token\tfull_title:token_seq\tyear:token",
        "0\tTabs and lines\t1995",
        "9\t\t2",
    ]
    matrix = np.load(folder / "text_feat.npy")
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert read_id_list(folder / "text_ids.txt") == ["0", "1", "2"]
    assert yaml.safe_load(written.properties.read_text()) == {
        "field_separator": "\t",
        "seq_separator": " ",
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "RATING_FIELD": "rating",
        "TIME_FIELD": "timestamp",
        "load_col": {"inter": ["user_id", "item_id"]},
        "modalities": {"text": {"file": "text_feat.npy", "ids": "text_ids.txt"}},
    }


def test_every_key_of_the_property_file_is_explained(tmp_path: Path) -> None:
    written = write_dataset(small(split=True), "a", tmp_path)
    lines = written.properties.read_text().splitlines()
    assert all("# " in line for line in lines)
    assert yaml.safe_load("\n".join(lines))["benchmark_filename"] == ["train", "valid", "test"]


def test_a_modality_called_like_a_number_or_no_stays_a_name(tmp_path: Path) -> None:
    table = small().features["text"]
    written = write_dataset(small(features={"1": table, "no": table}), "a", tmp_path)
    assert list(yaml.safe_load(written.properties.read_text())["modalities"]) == ["1", "no"]


def test_a_split_is_a_file_each_and_the_earliest_keeps_a_repeated_pair(tmp_path: Path) -> None:
    frame = small(6, split=True).interactions
    again = pd.DataFrame([["u2", "2", "test"], ["u0", "0", "test"]], columns=frame.columns)
    written = write_dataset(Imported(pd.concat([frame, again]), {}), "a", tmp_path)
    rows = {
        split: read(written.folder / f"a.{split}.inter") for split in ("train", "valid", "test")
    }
    assert rows == {
        "train": [["u2", "2"], ["u5", "5"]],
        "valid": [["u1", "1"], ["u4", "4"]],
        "test": [["u0", "0"], ["u3", "3"]],
    }
    assert written.imported.notes[0].startswith("2 repeated interactions were dropped")


def test_rows_of_unknown_items_are_dropped_with_a_note(tmp_path: Path) -> None:
    table = FeatureTable(["x", "1", "y"], np.array([[np.nan, 1], [2, 3], [4, 5]]))
    written = write_dataset(small(features={"text": table}), "a", tmp_path)
    assert np.load(written.folder / "text_feat.npy").tolist() == [[2, 3]]
    assert written.imported.notes == ["2 rows of 'text' belong to no item and were dropped"]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.uint8])
def test_blocks_of_any_size_give_the_same_matrix(
    dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "BLOCK_VALUES", 7)
    values = np.random.default_rng(0).integers(0, 200, size=(10, 3)).astype(dtype)
    table = FeatureTable([str(i) for i in range(10)], values)
    written = write_dataset(small(10, features={"text": table}), "a", tmp_path)
    np.testing.assert_array_equal(np.load(written.folder / "text_feat.npy"), values)


def changed(column: str, value: object) -> Imported:
    imported = small(split=True)
    imported.interactions[column] = imported.interactions[column].astype(object)
    imported.interactions.loc[1, column] = value
    return imported


def with_features(ids: list[str], values: object, name: str = "text") -> Imported:
    return small(features={name: FeatureTable(ids, np.array(values))})


MISTAKES = {
    "nothing": (Imported(small().interactions.iloc[:0], {}), "there are no interactions"),
    "no id": (changed("item_id", ""), "the value '', which is read as no id"),
    "nan": (changed("user_id", float("nan")), "the value nan, which is read as no id"),
    "like missing": (changed("user_id", "NA"), "the value 'NA', which is read as no id"),
    "padding": (changed("item_id", "[PAD]"), "the value '\\[PAD\\]'"),
    "tab": (changed("item_id", "a\tb"), "the id 'a\\\\tb', which holds a tab"),
    "line": (changed("user_id", "a\nb"), "which holds a tab, a line end"),
    "line of Unicode": (changed("user_id", "a\u2028b"), "which holds a tab, a line end"),
    "surrogate": (changed("user_id", "a\ud800"), "another control character"),
    "split": (changed("split", "dev"), "an interaction's split is 'dev'"),
    "empty split": (
        changed("split", "test"),
        "the split 'valid' has no interactions; give --valid_share",
    ),
    "twice": (with_features(["1", "1"], [[1.0], [2.0]]), "1 ids more than once, first '1'"),
    "unknown": (with_features(["x"], [[1.0]]), "none of its 1 ids \\(first 'x'\\) is an item"),
    "not a number": (with_features(["1", "2"], [[1.0], [np.nan]]), "the row of item '2' has NaN"),
    "overflow": (with_features(["1"], [[1e300]]), "overflows float32"),
    "zeros": (with_features(["1"], [[0.0]]), "every row is zero"),
    "text": (with_features(["1"], [["a"]]), "expected numbers"),
    "vector": (with_features(["1"], [1.0]), "expected numbers of shape"),
    "modality": (with_features(["1"], [[1.0]], "a/b"), "a modality is called 'a/b'"),
    "no items": (
        Imported(small().interactions, {}, pd.DataFrame({"item_id": [], "title": []})),
        "table of items is empty",
    ),
    "items twice": (
        Imported(small().interactions, {}, pd.DataFrame({"item_id": ["1", "1"]})),
        "1 items stand more than once",
    ),
    "rating": (
        Imported(small().interactions.assign(rating=[1, np.inf, 2]), {}),
        "rating has no finite number in 1 rows, first in row 2",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_wrong_data_is_refused_and_nothing_is_left(case: str, tmp_path: Path) -> None:
    imported, message = MISTAKES[case]
    with pytest.raises(UserError, match=message):
        write_dataset(imported, "a", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["", "a/b", "..", "-a", "a b"])
def test_a_name_that_is_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mend --name"):
        write_dataset(small(), name, tmp_path)


@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True),
    st.lists(st.sampled_from(['"', " a", "b ", "ü,", "'", "\\", "\ufeff", "#", "1.0"]), max_size=3),
)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_id_comes_back_as_it_was_or_is_refused(
    tmp_path: Path, ids: list[str], more: list[str]
) -> None:
    ids = list(dict.fromkeys([*ids, *more]))
    frame = pd.DataFrame({"user_id": ids, "item_id": ids[::-1]}, dtype=object)
    table = FeatureTable(ids, np.ones((len(ids), 1)))
    try:
        written = write_dataset(Imported(frame, {"text": table}), "a", tmp_path)
    except UserError:
        return
    assert read(written.folder / "a.inter") == [
        list(pair) for pair in zip(ids, ids[::-1], strict=True)
    ]
    assert (written.folder / "text_ids.txt").read_text("utf-8").splitlines() == ids


def state(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_the_same_data_are_the_same_bytes(tmp_path: Path) -> None:
    write_dataset(small(split=True), "a", tmp_path)
    first = state(tmp_path)
    write_dataset(small(split=True), "a", tmp_path)
    assert state(tmp_path) == first


def test_an_error_leaves_the_old_data_set_whole(tmp_path: Path) -> None:
    write_dataset(small(), "a", tmp_path)
    before = state(tmp_path)
    with pytest.raises(UserError, match="has NaN"):
        write_dataset(with_features(["1", "2"], [[1.0], [np.nan]]), "a", tmp_path)
    assert state(tmp_path) == before


def test_a_full_disk_leaves_the_old_data_set_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(small(), "a", tmp_path)
    before = state(tmp_path)

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "datasheet", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_dataset(small(5), "a", tmp_path)
    assert state(tmp_path) == before


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_new_data_set_replaces_the_old_one(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(replacing, "_exchange", lambda *_: False)
    write_dataset(small(5, split=True), "a", tmp_path)
    written = write_dataset(small(2), "a", tmp_path)
    assert len(read(written.folder / "a.inter")) == 2
    assert not (written.folder / "a.train.inter").exists()
    assert "benchmark_filename" not in written.properties.read_text()
    assert [path.name for path in (tmp_path / "dataset").iterdir()] == ["a"]


def test_what_no_import_wrote_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "dataset" / "a"
    folder.mkdir(parents=True)
    (folder / "a.inter").write_text("mine")
    with pytest.raises(UserError, match=r"holds a\.inter, not written by `prepare`"):
        write_dataset(small(), "a", tmp_path)
    properties = tmp_path / "properties" / "dataset" / "b.yaml"
    properties.parent.mkdir(parents=True)
    properties.write_text("mine: 1")
    with pytest.raises(UserError, match="was not written by `prepare`"):
        write_dataset(small(), "b", tmp_path)
    assert (folder / "a.inter").read_text() == "mine"
    assert properties.read_text() == "mine: 1"


def test_what_was_added_to_an_import_is_not_replaced(tmp_path: Path) -> None:
    """Features of hours on a GPU, say; graphs and pictures are only made again."""
    folder = write_dataset(small(), "a", tmp_path).folder
    for name in ("graphs", "info"):
        (folder / name).mkdir()
    (folder / "audio_feat.npy").write_text("mine")
    with pytest.raises(UserError, match=r"holds audio_feat\.npy, not written by `prepare`"):
        write_dataset(small(2), "a", tmp_path)
    assert (folder / "audio_feat.npy").read_text() == "mine"
    (folder / "audio_feat.npy").unlink()
    write_dataset(small(2), "a", tmp_path)
    assert not (folder / "graphs").exists()


def test_the_source_is_not_replaced(tmp_path: Path) -> None:
    folder = write_dataset(small(), "a", tmp_path).folder
    for source in (folder, folder / "a.inter"):
        with pytest.raises(UserError, match="is where the data set would be written"):
            write_dataset(small(), "a", tmp_path, source)


SLOW_WRITER = """
import sys, time
from pathlib import Path
from recbole_drepmrec.data.importers import replacing, write
from tests.data.importers.test_write import small

point, out = sys.argv[1], Path(sys.argv[2])

def stop(*_):
    (out / "reached").touch()
    time.sleep(60)

if point == "writing":
    write.datasheet = stop
else:
    replacing._exchange = lambda *_: False
    rename = replacing.os.rename
    def rename_then_stop(one, other):
        rename(one, other)
        stop()
    replacing.os.rename = rename_then_stop
write.write_dataset(small(9), "a", out)
"""


@pytest.mark.parametrize("point", ["writing", "between the renames"])
def test_killed_in_the_middle_the_old_data_set_is_whole(point: str, tmp_path: Path) -> None:
    """SIGKILL, in a process of its own; the next import leaves nothing of it."""
    folder = write_dataset(small(), "a", tmp_path).folder
    before = state(folder)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER, point, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    end = time.monotonic() + 60
    while not (tmp_path / "reached").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(list((tmp_path / "dataset").iterdir())) == 2  # what the killed one left
    if point == "writing":
        assert state(folder) == before
    else:
        assert state(tmp_path / "dataset" / ".a.old") == before
    with pytest.raises(UserError, match="every row is zero"):
        write_dataset(with_features(["1"], [[0.0]]), "a", tmp_path)
    assert state(folder) == before
    assert [path.name for path in (tmp_path / "dataset").iterdir()] == ["a"]
