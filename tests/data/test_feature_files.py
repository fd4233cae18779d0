"""The formats of feature files, several files a modality, and principal components."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from recbole_drepmrec.data.feature_files import ModalitySource
from recbole_drepmrec.data.features import ModalFeatures, load_modality, prepare_features
from recbole_drepmrec.errors import UserError

ITEMS = {"[PAD]": 0, "b": 1, "c": 2, "a": 3}
MATRIX = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
IDS = ["a", "b", "z"]
ALIGNED = [[0, 0], [3, 4], [0, 0], [1, 2]]
"""Item b is row 1 of the file, a is row 0, c is missing, z is nobody."""


def load(folder: Path, items: dict[str, int] = ITEMS, **source: Any) -> ModalFeatures:
    return load_modality("image", ModalitySource(**source), folder, items)


def write_ids(folder: Path, ids: list[str], name: str = "ids.txt") -> str:
    (folder / name).write_text("\n".join(ids) + "\n")
    return name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_safetensors(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({"features": torch.tensor(MATRIX).to(dtype)}, tmp_path / "a.safetensors")
    features = load(tmp_path, file="a.safetensors", ids=write_ids(tmp_path, IDS))
    np.testing.assert_array_equal(features.values, ALIGNED)


def test_safetensors_by_position(tmp_path: Path) -> None:
    save_file({"features": torch.tensor(MATRIX)}, tmp_path / "a.safetensors")
    features = load(tmp_path, {"[PAD]": 0, "2": 1, "0": 2}, file="a.safetensors")
    np.testing.assert_array_equal(features.values, [[0, 0], [5, 6], [1, 2]])


def test_itememb(tmp_path: Path) -> None:
    """RecBole's own format; an item without numbers is missing."""
    lines = ["item_id:token\temb:float_seq", "a\t1 2", "b\t3.0 4e0", "z\t5 6", "c\t"]
    (tmp_path / "a.itememb").write_text("\n".join(lines) + "\n")
    features = load(tmp_path, file="a.itememb")
    np.testing.assert_array_equal(features.values, ALIGNED)
    np.testing.assert_array_equal(features.present, [False, True, False, True])


@pytest.mark.parametrize("layout", ["columns", "lists", "fixed lists", "float16"])
def test_parquet(tmp_path: Path, layout: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    columns: dict[str, Any] = {"x": MATRIX[:, 0], "y": MATRIX[:, 1]}
    if layout == "lists":
        columns = {"emb": MATRIX.tolist()}
    if layout == "fixed lists":
        columns = {"emb": arrow.array(MATRIX.tolist(), arrow.list_(arrow.float32(), 2))}
    if layout == "float16":
        columns = {name: column.astype(np.float16) for name, column in columns.items()}
    parquet.write_table(arrow.table({"sku": IDS, **columns}), tmp_path / "a.parquet")
    features = load(tmp_path, file="a.parquet", id_column="sku")
    np.testing.assert_array_equal(features.values, ALIGNED)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"item_id": IDS, "emb": [[1.0], [1.0, 2.0], [1.0]]}, "differ in length"),
        ({"item_id": IDS, "emb": [[1.0], None, [1.0]]}, "differ in length"),
        ({"sku": IDS, "x": [1.0, 2.0, 3.0]}, "none named 'item_id'"),
        ({"item_id": IDS}, "expected columns of numbers"),
        ({"item_id": IDS, "x": ["p", "q", "r"]}, "expected numbers"),
        ({"item_id": [1.5, 2.5, 3.5], "x": [1.0, 2.0, 3.0]}, "expected a vector of integers"),
        ({"item_id": IDS, "x": [1.0, None, 3.0]}, "NaN"),
    ],
)
def test_broken_parquet(tmp_path: Path, columns: Any, message: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=message):
        load(tmp_path, file="a.parquet")


def test_no_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="expected a parquet table"):
        load(tmp_path, file="a.parquet")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(UserError, match="`pip install pyarrow`"):
        load(tmp_path, file="a.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"no", "expected a tensor `features`"),
        ("a.itememb", b"item_id:token\tx:float\na\t1\n", "expected one of ids and one of numbers"),
        ("a.itememb", b"i:token\te:float_seq\na\t1 2\nb\t1\n", "differ in length"),
        ("a.itememb", b"i:token\te:float_seq\na\t1 x\n", "has a value that is no number"),
        ("a.itememb", b"i:token\te:float_seq\na\t\n", "differ in length"),
        ("a.csv", b"a,1\n", "ends in '.csv', expected a .npy or .npz file"),
    ],
)
def test_broken_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(tmp_path, file=name)


