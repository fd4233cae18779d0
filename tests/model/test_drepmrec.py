"""DRepMRec: the contract, the gradient map of its two lines, and what only features reveal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.model.general_recommender import LightGCN
from torch import Tensor
from torch.nn.functional import normalize

from recbole_drepmrec.nn import Batch, BiasedVectors, softmax_loss
from recbole_drepmrec.prepared import Prepared
from tests.datasets import clustered, known_by_features, with_random_features
from tests.model.contract import Make, ModelContract, all_scores, build, losses, maker, recall

EVERYTHING = {
    "gate": "self",
    "user_graph": "knn",
    "user_graph_k": 5,
    "item_graph_k": 4,
    "leave_one_out": True,
    "intra_weight": 0.1,
    "inter_weight": 0.1,
    "inter_one_way": False,
    "sss_weight": 1.0,
}


class TestDRepMRec(ModelContract):
    """As it comes."""

    model = "DRepMRec"


class TestDRepMRecWithEverything(ModelContract):
    """Every part switched on."""

    model = "DRepMRec"
    settings = EVERYTHING


class TestDRepMRecOwnTable(ModelContract):
    """Own item table, learnt fusion weights, no smoothing."""

    model = "DRepMRec"
    settings = {"gate": "own", "fusion": "weighted", "item_graph": "none"}


class TestDRepMRecFusedBeforeItRanks(ModelContract):
    """One ranking loss, of the fused vectors."""

    model = "DRepMRec"
    settings = {"fusion": "sum", "modal_scale": 1.0, "ranking_loss": "bpr"}


class TestDRepMRecConcatenated(ModelContract):
    """One ranking loss of added scores, ungated, users smoothed by what they share, sampled SSS."""

    model = "DRepMRec"
    settings = {
        "gate": "none",
        "fusion": "concat",
        "ranking_loss": "bpr",
        "user_graph": "cooccurrence",
        "sss": "sampled",
        "sss_samples": 20,
    }


class TestDRepMRecBehaviorGate(ModelContract):
    """The gate that couples the lines."""

    model = "DRepMRec"
    settings = {"gate": "behavior"}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return maker("DRepMRec", tmp_path)


def line_of(name: str) -> str:
    of_behavior = name.startswith(("behavior_line.", "modal_side.behavior_ranking."))
    return "behavior" if of_behavior else "modal"


def touched(loss: Tensor, prepared: Prepared) -> dict[str, bool]:
    """For each line, whether the gradient of a loss reaches any of its parameters."""
    named = list(prepared.model.named_parameters())
    gradients = torch.autograd.grad(
        loss, [parameter for _, parameter in named], allow_unused=True, retain_graph=True
    )
    reached = {"behavior": False, "modal": False}
    for (name, _), gradient in zip(named, gradients, strict=True):
        if gradient is not None and gradient.abs().sum() > 0:
            reached[line_of(name)] = True
    return reached


def batch(prepared: Prepared) -> tuple[Tensor, Tensor, Tensor]:
    ids: tuple[Tensor, Tensor, Tensor] = prepared.model.batch_ids(next(iter(prepared.train_data)))
    return ids


@pytest.mark.parametrize("gate", ["self", "none", "own"])
@pytest.mark.parametrize("fusion", ["sum", "late"])
def test_gradient_map_of_the_two_lines(make: Make, gate: str, fusion: str) -> None:
    """Each loss reaches the line it is meant for; late lines meet in L_inter only."""
    prepared = make(**{**EVERYTHING, "gate": gate, "fusion": fusion})
    model = prepared.model
    behavior, modal = model.lines()
    users, positives, negatives = batch(prepared)
    signals = torch.stack(
        [s(view) for s, view in zip(model.modal_side.signals, modal.item_views, strict=True)]
    ).sum()
    assert touched(signals, prepared) == {"behavior": False, "modal": True}
    for line, output in (("behavior", behavior), ("modal", modal.fused)):
        still = type(output)(output.users.detach(), output.items.detach())
        pair = (output, still) if line == "behavior" else (still, output)
        intra = model.modal_side.bma.intra(*pair, users, positives)
        assert touched(intra, prepared) == {
            "behavior": line == "behavior",
            "modal": line == "modal",
        }
    terms = ranking_terms(model, (users, positives, negatives))
    meeting = [model.modal_side.bma.inter(behavior, modal.fused, users, positives)]
    if fusion == "late":
        assert touched(terms[0], prepared) == {"behavior": True, "modal": False}
        assert touched(terms[1], prepared) == {"behavior": False, "modal": True}
    else:
        meeting.append(terms[0])
    for loss in meeting:
        assert touched(loss, prepared) == {"behavior": True, "modal": True}


def ranking_terms(model: Any, ids: Sequence[Tensor]) -> list[Tensor]:
    """Those of the loss of a training batch, less the penalty: L_rank's, then the others."""
    batch = Batch.of(*ids)
    behavior = model.behavior_line.of_batch(batch).encoded
    terms: list[Tensor] = model.modal_side.losses(
        behavior, model.modal_side.of_batch(batch, model.gate_items()), batch
    )
    return terms


