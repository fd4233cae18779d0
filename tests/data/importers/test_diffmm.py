"""DiffMM's, MMSSL's and LLMRec's folders."""

import contextlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers.diffmm import import_diffmm
from recbole_drepmrec.data.importers.imported import Imported
from recbole_drepmrec.errors import UserError
from tests.data.importers.small_sources import (
    EXPECTED,
    IMAGE,
    N_ITEMS,
    N_USERS,
    SPLIT_PAIRS,
    TEXT,
    matrix,
    write_diffmm,
    write_features,
    write_lattice,
)


def rows(imported: Imported) -> list[tuple[Any, ...]]:
    columns = ["user_id", "item_id", "split"]
    return sorted(imported.interactions[columns].itertuples(index=False, name=None))


def check(imported: Imported) -> None:
    assert rows(imported) == sorted(EXPECTED)
    assert set(imported.features) == {"image", "text"}
    for name, values in (("image", IMAGE), ("text", TEXT)):
        table = imported.features[name]
        assert table.ids == [str(item) for item in range(N_ITEMS)]
        np.testing.assert_array_equal(table.values, values)


def test_diffmm(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    imported = import_diffmm(tmp_path, "tiny")
    check(imported)
    assert list(imported.interactions.columns) == ["user_id", "item_id", "split"]
    assert "swapped" not in " ".join(imported.notes)


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_other_sparse_forms_with_names_of_mmssl(tmp_path: Path, form: str) -> None:
    for split, name in zip(SPLIT_PAIRS, ("train_mat", "val_mat", "test_mat"), strict=True):
        (tmp_path / name).write_bytes(pickle.dumps(matrix(split, form), 2))
    write_features(tmp_path)
    check(import_diffmm(tmp_path, "tiny"))


def test_llmrec_has_json_and_one_matrix(tmp_path: Path) -> None:
    write_lattice(tmp_path)
    write_features(tmp_path)
    (tmp_path / "train_mat").write_bytes(b"never read")
    check(import_diffmm(tmp_path, "tiny"))


def test_zeros_are_no_interactions_and_repeats_count_once(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    cells = ([1.0, 0.0, 1.0], ([0, 1, 0], [0, 2, 0]))
    train = sp.coo_matrix(cells, shape=(N_USERS, N_ITEMS))
    (tmp_path / "trnMat.pkl").write_bytes(pickle.dumps(train))
    found = import_diffmm(tmp_path, "tiny").interactions
    assert found[found["split"] == "train"]["item_id"].tolist() == ["0"]


def test_a_swapped_valid_and_test_is_noted_and_left(tmp_path: Path) -> None:
    write_diffmm(tmp_path, ("trnMat", "tstMat", "valMat"))
    imported = import_diffmm(tmp_path, "tiktok")
    assert any("valid has more rows (3) than test (2)" in note for note in imported.notes)
    assert (imported.interactions["split"] == "valid").sum() == 3


def test_a_file_is_missing(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    (tmp_path / "tstMat.pkl").unlink()
    with pytest.raises(UserError, match=r"trnMat.pkl, valMat.pkl, tstMat.pkl.*It holds.*trnMat"):
        import_diffmm(tmp_path, "tiny")
    with pytest.raises(UserError, match="does not exist"):
        import_diffmm(tmp_path / "none", "tiny")
    with pytest.raises(UserError, match="is not a folder"):
        import_diffmm(tmp_path / "trnMat.pkl", "tiny")


@pytest.mark.parametrize("held", [[1, 2], np.eye(3), {"a": 1}, None])
def test_a_pickle_of_something_else(tmp_path: Path, held: Any) -> None:
    write_diffmm(tmp_path)
    (tmp_path / "valMat.pkl").write_bytes(pickle.dumps(held))
    with pytest.raises(UserError, match=r"valMat.pkl holds a .*expected a scipy.sparse matrix"):
        import_diffmm(tmp_path, "tiny")


def test_shapes_that_differ(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    (tmp_path / "tstMat.pkl").write_bytes(pickle.dumps(sp.coo_matrix(np.eye(3))))
    with pytest.raises(UserError, match=r"\(3, 5\).*\(3, 3\)"):
        import_diffmm(tmp_path, "tiny")


def test_no_training_rows(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    (tmp_path / "trnMat.pkl").write_bytes(pickle.dumps(sp.coo_matrix((N_USERS, N_ITEMS))))
    with pytest.raises(UserError, match="no training interactions"):
        import_diffmm(tmp_path, "tiny")


@pytest.mark.parametrize("n_rows", [4, 6])
def test_features_of_other_items(tmp_path: Path, n_rows: int) -> None:
    write_diffmm(tmp_path)
    np.save(tmp_path / "audio_feat.npy", np.ones((n_rows, 2)))
    with pytest.raises(UserError, match=rf"audio_feat.npy has {n_rows} rows.* 5 items"):
        import_diffmm(tmp_path, "tiny")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(5), r"shape \(5,\)"),
        (np.array([["a"]] * 5), "expected an array of numbers"),
        (np.array([[{}]] * 5), "pickles and are refused"),
    ],
)
def test_features_that_are_no_matrix(tmp_path: Path, array: np.ndarray, message: str) -> None:
    write_diffmm(tmp_path)
    np.save(tmp_path / "audio_feat.npy", array)
    with pytest.raises(UserError, match=message):
        import_diffmm(tmp_path, "tiny")


def test_a_cut_off_feature_file(tmp_path: Path) -> None:
    write_diffmm(tmp_path)
    data = (tmp_path / "image_feat.npy").read_bytes()
    for cut in (0, 5, 60, len(data) - 1):
        (tmp_path / "image_feat.npy").write_bytes(data[:cut])
        with pytest.raises(UserError, match="image_feat.npy cannot be read"):
            import_diffmm(tmp_path, "tiny")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 140), st.integers(0, 255)), min_size=1, max_size=5)
)
def test_damaged_features_are_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    write_diffmm(tmp_path)
    path = tmp_path / "image_feat.npy"
    data = bytearray(path.read_bytes())
    for where, byte in changes:
        data[where] = byte
    path.write_bytes(bytes(data))
    with contextlib.suppress(UserError):
        assert len(import_diffmm(tmp_path, "tiny").interactions) == len(EXPECTED)
