"""Cornac's tables beside Ducho's vectors."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers.cornac import import_cornac
from recbole_drepmrec.errors import UserError
from tests.data.importers.small_sources import write_cornac
from tests.data.importers.test_diffmm import check

UIRT = "u 1,Ä,4.5,10\nu2,b,3,11\n"


def _rows(folder: Path) -> list[tuple[Any, ...]]:
    return list(import_cornac(folder, "tiny").interactions.itertuples(index=False, name=None))


def test_the_same_interactions_as_diffmm(tmp_path: Path) -> None:
    write_cornac(tmp_path)
    check(import_cornac(tmp_path, "tiny"))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("interactions.csv", UIRT, [("u 1", "Ä", 4.5, 10.0), ("u2", "b", 3.0, 11.0)]),
        ("any.tsv", UIRT.replace(",", "\t"), [("u 1", "Ä", 4.5, 10.0), ("u2", "b", 3.0, 11.0)]),
        ("x.csv", "u,i,5\n", [("u", "i", 5.0)]),
        ("x.csv", "u,i\n\nv,i\n", [("u", "i"), ("v", "i")]),
        ("x.csv", "\ufeffuser,item,rating\nu,i,5\n", [("u", "i", 5.0)]),
        ("x.csv", "Timestamp,item_id:token,note,user_id\n9,i,hello,u\n", [("u", "i", 9.0)]),
        ("x.csv", '"a,b",i,5\n', [("a,b", "i", 5.0)]),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str, expected: list[tuple[Any, ...]]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert _rows(tmp_path) == expected


def test_train_and_test_without_val(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("u\ti\t5\nu\ti\t4\n")
    (tmp_path / "test.tsv").write_text("u\tj\t5\n")
    imported = import_cornac(tmp_path, "tiny")
    assert imported.interactions["split"].tolist() == ["train", "train", "test"]
    (tmp_path / "test.tsv").write_text("u\tj\n")
    with pytest.raises(UserError, match="other columns"):
        import_cornac(tmp_path, "tiny")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns to parse.*Expected user, item"),
        ("user,item\n", "no rows below its header"),
        ("u,i,5\nu,j\n", "data row 2: column 'rating' has ''"),
        ("u,i\nu,j,5\n", "Expected 2 fields in line 2, saw 3"),
        ("u,i,1,2,3\n", "has 5 columns and no header"),
        ("u\n", "has 1 columns and no header"),
        ("u,i,good\n", "data row 1: column 'rating' has 'good'"),
        ("u,i,inf\n", "data row 1: column 'rating' has 'inf'"),
        ("user,item,uid\n1,2,3\n", "user and uid could both be user_id"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "interactions.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        import_cornac(tmp_path, "tiny")


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_bytes("ü,i,5\n".encode("latin1"))
    with pytest.raises(UserError, match="UTF-8"):
        import_cornac(tmp_path, "tiny")


def test_which_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"0 files of interactions \(nothing\)"):
        import_cornac(tmp_path, "tiny")
    (tmp_path / "a.csv").write_text("u,i\n")
    (tmp_path / "b.csv").write_text("u,i\n")
    with pytest.raises(UserError, match=r"a.csv, b.csv"):
        import_cornac(tmp_path, "tiny")
    (tmp_path / "ratings.csv").write_text("v,i\n")
    assert _rows(tmp_path) == [("v", "i")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "interactions.csv").write_text("u,a b,5\nu,c,4\n")
    return tmp_path


def test_duchos_nested_folders(folder: Path) -> None:
    for layer in ("avgpool", "fc"):
        deep = folder / "visual_embeddings" / "torch" / layer
        deep.mkdir(parents=True)
        np.save(deep / "a b.npy", np.ones((1, 3)))
    deep = folder / "audio_embeddings" / "hubert"
    deep.mkdir(parents=True)
    np.save(deep / "c.npy", np.ones(2))
    (folder / "images").mkdir()
    features = import_cornac(folder, "tiny").features
    assert set(features) == {"visual_torch_avgpool", "visual_torch_fc", "audio"}
    assert features["visual_torch_fc"].ids == ["a b"]
    assert features["visual_torch_fc"].values.shape == (1, 3)
    assert features["audio"].ids == ["c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("visual_ids.txt", "c\na b\n"),
        ("visual_feat_ids.txt", "c\na b\n"),
        ("visual_ids.json", '["c", "a b"]'),
        ("visual_feat.json", '{"a b": 1, "c": 0}'),
        ("item_ids.json", '{"c": 0, "a b": 1}'),
    ],
)
def test_a_matrix_with_ids(folder: Path, name: str, text: str) -> None:
    np.save(folder / "visual_feat.npy", np.array([[1.0, 2], [3, 4]]))
    (folder / name).write_text(text)
    table = import_cornac(folder, "tiny").features["visual"]
    assert table.ids == ["c", "a b"]
    assert table.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other.txt", "", "no list of the items"),
        ("visual_ids.txt", "c\n", "1 ids .* for 2 rows"),
        ("visual_ids.txt", "c\nc\n", r"2 ids \(1 different ones\)"),
        ("visual_ids.txt", "c\n\n", "the value ''"),
        ("visual_ids.json", '{"a": 0, "b": 0}', "each row once"),
        ("visual_ids.json", '{"a": 0, "b": 2}', "each row once"),
        ("visual_ids.json", "[1.5, 2]", "neither a list of ids"),
        ("visual_ids.json", "{", "Expected JSON"),
    ],
)
def test_ids_that_are_wrong(folder: Path, name: str, text: str, message: str) -> None:
    np.save(folder / "visual_feat.npy", np.ones((2, 2)))
    (folder / name).write_text(text)
    with pytest.raises(UserError, match=message):
        import_cornac(folder, "tiny")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 2)), "expected one vector"),
        (np.float32(1), "expected one vector"),
        (np.ones(4), "has 4 numbers, but a b.npy has 3"),
        (np.array([None, 1]), "pickles and are refused"),
        (np.ones(0), "expected an array of numbers"),
    ],
)
def test_vectors_that_are_wrong(folder: Path, array: np.ndarray, message: str) -> None:
    (folder / "image").mkdir()
    np.save(folder / "image" / "a b.npy", np.ones(3))
    np.save(folder / "image" / "c.npy", array)
    with pytest.raises(UserError, match=message):
        import_cornac(folder, "tiny")


def test_a_modality_twice(folder: Path) -> None:
    (folder / "image").mkdir()
    np.save(folder / "image" / "c.npy", np.ones(3))
    np.save(folder / "image.npy", np.ones((1, 3)))
    (folder / "image_ids.txt").write_text("c\n")
    with pytest.raises(UserError, match="as a matrix and as a folder"):
        import_cornac(folder, "tiny")


_cells = st.one_of(st.text(max_size=4), st.sampled_from(["user", "item", "5", "1e3", "a b", "ü"]))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_cells, max_size=5), max_size=4), ending=st.sampled_from(",\t"))
def test_any_table_is_read_or_refused(tmp_path: Path, rows: list[list[str]], ending: str) -> None:
    text = "\n".join(ending.join(row) for row in rows)
    path = tmp_path / ("interactions.csv" if ending == "," else "interactions.tsv")
    for other in tmp_path.iterdir():
        other.unlink()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UserError):
        assert len(import_cornac(tmp_path, "tiny").interactions)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=st.recursive(st.one_of(st.none(), st.integers(0, 2), st.text(max_size=2)), st.lists))
def test_any_json_of_ids(tmp_path: Path, held: Any) -> None:
    (tmp_path / "interactions.csv").write_text("u,c\n")
    np.save(tmp_path / "visual.npy", np.ones((2, 2)))
    (tmp_path / "visual_ids.json").write_text(json.dumps(held))
    with contextlib.suppress(UserError):
        assert len(import_cornac(tmp_path, "tiny").features["visual"].ids) == 2