@pytest.mark.parametrize("gate", ["both", "behavior"])
def test_the_loss_of_a_batch_is_that_of_all_vectors(make: Make, gate: str) -> None:
    """A step makes the rows that it reads; value and gradients are those of the whole lines."""
    prepared = make(gate=gate, reg_weight=0.3, inter_one_way=False)
    model, interaction = prepared.model, next(iter(prepared.train_data))
    batch = Batch.of(*model.batch_ids(interaction))
    behavior, modal = model.lines()
    side = model.modal_side
    penalty = batch.squared_norm(batch.rows(model.behavior_line.tables()))
    if side.modal_line.item_table is not None:
        penalty = penalty + batch.squared_norm_of_items(side.modal_line.item_table[batch.items])
    terms = side.losses(batch.rows(behavior), modal.rows(batch), batch)
    expected = torch.stack([0.3 * penalty, *terms]).sum()
    found = model.calculate_loss(interaction)
    torch.testing.assert_close(found, expected)
    parameters = list(model.parameters())
    torch.testing.assert_close(
        *(
            torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            for loss in (found, expected)
        )
    )


def test_no_parameter_is_shared(make: Make) -> None:
    model = make(gate="own").model
    behavior = {parameter.data_ptr() for parameter in model.behavior_line.parameters()}
    modal = {parameter.data_ptr() for parameter in model.modal_side.modal_line.parameters()}
    assert behavior.isdisjoint(modal)
    everything = {parameter.data_ptr() for parameter in model.parameters()}
    side = model.modal_side
    biases = {one.item_bias.data_ptr() for one in (side.ranking, side.behavior_ranking)}
    assert len(biases) == 2
    assert everything == behavior | modal | biases


def test_late_lines_rank_by_themselves_and_their_scores_are_added(make: Make) -> None:
    model = make(modal_scale=2.0, ranking_temperature=0.5).model
    side = model.modal_side
    for loss in (side.ranking, side.behavior_ranking):
        torch.nn.init.normal_(loss.item_bias)  # zero at first
    model.eval()
    behavior, modal = model.lines()
    lines = [side.behavior_ranking.scoring(behavior), side.ranking.scoring(modal.fused)]
    of_behavior, of_modal = (users @ items.T for users, items in lines)
    torch.testing.assert_close(
        torch.matmul(model.forward().users, model.forward().items.T)[1:, 1:],
        (of_behavior + 4 * of_modal)[1:, 1:],
    )
    ids = [torch.tensor(pair) for pair in ([1, 2], [3, 4], [5, 6])]
    terms = ranking_terms(model, ids)[:2]
    for term, line, loss in zip(
        terms, (behavior, modal.fused), (side.behavior_ranking, side.ranking), strict=True
    ):
        taken, others = (BiasedVectors(line.items[i], loss.item_bias[i]) for i in ids[1:])
        expected = softmax_loss(line.users[ids[0]], taken, others, temperature=0.5)
        torch.testing.assert_close(term, expected)


def test_a_late_item_that_one_line_does_not_know_counts_by_the_other_for_both(
    tmp_path: Path,
) -> None:
    """Else what nobody had in training would rank behind all that are known."""
    prepared = build("DRepMRec", known_by_features(), tmp_path, modal_scale=2.0)
    model = prepared.model.eval()
    _, modal = model.lines()
    scores = model.forward().users @ model.forward().items.T
    trained = prepared.train_data._dataset.inter_feat["item_id"].unique()
    cold = torch.ones(scores.shape[1], dtype=torch.bool)
    cold[trained] = False
    cold[0] = False  # padding
    unit = [normalize(one, dim=1) for one in modal.fused]
    torch.testing.assert_close(scores[:, cold], (1 + 4) * (unit[0] @ unit[1].T)[:, cold])


