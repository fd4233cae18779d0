"""SLMRec: the contract with each task, its ranking loss, and its views."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, build, recall


class TestSLMRec(ModelContract):
    """As it comes."""

    model = "SLMRec"


class TestSLMRecViews(ModelContract):
    """Two views by dropout and masking, one layer."""

    model = "SLMRec"
    waits_because = "it draws the masked spaces on the host, which looks the same on a CPU"
    settings = {"ssl_task": "FD+FM", "n_layers": 1}


def test_ranking_loss_by_hand(tmp_path: Path) -> None:
    """Each user's own item against the batch's distinct items, by cosine."""
    prepared = build(
        "SLMRec", clustered(), tmp_path, ssl_weight=0.0, reg_weight=0.0, temperature=0.5
    )
    model, interaction = prepared.model, next(iter(prepared.train_data))
    users, positives, _ = model.batch_ids(interaction)
    assert len(positives.unique()) < len(positives)
    encoded = model.forward()
    cosines = F.normalize(encoded.users) @ F.normalize(encoded.items).T / 0.5
    pairs = list(zip(users.tolist(), positives.tolist(), strict=True))
    among = positives.unique()
    terms = torch.stack([cosines[u, among].logsumexp(0) - cosines[u, i] for u, i in pairs])
    torch.testing.assert_close(model.calculate_loss(interaction), terms.mean())


def test_masking_takes_another_space_from_each_view(tmp_path: Path) -> None:
    model = build("SLMRec", clustered(), tmp_path, ssl_task="FM").model
    inputs, seen = model.inputs(), set()
    assert len(inputs) == 3  # ID, text, image
    for _ in range(30):
        masked = []
        for view in model.views(inputs):
            changed = [not torch.equal(x, given) for x, given in zip(view, inputs, strict=True)]
            assert sum(changed) == 1
            masked.append(changed.index(True))
            assert view[masked[-1]].abs().sum() == 0
        assert masked[0] != masked[1]
        seen.add(tuple(masked))
    assert len(seen) == 6


def test_dropout_takes_its_share_of_the_elements(tmp_path: Path) -> None:
    model = build("SLMRec", clustered(), tmp_path, ssl_task="FD", dropout=0.25).model
    inputs = model.inputs()
    one, other = model.views(inputs)
    for x, dropped, again in zip(inputs, one, other, strict=True):
        gone = (dropped == 0)[x != 0].float().mean().item()
        assert gone == pytest.approx(0.25, abs=0.05)
        kept = dropped != 0
        torch.testing.assert_close(dropped[kept], x[kept] / 0.75)
        assert not torch.equal(dropped, again)


@pytest.mark.parametrize("task", ["FAC", "FD", "FM", "FD+FM"])
def test_each_task_adds_to_the_loss_and_none_needs_two_modalities(
    tmp_path: Path, task: str
) -> None:
    settings = {"ssl_task": task, "use_modalities": ["image"]}
    prepared = build("SLMRec", clustered(), tmp_path, **settings)
    model, interaction = prepared.model, next(iter(prepared.train_data))
    loss = model.calculate_loss(interaction)
    model.settings = model.settings.model_copy(update={"ssl_weight": 0.0})
    assert loss > model.calculate_loss(interaction) + 0.01


def test_an_item_without_the_modality_has_nothing_in_its_space(tmp_path: Path) -> None:
    model = build("SLMRec", clustered(), tmp_path).model
    lacking = ~list(model.projections)[1].present
    space = model.spaces(model.inputs())[2]
    assert space.items[lacking].abs().sum() == 0
    assert (space.items[~lacking].abs().sum(1) > 0).all()


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    settings = {"epochs": 60, "learning_rate": 0.01}
    assert recall(build("SLMRec", known_by_features(), tmp_path, **settings)) > 0.6
