"""Feature files: alignment by raw id, preparation, and every way in which one can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.features import (
    ModalFeatures,
    ModalitySource,
    load_modality,
    prepare_features,
)
from recbole_drepmrec.errors import UserError

ITEMS = {"[PAD]": 0, "b": 1, "c": 2, "a": 3}
MATRIX = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
IDS = ["a", "b", "z"]


def load(folder: Path, items: dict[str, int] = ITEMS, **source: Any) -> ModalFeatures:
    return load_modality("image", ModalitySource(**source), folder, items)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "image.npy", MATRIX)
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n")
    return tmp_path


def assert_aligned(features: ModalFeatures) -> None:
    """Item b is row 1 of the file, a is row 0, c is missing, z is nobody."""
    np.testing.assert_array_equal(features.values, [[0, 0], [3, 4], [0, 0], [1, 2]])
    np.testing.assert_array_equal(features.present, [False, True, False, True])
    assert features.values.dtype == np.float32


def test_rows_are_aligned_by_raw_id(folder: Path) -> None:
    assert_aligned(load(folder, file="image.npy", ids="ids.txt"))


def test_ids_may_be_an_array(folder: Path) -> None:
    np.save(folder / "ids.npy", np.array(IDS))
    assert_aligned(load(folder, file="image.npy", ids="ids.npy"))


def test_npz_carries_its_ids(folder: Path) -> None:
    np.savez(folder / "image.npz", features=MATRIX, ids=np.array(IDS))
    assert_aligned(load(folder, file="image.npz"))


def test_ids_may_have_spaces_and_any_script(folder: Path) -> None:
    names = ["ein Film", "映画", "😀 x"]
    (folder / "names.txt").write_text("\n".join(names), encoding="utf-8")
    items = {"[PAD]": 0, **{name: row + 1 for row, name in enumerate(names)}}
    features = load(folder, items, file="image.npy", ids="names.txt")
    np.testing.assert_array_equal(features.values[1:], MATRIX)


def test_row_number_may_be_the_id(folder: Path) -> None:
    features = load(folder, {"[PAD]": 0, "2": 1, "0": 2}, file="image.npy")
    np.testing.assert_array_equal(features.values, [[0, 0], [5, 6], [1, 2]])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1"])
def test_any_numeric_type(folder: Path, dtype: str) -> None:
    np.save(folder / "image.npy", MATRIX.astype(dtype))
    assert_aligned(load(folder, file="image.npy", ids="ids.txt"))


def test_a_row_of_zeros_is_missing(folder: Path) -> None:
    np.save(folder / "image.npy", MATRIX * [[1], [0], [1]])
    features = load(folder, file="image.npy", ids="ids.txt")
    np.testing.assert_array_equal(features.present, [False, False, False, True])


def broken(name: str, folder: Path) -> dict[str, Any]:
    """Write one broken input and return the source that names it."""
    arrays: dict[str, Any] = {
        "1-D": np.ones(3),
        "3-D": np.ones((3, 2, 2)),
        "no rows": np.ones((0, 2)),
        "text": np.array([["x", "y"]] * 3),
        "object": np.array([[1, None]] * 3, dtype=object),
        "complex": np.ones((3, 2), dtype=complex),
        "too few rows": MATRIX[:2],
        "too many rows": np.ones((4, 2)),
        "NaN": MATRIX + np.array([[0, 0], [np.nan, 0], [0, 0]]),
        "infinity": MATRIX + np.array([[0, np.inf], [0, 0], [0, 0]]),
        "overflow": MATRIX * 1e300,
        "all missing": MATRIX * 0,
    }
    if name in arrays:
        np.save(folder / "bad.npy", arrays[name], allow_pickle=True)
        return {"file": "bad.npy", "ids": "ids.txt"}
    texts = {
        "no match": "x\ny\nz\n",
        "repeated ids": "a\nb\na\n",
        "empty ids": "",
    }
    if name in texts:
        (folder / "bad.txt").write_text(texts[name])
        return {"file": "image.npy", "ids": "bad.txt"}
    (folder / "bad.npy").write_bytes((folder / "image.npy").read_bytes()[:40])
    (folder / "empty.npy").write_bytes(b"")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    np.savez(folder / "bad.npz", values=MATRIX)
    return {
        "missing file": {"file": "none.npy"},
        "missing ids": {"file": "image.npy", "ids": "none.txt"},
        "binary ids": {"file": "image.npy", "ids": "binary.txt"},
        "truncated": {"file": "bad.npy", "ids": "ids.txt"},
        "empty": {"file": "empty.npy", "ids": "ids.txt"},
        "other type": {"file": "ids.txt", "ids": "ids.txt"},
        "npz without ids": {"file": "bad.npz"},
        "folder": {"file": "."},
        "row numbers": {"file": "image.npy"},
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1-D", "holds an array of shape (3,)"),
        ("3-D", "holds an array of shape (3, 2, 2)"),
        ("no rows", "holds an array of shape (0, 2)"),
        ("text", "expected numbers"),
        ("object", "pickles and are refused"),
        ("complex", "expected numbers"),
        ("too few rows", "has 2 rows but 3 ids"),
        ("too many rows", "has 4 rows but 3 ids"),
        ("NaN", "1 rows of"),
        ("infinity", "first item 'a'"),
        ("overflow", "overflow"),
        ("all missing", "every row of"),
        ("no match", "none of the 3 ids"),
        ("repeated ids", "first 'a'; each item may have one row"),
        ("empty ids", "has 3 rows but 0 ids"),
        ("missing file", "none.npy does not exist"),
        ("missing ids", "none.txt does not exist"),
        ("binary ids", "is not UTF-8 text"),
        ("truncated", "cannot be read"),
        ("empty", "cannot be read"),
        ("other type", "expected a .npy or .npz file"),
        ("npz without ids", "expected `features` and `ids`"),
        ("folder", "does not exist"),
        ("row numbers", "has 3 rows for items 0 to 2, but the data set has 3 items"),
    ],
)
def test_broken_input_is_refused(folder: Path, name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(folder, **broken(name, folder))
    assert message in str(caught.value)
    assert str(caught.value).startswith("modality 'image': ")


def test_a_pickle_is_never_run(folder: Path) -> None:
    """An object array that would write a file when loaded."""
    witness = folder / "ran"

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (witness,))

    np.save(folder / "bad.npy", np.array([[Bomb()]], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="refused"):
        load(folder, file="bad.npy", ids="ids.txt")
    assert not witness.exists()


def features_of(values: Any, present: list[bool]) -> ModalFeatures:
    matrix = np.array(values, dtype=np.float32)
    return ModalFeatures("image", matrix, np.array(present), Path("image.npy"))


def test_centred_on_seen_items_then_length_one() -> None:
    """By hand: items 1 and 2 were seen, their mean is (2, 0); item 3 is centred with it."""
    features = features_of(
        [[0, 0], [0, 0.0], [4, 0], [2, 5], [0, 0]], [False, True, True, True, False]
    )
    seen = np.array([False, True, True, False, True])
    prepared = prepare_features(features, seen, "center_l2")
    torch.testing.assert_close(prepared.mean, torch.tensor([2.0, 0.0]))
    expected = torch.tensor([[0.0, 0], [-1, 0], [1, 0], [0, 1], [0, 0]])
    torch.testing.assert_close(prepared.values, expected)


def test_without_centring_and_without_anything() -> None:
    features = features_of([[0, 0], [3, 4]], [False, True])
    seen = np.array([False, True])
    scaled = prepare_features(features, seen, "l2")
    torch.testing.assert_close(scaled.values, torch.tensor([[0, 0], [0.6, 0.8]]))
    assert scaled.mean is None
    raw = prepare_features(features, seen, "none")
    torch.testing.assert_close(raw.values, torch.tensor([[0.0, 0], [3, 4]]))


def test_equal_rows_leave_nothing_once_centred() -> None:
    features = features_of(np.ones((4, 3)), [False, True, True, True])
    with pytest.raises(UserError, match=r"all rows of .* are equal"):
        prepare_features(features, np.ones(4, dtype=np.bool_), "center_l2")


def test_nothing_to_centre_on_is_refused() -> None:
    features = features_of([[0, 0], [3, 4], [0, 0]], [False, True, False])
    with pytest.raises(UserError, match="none of the items seen in training has features"):
        prepare_features(features, np.array([False, False, True]), "center_l2")


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-2, 1e3), shift=st.floats(-5, 5))
def test_scale_and_shift_of_the_raw_features_do_not_matter(
    seed: int, scale: float, shift: float
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(8, 3))
    present = [False] + [True] * 7
    seen = np.array(present)
    one = prepare_features(features_of(values, present), seen, "center_l2").values
    moved = values * scale + shift * scale
    other = prepare_features(features_of(moved, present), seen, "center_l2").values
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_or_damaged_archive_is_refused(folder: Path, share: float) -> None:
    path = folder / "text.npz"
    np.savez_compressed(path, features=np.random.default_rng(0).random((9, 40)), ids=np.arange(9))
    content = bytearray(path.read_bytes())
    at = int(len(content) * share)
    for damaged in (content[:at], content[:at] + b"????" + content[at + 4 :]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"text\.npz"):
            load(folder, file="text.npz")


def test_byte_ids_of_another_script_are_refused(folder: Path) -> None:
    np.save(folder / "bytes.npy", np.array(["é".encode()] * 3))
    np.save(folder / "three.npy", np.ones((3, 2)))
    with pytest.raises(UserError, match="not ASCII"):
        load(folder, file="three.npy", ids="bytes.npy")
