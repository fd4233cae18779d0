"""LATTICE's and MICRO's folders."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers.lattice import import_lattice
from recbole_drepmrec.errors import UserError
from tests.data.importers.small_sources import write_features, write_lattice
from tests.data.importers.test_diffmm import check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "5-core").mkdir()
    write_lattice(tmp_path / "5-core")
    write_features(tmp_path)
    return tmp_path


def test_the_same_interactions_as_diffmm(folder: Path) -> None:
    check(import_lattice(folder, "tiny"))
    check(import_lattice(folder / "5-core", "tiny"))


def test_all_in_one_folder(tmp_path: Path) -> None:
    write_lattice(tmp_path)
    write_features(tmp_path)
    check(import_lattice(tmp_path, "tiny"))


def test_more_rows_of_features_than_items_are_items_without_interactions(folder: Path) -> None:
    np.save(folder / "image_feat.npy", np.ones((9, 2)))
    assert import_lattice(folder, "tiny").features["image"].ids[-1] == "8"
    np.save(folder / "image_feat.npy", np.ones((4, 2)))
    with pytest.raises(UserError, match="4 rows.*5 items"):
        import_lattice(folder, "tiny")


def test_two_cores(folder: Path) -> None:
    (folder / "0-core").mkdir()
    write_lattice(folder / "0-core")
    with pytest.raises(UserError, match="2 folders"):
        import_lattice(folder, "tiny")
    check(import_lattice(folder / "5-core", "tiny"))


def test_a_file_is_missing(folder: Path) -> None:
    (folder / "5-core" / "test.json").unlink()
    with pytest.raises(UserError, match="no folder with train.json, val.json, test.json"):
        import_lattice(folder, "tiny")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected JSON"),
        ('{"0": [1, 2', "Expected JSON"),
        ("[[0, 1]]", "holds a list"),
        ('{"0": 1}', "user '0' has 1, expected a list"),
        ('{"0": [1.5]}', "user '0'"),
        ('{"0": ["1"]}', "user '0'"),
        ('{"0": [true]}', "user '0'"),
        ('{"0": [-1]}', "user '0'"),
        ('{"0": [1], "0": [2]}', "key '0' stands twice"),
        ("{}", "no training interactions"),
        ('{"0": []}', "no training interactions"),
        ('{"": [1]}', "the value ''"),
        ('{"a\\tb": [1]}', "tab"),
        ('{"\\ud800": [1]}', "control character"),
        ("[" * 100_000, "Expected JSON"),
        ('{"0": [' + "9" * 5000 + "]}", "Expected JSON"),
    ],
)
def test_files_that_are_wrong(folder: Path, text: str, message: str) -> None:
    (folder / "5-core" / "train.json").write_text(text)
    with pytest.raises(UserError, match=message):
        import_lattice(folder, "tiny")


def test_not_utf8(folder: Path) -> None:
    (folder / "5-core" / "train.json").write_bytes('{"ü": [1]}'.encode("latin1"))
    with pytest.raises(UserError, match="not UTF-8"):
        import_lattice(folder, "tiny")


def test_users_with_spaces_and_other_letters(folder: Path) -> None:
    (folder / "5-core" / "train.json").write_text('{"Jürgen 7": [1], "用户": [0]}', "utf-8")
    found = import_lattice(folder, "tiny").interactions["user_id"]
    assert {"Jürgen 7", "用户"} <= set(found)


_values = st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none(), st.booleans())
_held = st.one_of(
    st.dictionaries(st.text(max_size=4), st.one_of(st.lists(_values, max_size=4), _values)),
    st.dictionaries(st.text(max_size=4), st.lists(st.integers(0, 4), max_size=4)),
    _values,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=_held, cut=st.integers(0, 30))
def test_any_json_is_read_or_refused(folder: Path, held: Any, cut: int) -> None:
    text = json.dumps(held)
    (folder / "5-core" / "train.json").write_text(text[: len(text) - cut if cut < 5 else None])
    with contextlib.suppress(UserError):
        assert len(import_lattice(folder, "tiny").interactions)