def test_other_tensor_name(tmp_path: Path) -> None:
    save_file({"x": torch.ones(2, 2)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"has the tensors \['x'\]"):
        load(tmp_path, file="a.safetensors")


def test_rows_of_several_files_follow_each_other(tmp_path: Path) -> None:
    np.save(tmp_path / "1.npy", MATRIX[:1])
    np.save(tmp_path / "2.npy", MATRIX[1:].astype(np.float16))
    ids = [write_ids(tmp_path, IDS[:1], "1.txt"), write_ids(tmp_path, IDS[1:], "2.txt")]
    features = load(tmp_path, file=["1.npy", "2.npy"], ids=ids)
    np.testing.assert_array_equal(features.values, ALIGNED)
    swapped = load(tmp_path, file=["2.npy", "1.npy"], ids=ids[::-1])
    np.testing.assert_array_equal(swapped.values, ALIGNED)
    assert swapped.sha256 == features.sha256  # of the rows and whose they are, not of the files
    write_ids(tmp_path, ["c"], "1.txt")
    assert load(tmp_path, file=["1.npy", "2.npy"], ids=ids).sha256 != features.sha256


def test_an_id_list_of_an_editor_that_marks_utf8(tmp_path: Path) -> None:
    """Otherwise the first item would lose its row without a word."""
    np.save(tmp_path / "a.npy", MATRIX)
    (tmp_path / "ids.txt").write_text("\n".join(IDS), encoding="utf-8-sig")
    np.testing.assert_array_equal(load(tmp_path, file="a.npy", ids="ids.txt").values, ALIGNED)


def test_positions_count_on_through_several_files(tmp_path: Path) -> None:
    np.save(tmp_path / "1.npy", MATRIX[:1])
    np.save(tmp_path / "2.npy", MATRIX[1:])
    features = load(tmp_path, {"[PAD]": 0, "2": 1, "0": 2}, file=["1.npy", "2.npy"])
    np.testing.assert_array_equal(features.values, [[0, 0], [5, 6], [1, 2]])


@pytest.mark.parametrize(
    ("matrices", "ids", "message"),
    [
        ((MATRIX, MATRIX[:, :1]), ["1.txt", "2.txt"], "different numbers of features"),
        ((MATRIX, MATRIX), ["1.txt", "1.txt"], "3 item ids stand more than once"),
        ((MATRIX, MATRIX), ["1.txt"], "names 2 files and `ids:` is"),
        ((MATRIX, MATRIX), "1.txt", "names 2 files and `ids:` is '1.txt'"),
        ((MATRIX, MATRIX[:2]), ["1.txt", "2.txt"], "2.npy has 2 rows but 3 ids"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, matrices: Any, ids: Any, message: str) -> None:
    for number, matrix in enumerate(matrices, start=1):
        np.save(tmp_path / f"{number}.npy", matrix)
    write_ids(tmp_path, IDS, "1.txt")
    write_ids(tmp_path, ["c", "d", "e"], "2.txt")
    with pytest.raises(UserError, match=message):
        load(tmp_path, file=["1.npy", "2.npy"], ids=ids)


def features_of(values: Any, pca: int) -> ModalFeatures:
    matrix = np.array(values, dtype=np.float32)
    return ModalFeatures("image", matrix, matrix.any(axis=1), Path("image.npy"), pca)


def test_principal_component_by_hand() -> None:
    """Seen items lie on the line (1, 2) + t (3, 4) / 5, t = -5, 0, 5; the unseen one at t = 10."""
    features = features_of([[0, 0], [-2, -2], [1, 2], [4, 6], [7, 10], [0, 0]], pca=1)
    seen = np.array([False, True, True, True, False, True])
    values = prepare_features(features, seen, "none").values
    torch.testing.assert_close(values.abs().flatten(), torch.tensor([0.0, 5, 0, 5, 10, 0]))
    assert values[4] * values[3] > 0 > values[3] * values[1]


@pytest.mark.parametrize("n_items", [5, 40])
def test_all_components_keep_all_distances_and_repeat_exactly(n_items: int) -> None:
    """Both solvers: fewer items than features, and more."""
    random = np.random.default_rng(0)
    values = np.concatenate([np.zeros((1, 8)), random.normal(size=(n_items, 8))])
    seen = np.arange(n_items + 1) > 0
    features = features_of(values, pca=min(n_items, 8))
    prepared = prepare_features(features, seen, "none").values
    torch.testing.assert_close(
        torch.pdist(prepared[1:]), torch.pdist(torch.tensor(features.values[1:]))
    )
    assert prepared.equal(prepare_features(features, seen, "none").values)


def test_unseen_items_do_not_move_the_components() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([np.zeros((1, 3)), random.normal(size=(9, 3))])
    seen = np.arange(10) < 8
    one = prepare_features(features_of(values, 2), seen, "center_l2").values
    values[8:] += 100
    other = prepare_features(features_of(values, 2), seen, "center_l2").values
    torch.testing.assert_close(one[:8], other[:8])


def test_more_components_than_there_are() -> None:
    features = features_of([[0, 0, 0], [1, 2, 3], [3, 2, 1]], pca=3)
    with pytest.raises(UserError, match="`pca` is 3, but there are 3 features of 2 items seen"):
        prepare_features(features, np.array([False, True, True]), "center_l2")
