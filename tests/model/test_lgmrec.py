"""LGMRec: the contract, its parts from dense matrices, and its contrast by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, all_scores, build, recall


class TestLGMRec(ModelContract):
    """As it comes."""

    model = "LGMRec"


class TestLGMRecDeeper(ModelContract):
    """More hyperedges and rounds."""

    model = "LGMRec"
    settings = {
        "n_hyperedges": 8,
        "n_hyper_layers": 2,
        "n_modal_layers": 1,
    }


def test_the_parts_by_dense_matrices(tmp_path: Path) -> None:
    settings = {"use_modalities": ["text"], "n_modal_layers": 1, "n_layers": 0}
    prepared = build("LGMRec", clustered(), tmp_path, **settings)
    model = prepared.model.eval()
    (view,) = model.views
    pairs = prepared.train_data._dataset.inter_feat
    r = torch.zeros(model.n_users, model.n_items)
    r[pairs["user_id"], pairs["item_id"]] = 1.0
    projected = view.projection()
    means = r @ projected / r.sum(1, keepdim=True).clamp(min=1)
    degrees = r.sum(1, keepdim=True) * r.sum(0)
    s = torch.where(r > 0, r / degrees.sqrt(), 0.0)
    ids = model.behavior_line
    far = view.hypergraph(ids.item_embedding)
    users = ids.user_embedding + F.normalize(s @ projected) + 0.3 * F.normalize(far.users)
    items = ids.item_embedding + F.normalize(s.T @ means) + 0.3 * F.normalize(far.items)
    torch.testing.assert_close(model.forward().users, users)
    torch.testing.assert_close(model.forward().items, items)


def test_contrast_by_hand(tmp_path: Path) -> None:
    """Every row of the batch against all users, and all items that have both modalities."""
    prepared = build("LGMRec", clustered(), tmp_path)
    model = prepared.model.eval()
    users, positives, _ = model.batch_ids(next(iter(prepared.train_data)))
    text, image = far = model._parts()[1]
    has = list(model.views)[1].projection.present
    assert 0 < (~has[positives]).sum() < len(positives)
    real = torch.arange(1, model.n_users)
    expected = contrast(text.users, image.users, users, real)
    expected += contrast(text.items, image.items, positives[has[positives]], has.nonzero()[:, 0])
    ours = model.contrast(far, users, positives)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-3)


def contrast(
    one: torch.Tensor, other: torch.Tensor, ids: torch.Tensor, among: torch.Tensor
) -> torch.Tensor:
    cosines = F.normalize(one) @ F.normalize(other).T / 0.2
    return torch.stack([cosines[i, among].logsumexp(0) - cosines[i, i] for i in ids]).sum()


def test_one_modality_has_nothing_to_contrast(tmp_path: Path) -> None:
    files, losses = clustered(), []
    for number, weight in enumerate((0.0, 10.0)):
        settings = {"use_modalities": ["text"], "contrast_weight": weight, "dropout": 0.0}
        prepared = build("LGMRec", files, tmp_path / str(number), **settings)
        torch.manual_seed(0)
        losses.append(prepared.model.eval().calculate_loss(next(iter(prepared.train_data))))
    assert losses[0] == losses[1]


def test_three_modalities_are_averaged_over_their_pairs(tmp_path: Path) -> None:
    """Equal modalities with equal hyperedges: each pair gives the same term."""
    files = clustered()
    features = {name: files.features["text"] for name in ("a", "b", "c")}
    three = type(files)(files.train, files.valid, files.test, features)
    prepared = build("LGMRec", three, tmp_path)
    model = prepared.model.eval()
    users, positives, _ = model.batch_ids(next(iter(prepared.train_data)))
    far = [next(iter(model.views)).hypergraph(model.behavior_line().items)] * 3
    all_pairs, one_pair = model.contrast(far, users, positives), contrast_of_two(model, far, users)
    assert all_pairs.item() > one_pair.item()
    text = far[0]
    items = positives
    real = torch.arange(1, model.n_items)
    expected = one_pair + contrast(text.items, text.items, items, real)
    torch.testing.assert_close(all_pairs, expected, rtol=1e-4, atol=1e-3)


def contrast_of_two(model: Any, far: Any, users: torch.Tensor) -> torch.Tensor:
    return contrast(far[0].users, far[1].users, users, torch.arange(1, model.n_users))


def test_an_evaluation_draws_nothing(tmp_path: Path) -> None:
    prepared = build("LGMRec", clustered(), tmp_path)
    model = prepared.model.eval()
    before, state = all_scores(prepared), torch.get_rng_state()
    model.forget()
    assert torch.equal(all_scores(prepared), before)
    assert torch.equal(torch.get_rng_state(), state)
    model.train()
    assert not torch.equal(model.forward().users, model.forward().users)


@pytest.mark.parametrize("part", ["local", "global"])
def test_an_item_without_the_modality_is_left_to_the_other(tmp_path: Path, part: str) -> None:
    model = build("LGMRec", clustered(), tmp_path).model.eval()
    view = list(model.views)[1]
    lacking = ~view.projection.present
    items = (
        view.local().items if part == "local" else view.hypergraph(model.behavior_line().items)[1]
    )
    assert items[lacking].abs().sum() == 0
    assert (items[~lacking].abs().sum(1) > 0).all()


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    settings = {"epochs": 60, "learning_rate": 0.01}
    assert (
        recall(build("LGMRec", known_by_features(), tmp_path, n_modal_layers=0, **settings)) > 0.6
    )
