"""MMGCN: the contract, missing modalities, and what only features reveal."""

from pathlib import Path
from typing import Any

import torch

from recbole_drepmrec.nn import Representations
from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, build, recall


class TestMMGCN(ModelContract):
    """As it comes."""

    model = "MMGCN"


class TestMMGCNConcat(ModelContract):
    """One layer, concatenated, wider preferences."""

    model = "MMGCN"
    settings = {"combination": "concat", "n_layers": 1, "latent_size": 24}


def model_ids(model: Any) -> Representations:
    return model.ids.tables()


def test_an_item_is_the_mean_of_the_modalities_it_has(tmp_path: Path) -> None:
    model = build("MMGCN", clustered(), tmp_path).model
    views = [tower(model_ids(model)) for tower in model.towers]
    text, image = (view.items for view in views)
    has_image = list(model.towers)[1].projection.present
    assert 0 < has_image[1:].sum() < model.n_items - 1
    _, items = model.forward()
    torch.testing.assert_close(items[has_image], (text + image)[has_image] / 2)
    torch.testing.assert_close(items[~has_image][1:], text[~has_image][1:])


def test_an_item_without_any_modality_is_its_id(tmp_path: Path) -> None:
    model = build("MMGCN", clustered(), tmp_path, use_modalities=["image"]).model
    (tower,) = model.towers
    lacking = ~tower.projection.present
    _, items = model.forward()
    torch.testing.assert_close(items[lacking], model.ids.item_embedding[lacking])


def test_an_item_without_the_modality_sends_nothing_to_its_users(tmp_path: Path) -> None:
    model = build("MMGCN", clustered(), tmp_path, use_modalities=["image"]).model
    (tower,) = model.towers
    users, _ = tower(model_ids(model))
    with torch.no_grad():
        model.ids.item_embedding[~tower.projection.present] += 1.0
    torch.testing.assert_close(tower(model_ids(model)).users, users)


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items, which never are negatives. One layer: a second one was trained on neighbours."""
    settings = {"epochs": 60, "learning_rate": 0.01, "negatives": "trained"}
    files = known_by_features()
    assert recall(build("MMGCN", files, tmp_path / "a", n_layers=1, **settings)) > 0.6
    assert recall(build("LightGCN", files, tmp_path / "b", **settings)) < 0.3
