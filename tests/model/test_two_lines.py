"""What models with two lines tell of their modal representations while they train."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_drepmrec.nn import SimilarityTracker
from tests.datasets import clustered
from tests.model.contract import build

HOST = "LightGCN+BMA"


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("DRepMRec", {}),
        ("DRepMRec", {"gate": "behavior"}),
        ("DRepMRec", {"use_sss": False, "use_behavior_line": False}),
        (HOST, {}),
        (HOST, {"bma_gate": "behavior"}),
        ("SGL+BMA", {"bma_gate": "behavior"}),
    ],
)
def test_each_modality_against_its_features(
    tmp_path: Path, model: str, values: dict[str, Any]
) -> None:
    trained = build(model, clustered(), tmp_path, **values).model
    trained.train()
    state = torch.get_rng_state()
    kept = trained.similarity_kept()
    assert torch.equal(torch.get_rng_state(), state)
    assert trained.training
    assert list(kept) == ["text", "image"]
    _, modal = trained.lines()
    encoders = trained.modal_side.modal_line.encoders
    for found, encoder, view in zip(kept.values(), encoders, modal.item_views, strict=True):
        expected = SimilarityTracker(encoder.features.values)(view.detach())
        assert expected is not None
        assert found == pytest.approx(expected._asdict(), abs=1e-5)


@pytest.mark.parametrize(
    ("model", "values"), [("DRepMRec", {"use_modal_line": False}), ("VBPR", {})]
)
def test_without_a_modal_line_there_is_nothing_to_tell(
    tmp_path: Path, model: str, values: dict[str, Any]
) -> None:
    assert build(model, clustered(), tmp_path, **values).model.similarity_kept() == {}


def test_the_lines_are_what_is_fused(tmp_path: Path) -> None:
    model = build(HOST, clustered(), tmp_path).model.eval()
    behavior, modal = model.lines()
    fused = model.modal_side.fuse(behavior, modal)
    torch.testing.assert_close(tuple(fused), tuple(model.forward()))
