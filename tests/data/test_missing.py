"""Modalities that items lack: taken away, and filled in by hand-computed values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.features import ModalFeatures, prepare_features
from recbole_drepmrec.data.missing import DropModalities, drop_modalities, fill_missing
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from tests.datasets import clustered


def modality(name: str, values: Any) -> ModalFeatures:
    matrix = np.array(values, dtype=np.float32)
    return ModalFeatures(name, matrix, matrix.any(axis=1), Path(f"{name}.npy"))


ALL_SEEN = np.array([False, True, True, True, True])
IMAGE = modality("image", [[0, 0], [1, 1], [3, 5], [8, 9], [0, 0]])
TEXT = modality("text", [[0, 0], [1, 0], [-1, 1], [-1, -1], [2, 0.1]])


def test_mask_changes_nothing() -> None:
    assert fill_missing({"image": IMAGE}, ALL_SEEN, "mask", 1) == {"image": IMAGE}


def test_mean_of_seen_items_by_hand() -> None:
    """Items 1 and 2 were seen: (2, 3); item 3 was not, and padding stays out."""
    seen = np.array([False, True, True, False, True])
    filled = fill_missing({"image": IMAGE, "text": TEXT}, seen, "mean", 1)["image"]
    np.testing.assert_array_equal(filled.values, [[0, 0], [1, 1], [3, 5], [8, 9], [2, 3]])
    np.testing.assert_array_equal(filled.present, [False, True, True, True, True])


@pytest.mark.parametrize(
    ("seen", "k", "expected"),
    [
        ([0, 1, 1, 1, 1], 1, [1, 1]),  # text 4 points to text 1
        ([0, 1, 1, 1, 1], 2, [2, 3]),  # then to text 2, whose second number is positive
        ([0, 1, 1, 1, 1], 9, [4, 5]),  # all three
        ([0, 0, 1, 1, 1], 1, [3, 5]),  # 1 unseen: 2 is nearest
        ([0, 0, 1, 1, 0], 2, [5.5, 7]),  # the item itself need not be seen
    ],
)
def test_nearest_neighbours_by_hand(seen: list[int], k: int, expected: list[float]) -> None:
    both = {"image": IMAGE, "text": TEXT}
    filled = fill_missing(both, np.array(seen, dtype=bool), "knn", k)
    np.testing.assert_array_equal(filled["image"].values[4], expected)
    np.testing.assert_array_equal(filled["image"].values[:4], IMAGE.values[:4])
    assert filled["text"] is TEXT


def test_an_item_without_any_modality_stays_missing() -> None:
    text = modality("text", [*TEXT.values[:4], [0, 0]])
    filled = fill_missing({"image": IMAGE, "text": text}, ALL_SEEN, "knn", 1)
    assert not filled["image"].present[4]
    alone = fill_missing({"image": IMAGE}, ALL_SEEN, "knn", 1)
    assert not alone["image"].present[4]


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    random = np.random.default_rng(0)
    image, text = random.normal(size=(2, 30, 4))
    image[[0, 3, 4, 9, 20, 29]] = 0
    text[[0, 4, 7]] = 0
    both = {"image": modality("image", image), "text": modality("text", text)}
    seen = np.arange(30) < 25
    whole = fill_missing(both, seen, "knn", 3)
    monkeypatch.setattr("recbole_drepmrec.data.missing.BLOCK_ROWS", block)
    for name, parts in fill_missing(both, seen, "knn", 3).items():
        np.testing.assert_allclose(parts.values, whole[name].values, rtol=1e-6)


@pytest.mark.parametrize("kind", ["mean", "knn"])
def test_nothing_seen_to_fill_in_from(kind: Any) -> None:
    seen = np.array([False, False, False, False, True])
    with pytest.raises(UserError, match="set `missing: mask`"):
        fill_missing({"image": IMAGE, "text": TEXT}, seen, kind, 1)


@pytest.mark.parametrize("offset", [0, 100])
def test_the_mean_row_has_no_direction_once_centred(offset: float) -> None:
    values = np.random.default_rng(0).normal(size=(50, 7)) + offset
    values[[0, 49]] = 0
    image, seen = modality("image", values), np.arange(50) > 0
    filled = fill_missing({"image": image}, seen, "mean", 1)["image"]
    prepared = prepare_features(filled, seen & image.present, "center_l2")
    assert not prepared.values[49].any()
    np.testing.assert_allclose(prepared.values[1:49].norm(dim=1), 1, rtol=1e-5)


RAW = np.array(["[PAD]", "i3", "i1", "i4", "i2"])


def test_dropped_items_follow_raw_ids_and_seed() -> None:
    chosen = DropModalities(share=0.5, modalities=["image"])
    text = modality("text", np.ones((5, 2)))
    image = modality("image", np.ones((5, 2)))
    one = drop_modalities({"image": image, "text": text}, RAW, chosen, 3)
    assert one["text"] is text
    assert one["image"].present[1:].sum() == 2
    assert not one["image"].values[~one["image"].present].any()
    order = np.array([0, 4, 1, 3, 2])  # the same items, numbered otherwise
    other = drop_modalities({"image": image, "text": text}, RAW[order], chosen, 3)
    np.testing.assert_array_equal(other["image"].present[1:], one["image"].present[order][1:])
    seeds = {
        drop_modalities({"image": image}, RAW, chosen, s)["image"].present.tobytes()
        for s in range(20)
    }
    assert len(seeds) > 1


def test_all_modalities_are_dropped_from_the_same_items() -> None:
    both = {"image": modality("image", np.ones((5, 2))), "text": modality("text", np.ones((5, 3)))}
    left = drop_modalities(both, RAW, DropModalities(share=0.25), 0)
    np.testing.assert_array_equal(left["image"].present, left["text"].present)
    assert left["image"].present[1:].sum() == 3


def test_wrong_drops_are_refused() -> None:
    with pytest.raises(UserError, match=r"names \['sound'\], expected names out of \['image'\]"):
        drop_modalities({"image": IMAGE}, RAW, DropModalities(share=0.1, modalities=["sound"]), 0)
    with pytest.raises(UserError, match="leaves no item with modality 'image'"):
        drop_modalities({"image": IMAGE}, RAW, DropModalities(share=1), 0)


def test_keys_reach_the_model(tmp_path: Path) -> None:
    """``image`` lacks every seventh item; one in four loses ``text``."""
    values = clustered().write(tmp_path)
    present = {}
    for kind in ("mask", "mean", "knn"):
        drop = {"share": 0.25, "modalities": ["text"]}
        config = Config(
            "DRepMRec", config_dict={**values, "missing": kind, "drop_modalities": drop}
        )
        model = prepare(config).model
        present[kind] = {
            name: int(features.sum())
            for name, features in model.named_buffers()
            if "encoders" in name and name.endswith("present")
        }
    assert sorted(present["mask"].values()) == [36, 41]
    assert sorted(present["mean"].values()) == [48, 48]
    n_without_any = 48 - min(present["knn"].values())
    assert 0 <= n_without_any < 7
    assert len(set(present["knn"].values())) == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("missing", "median", "`missing` is 'median': input should be 'mask', 'mean' or 'knn'"),
        ("missing_k", 0, "`missing_k` is 0: input should be greater than or equal to 1"),
        (
            "drop_modalities",
            0.5,
            "`drop_modalities` is 0.5: input should be a valid dictionary. "
            "Expected a value such as {'share': 0.2, 'modalities': ['image']}.",
        ),
        (
            "drop_modalities",
            {"share": 2},
            "`drop_modalities` is {'share': 2}: input should be less than or equal to 1 (at share)",
        ),
        ("drop_modalities", {"share": 0.2, "modalities": []}, "should have at least 1 item"),
        (
            "drop_modalities",
            {"shares": 0.2},
            "`drop_modalities` is {'shares': 0.2}: extra inputs are not permitted (at shares)",
        ),
    ],
)
def test_wrong_values_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Config("DRepMRec", "ml-100k-mm", config_dict={key: value})
    assert message in str(caught.value)