def test_a_user_left_with_nothing_gets_no_gradient_without_bounds(tmp_path: Path) -> None:
    """Without its only item a user's modal vector is zero, which has no direction."""
    files = clustered()
    files.train.append(("alone", files.train[0][1]))
    prepared = build("DRepMRec", files, tmp_path, leave_one_out=True)
    model = prepared.model
    user = prepared.dataset.token2id("user_id", "alone")
    item = prepared.dataset.token2id("item_id", files.train[0][1])
    ids = [torch.tensor([one]) for one in (user, item, item + 1)]
    behavior, modal = model.lines()
    one = Batch.of(*ids)
    loss = model.modal_side.losses(one.rows(behavior), modal.rows(one), one)[1]
    (gradient,) = torch.autograd.grad(loss, modal.fused.users)
    assert gradient.abs().max() < 1e3


def test_one_way_alignment_leaves_the_behavior_line_alone(make: Make) -> None:
    prepared = make(inter_one_way=True)
    behavior, modal = prepared.model.lines()
    users, positives, _ = batch(prepared)
    loss = prepared.model.modal_side.bma.inter(behavior, modal.fused, users, positives)
    assert touched(loss, prepared) == {"behavior": False, "modal": True}


def test_behavior_gate_couples_the_lines(make: Make) -> None:
    """What its documentation warns of: even SSS now moves the ID embeddings."""
    prepared = make(gate="behavior")
    _, modal = prepared.model.lines()
    loss = prepared.model.modal_side.signals[0](modal.item_views[0])
    assert touched(loss, prepared)["behavior"]


def test_without_the_modal_line_it_is_lightgcn(make: Make) -> None:
    """The same scores and the same loss as RecBole's LightGCN with the same embeddings."""
    prepared = make(use_modal_line=False, reg_weight=0.0, n_layers=3, ranking_loss="bpr")
    config = prepared.config
    config["require_pow"] = False
    reference = LightGCN(config, prepared.train_data._dataset)
    line = prepared.model.behavior_line
    with torch.no_grad():
        reference.user_embedding.weight.copy_(line.user_embedding)
        reference.item_embedding.weight.copy_(line.item_embedding)
    users, items = prepared.model.forward()
    expected_users, expected_items = reference.forward()
    torch.testing.assert_close(users, expected_users)
    torch.testing.assert_close(items, expected_items)
    interaction = next(iter(prepared.train_data))
    torch.testing.assert_close(
        prepared.model.calculate_loss(interaction), reference.calculate_loss(interaction).squeeze()
    )


def test_without_the_modal_line_the_ranking_loss_is_the_same_one(make: Make) -> None:
    settings = {"ranking_loss": "softmax", "ranking_temperature": 0.2}
    model = make(use_modal_line=False, reg_weight=0.0, **settings).model
    ids = [torch.tensor(pair) for pair in ([1, 2], [3, 4], [5, 6])]
    users, items = model.behavior_line()
    assert model.ranking is not None
    taken, others = (BiasedVectors(items[i], torch.zeros(2)) for i in ids[1:])
    expected = softmax_loss(users[ids[0]], taken, others, temperature=0.2)
    fields = (model.USER_ID, model.ITEM_ID, model.NEG_ITEM_ID)
    loss = model.calculate_loss(Interaction(dict(zip(fields, ids, strict=True))))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.forward().items[:, :-1], normalize(items, dim=1))


def test_without_the_behavior_line_scores_come_from_the_modal_line(make: Make) -> None:
    prepared = make(use_behavior_line=False, ranking_loss="softmax")
    names = {name.split(".")[0] for name, _ in prepared.model.named_parameters()}
    assert names == {"modal_side"}
    _, modal = prepared.model.lines()
    prepared.model.eval()
    expected = normalize(modal.fused.users, dim=1) @ normalize(modal.fused.items, dim=1).T
    torch.testing.assert_close(all_scores(prepared), expected)


@pytest.mark.parametrize(
    ("switch", "weights"),
    [
        ({"use_bma": False}, {"intra_weight": 0.0, "inter_weight": 0.0}),
        ({"use_intra": False}, {"intra_weight": 0.0}),
        ({"use_inter": False}, {"inter_weight": 0.0}),
        ({"use_sss": False}, {"sss_weight": 0.0}),
        ({"sss": "off"}, {"sss_weight": 0.0}),
    ],
)
def test_switch_is_the_same_as_weight_zero(
    make: Make, switch: dict[str, Any], weights: dict[str, Any]
) -> None:
    everything = losses(make(**EVERYTHING), epochs=2)
    without = losses(make(**{**EVERYTHING, **switch}), epochs=2)
    assert without == losses(make(**{**EVERYTHING, **weights}), epochs=2)
    assert without != everything


