"""The multimodal data set: features beside the interactions, never inside the batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.dataset import MultimodalDataset, modality_sources
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from tests.datasets import DatasetFiles, clustered


def dataset_of(files: DatasetFiles, parent: Path, **values: Any) -> MultimodalDataset:
    return MultimodalDataset(Config("DRepMRec", config_dict={**files.write(parent), **values}))


def test_row_i_is_the_item_with_internal_id_i(tmp_path: Path) -> None:
    files = clustered()
    dataset = dataset_of(files, tmp_path)
    ids, values = files.features["image"]
    features = dataset.modal_features["image"]
    for raw, expected in zip(ids, values, strict=True):
        item = dataset.token2id("item_id", raw)
        np.testing.assert_array_equal(features.values[item], expected)
    assert not features.present[dataset.token2id("item_id", "i0")]
    assert not features.present[0]


def test_batches_hold_ids_only(tmp_path: Path) -> None:
    """A feature column in ``.item`` would be joined into each of them."""
    prepared = prepare(Config("DRepMRec", config_dict=clustered().write(tmp_path)))
    batch = next(iter(prepared.train_data))
    assert set(batch.interaction) == {"user_id", "item_id", "neg_item_id"}


def test_mean_is_estimated_on_training_items_only(tmp_path: Path) -> None:
    """An item of the test split may not move the preparation of the others."""
    files = clustered()
    held_out = files.test[0][1]
    trained = [pair for pair in files.train if pair[1] != held_out]
    ids, values = files.features["text"]
    extreme = values.copy()
    extreme[list(ids).index(held_out)] += 1000
    means = []
    for number, matrix in enumerate((values, extreme)):
        changed = DatasetFiles(trained, files.valid, files.test, {"text": (ids, matrix)})
        prepared = prepare(Config("DRepMRec", config_dict=changed.write(tmp_path / str(number))))
        means.append(prepared.model.feature_preparation()["text"]["mean"])
    assert means[0].equal(means[1])


def test_chosen_modalities_only(tmp_path: Path) -> None:
    dataset = dataset_of(clustered(), tmp_path, use_modalities=["image"])
    assert list(dataset.modal_features) == ["image"]


def test_evaluation_batches_are_sized_in_users(tmp_path: Path) -> None:
    settings = {**clustered().write(tmp_path), "eval_batch_users": 7}
    prepared = prepare(Config("DRepMRec", config_dict=settings))
    assert len(next(iter(prepared.valid_data))[0]) == 7


@pytest.mark.parametrize(
    ("modalities", "chosen", "message"),
    [
        (None, None, "`modalities` is None"),
        ({}, None, "`modalities` is {}"),
        ("image", None, "`modalities` is 'image'"),
        ({"image": None}, ["text"], "`use_modalities` is ['text']"),
        ({"image": None}, "image", "`use_modalities` is 'image'"),
        ({"image": None}, [], "`use_modalities` is []"),
        ({"image": {"path": "x.npy"}}, None, "modality 'image' is configured as"),
        ({"image": {"file": 3}}, None, "modality 'image' is configured as"),
    ],
)
def test_malformed_modalities_are_refused(modalities: Any, chosen: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        modality_sources(modalities, chosen)
    assert message in str(caught.value)


def test_a_modality_without_a_file_name_has_its_own() -> None:
    assert modality_sources({"image": None}, None)["image"].file == "image_feat.npy"
