"""A score is what its parts add up to."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference import Bundle, Recommender
from recbole_drepmrec.inference.histories import undivided_gifts, user_of
from recbole_drepmrec.inference.making import bundle_of
from tests.datasets import clustered
from tests.inference.conftest import Trained
from tests.model.contract import build

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("DRepMRec", {}),
    ("DRepMRec", {"ranking_loss": "bpr"}),
    ("DRepMRec", {"fusion": "concat", "modal_scale": 0.5, "ranking_loss": "bpr"}),
    ("DRepMRec", {"fusion": "weighted", "gate": "behavior"}),
    ("DRepMRec", {"user_graph": "knn", "use_modalities": ["image"]}),
    ("DRepMRec", {"use_behavior_line": False}),
    ("DRepMRec", {"use_modal_line": False}),
    ("DRepMRec", {"use_modal_line": False, "ranking_loss": "bpr"}),
    ("MGCN", {"ranking_loss": "softmax"}),
    ("FREEDOM", {"ranking_loss": "softmax"}),
    ("DRepMRec", {"missing": "mean", "item_graph": "none"}),
    ("LightGCN+BMA", {"bma_modal_scale": 2.0}),
    ("LightGCN+BMA", {"bma_fusion": "late", "bma_ranking_loss": "softmax"}),
    ("DRepMRec", {"fusion": "concat"}),
    ("DRepMRec", {"fusion": "sum", "modal_scale": 0.7}),
    ("DRepMRec", {"ranking_loss": "bpr"}),
]


def bundle(tmp_path: Path, model: str, values: dict[str, Any]) -> Bundle:
    prepared = build(model, clustered(), tmp_path, **values)
    for name, table in prepared.model.named_parameters():
        if name.endswith("item_bias"):
            torch.nn.init.normal_(table)  # zero until it is trained
    found = bundle_of(prepared)
    assert found is not None
    return found


@pytest.mark.parametrize(("model", "values"), VARIANTS)
def test_parts_add_up_to_the_vectors(tmp_path: Path, model: str, values: dict[str, Any]) -> None:
    made = bundle(tmp_path, model, values)
    expected = {"behavior", *values.get("use_modalities", ["text", "image"])}
    expected -= {"behavior"} if values.get("use_behavior_line") is False else set()
    expected -= {"text", "image"} if values.get("use_modal_line") is False else set()
    expected = {"encoded"} if model in ("MGCN", "FREEDOM") else expected
    kind = values.get("ranking_loss", values.get("bma_ranking_loss"))
    by_softmax = kind == "softmax" or (model == "DRepMRec" and kind is None)
    expected |= {"popularity"} if by_softmax else set()
    assert set(made.parts) == expected
    for table in range(2):
        total = torch.stack([part[table] for part in made.parts.values()]).sum(0)
        torch.testing.assert_close(total, made.fused[table], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("model", "values"), [*VARIANTS, ("VBPR", {}), ("BPR", {}), ("MGCN", {})])
def test_shares_add_up_to_the_score(tmp_path: Path, model: str, values: dict[str, Any]) -> None:
    recommender = Recommender(bundle(tmp_path, model, values))
    for user, item in (("u0", "i0"), ("u7", "i21")):
        row = recommender.recommend([user], 1, seen="none", candidates=[item])[0]
        found = recommender.explain(user, item, n_neighbours=2)
        assert found.score == pytest.approx(row.score, rel=1e-4, abs=1e-6)
        assert sum(found.parts.values()) == pytest.approx(found.score, rel=1e-5, abs=1e-6)
        carried = sum(one.carried for one in found.neighbours) + found.others + found.own
        assert carried == pytest.approx(found.score, rel=1e-6, abs=1e-9)
        assert len(found.neighbours) == 2
        assert found.neighbours[0].carried >= found.neighbours[1].carried


def test_a_share_is_the_shapley_value(tmp_path: Path) -> None:
    """By its definition: what a part adds, over all orders in which the parts may come."""
    made = bundle(tmp_path, "DRepMRec", {})
    recommender = Recommender(made)
    user, item = made.users.tolist().index("u5"), made.items.tolist().index("i9")

    def score(parts: tuple[str, ...]) -> float:
        u = sum((made.parts[name].users[user] for name in parts), torch.zeros(129))
        i = sum((made.parts[name].items[item] for name in parts), torch.zeros(129))
        return float(u @ i)

    orders = list(itertools.permutations(made.parts))
    for name, share in recommender.explain("u5", "i9").parts.items():
        gains = [
            score(order[: order.index(name) + 1]) - score(order[: order.index(name)])
            for order in orders
        ]
        assert share == pytest.approx(float(np.mean(gains)), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_in_the_modal_line_items_carry_everything(tmp_path: Path, loss: str) -> None:
    """A user is the mean of their items there, and image is not there for all of them."""
    made = bundle(tmp_path, "DRepMRec", {"use_behavior_line": False, "ranking_loss": loss})
    for user in range(10):
        history = torch.from_numpy(made.histories.of(user, "train"))
        total = user_of(made, history)
        torch.testing.assert_close(total, made.fused.users[user], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_a_user_made_of_items_has_a_behavior_vector_of_the_trained_length(
    tmp_path: Path, loss: str
) -> None:
    """No multiple of what their items give would be nearer to the trained users, as W is fitted."""
    prepared = build("DRepMRec", clustered(), tmp_path, ranking_loss=loss)
    made = bundle_of(prepared)
    assert made is not None
    alone = replace(made, present={})  # no modality gives
    found, trained = [], prepared.model.parts()["behavior"].users[1:]
    for user in range(len(trained)):
        history = torch.from_numpy(made.histories.of(user, "train"))
        (behavior,) = undivided_gifts(alone, history)
        found.append(behavior.sum(0))
    given = torch.stack(found)
    assert float((given * trained).sum() / (given * given).sum()) == pytest.approx(1, abs=0.05)


def test_neighbours_are_the_users_own_items(trained: Trained) -> None:
    recommender = Recommender.load(trained.run)
    found = recommender.explain("u4", "i8", n_neighbours=99)
    mine = {item for user, item in clustered().train if user == "u4"}
    assert {one.item for one in found.neighbours} == mine
    assert found.others == 0
    assert found.title == 'The 8th, or "so"'


def test_popularity_is_a_share_and_no_direction(tmp_path: Path) -> None:
    made = bundle(tmp_path, "DRepMRec", {})
    recommender = Recommender(made)
    user, item = made.fused.users[5], made.fused.items[9]
    found = recommender.explain(str(made.users[5]), str(made.items[9]))
    assert found.parts["popularity"] == pytest.approx(float(user[-1] * item[-1]), rel=1e-5)
    assert float(user[-1]) == pytest.approx(0.2)
    nearest = recommender.similar_items([str(made.items[9])], 3)
    cosines = made.fused.items[:, :-1] @ made.fused.items[9, :-1]
    cosines[9] = -2
    assert [row.item for row in nearest] == made.items[cosines.topk(3).indices].tolist()
    with pytest.raises(UserError, match="no vectors by 'popularity'; it has those of fused, be"):
        recommender.similar_items(["i9"], by="popularity")