@pytest.mark.parametrize("gate", ["own", "self"])
def test_features_on_the_host_train_the_same_model(make: Make, gate: str) -> None:
    found = []
    for where in ("device", "host"):
        prepared = make(gate=gate, features_on=where)
        found.append((losses(prepared, epochs=2), all_scores(prepared)))
    (on_device, expected), (on_host, scores) = found
    assert on_host == pytest.approx(on_device, rel=1e-5)
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-4)


def test_features_on_the_host_are_no_part_of_what_moves_to_the_device(make: Make) -> None:
    device, host = (make(features_on=where) for where in ("device", "host"))
    features = device.train_data._dataset.modal_features.values()
    held = [sum(one.numel() for one in run.model.buffers()) for run in (device, host)]
    assert held[0] - held[1] == sum(one.values.size for one in features)


def test_padding_takes_part_in_nothing(make: Make) -> None:
    _, modal = make(**EVERYTHING).model.lines()
    assert modal.fused.items[0].abs().sum() == 0
    assert modal.fused.users[0].abs().sum() == 0


def test_an_item_without_training_interactions_is_scored_by_the_modal_line_alone(
    tmp_path: Path,
) -> None:
    """Half of the items have none; nothing ever teaches their ID embeddings."""
    fused = {"fusion": "sum", "modal_scale": 1.0, "ranking_loss": "bpr"}
    prepared = build("DRepMRec", known_by_features(), tmp_path, **fused)
    model = prepared.model.eval()
    behavior, modal = model.lines()
    items = model.forward().items
    trained = prepared.train_data._dataset.inter_feat["item_id"].unique()
    cold = torch.ones(len(items), dtype=torch.bool)
    cold[trained] = False
    assert cold.sum() > 30
    torch.testing.assert_close(items[cold], modal.fused.items[cold])
    torch.testing.assert_close(items[~cold], (behavior.items + modal.fused.items)[~cold])
    model.train()
    named = dict(model.named_parameters())["behavior_line.item_embedding"]
    ids = batch(prepared)
    ranking = ranking_terms(model, ids)[0]
    (gradient,) = torch.autograd.grad(ranking, named)
    assert cold[ids[2]].any()  # as a negative, it teaches its modal vector only
    assert gradient[cold].abs().sum() == 0


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Test items without any training interaction: DRepMRec ranks them, LightGCN guesses."""
    files, settings = known_by_features(), {"epochs": 90, "learning_rate": 0.01}
    assert recall(build("DRepMRec", files, tmp_path / "a", **settings)) > 0.7
    assert recall(build("LightGCN", files, tmp_path / "b", **settings)) < 0.15


def test_features_that_say_nothing_do_little_harm(tmp_path: Path) -> None:
    files = with_random_features(clustered(n_users=200, n_items=120, n_clusters=6))
    settings = {"epochs": 60, "learning_rate": 0.01}
    ours = recall(build("DRepMRec", files, tmp_path / "a", **settings))
    lightgcn = recall(build("LightGCN", files, tmp_path / "b", **settings))
    assert lightgcn > 0.3
    assert ours > 0.9 * lightgcn


def test_leave_one_out_takes_the_items_share_from_the_users_modal_vector(make: Make) -> None:
    fused = {"fusion": "sum", "modal_scale": 1.0, "ranking_loss": "bpr"}
    model = make(leave_one_out=True, **fused).model
    ids = [torch.tensor(pair) for pair in ([1, 2], [3, 4], [5, 6])]
    users, positives, negatives = ids
    behavior, modal = model.lines()
    side = model.modal_side
    pairs = Batch.of(*ids)
    share = side.modal_line.share_of_item(modal.rows(pairs), pairs)
    of_users = behavior.users[users] + modal.fused.users[users] - share
    items = behavior.items + modal.fused.items
    margins = (of_users * (items[positives] - items[negatives])).sum(-1)
    expected = torch.nn.functional.softplus(-margins).mean()
    torch.testing.assert_close(ranking_terms(model, ids)[0], expected)
