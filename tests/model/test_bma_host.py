"""BMA worn by other models: the contract, that the host stays as it is, and who cannot carry it."""

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import Field
from recbole.model.general_recommender import BPR, LightGCN
from recbole.utils import init_seed
from torch import Tensor, nn

from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.literals import literal, read_yaml
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.model.bma_host import BMASettings, with_bma
from recbole_drepmrec.model.host_vectors import CARRIERS
from recbole_drepmrec.model_checkpoint import load_checkpoint
from recbole_drepmrec.nn import Batch, FeatureProjection, Representations, bpr_loss
from recbole_drepmrec.prepared import Prepared
from recbole_drepmrec.quick_start import load, run_recbole
from recbole_drepmrec.registry import MODELS, get_model, recbole_general_models
from recbole_drepmrec.settings import Settings
from recbole_drepmrec.trainer import trainer_class
from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, all_scores, build, losses, trainer
from tests.test_recbole_models import SETTINGS

PROPERTIES = Path(__file__).parents[2] / "properties"
FEW_NEGATIVES = {"train_neg_sample_args": {"sample_num": 3}}
NEEDS_FAISS = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="NCL needs the package faiss"
)


class TestLightGCN(ModelContract):
    """A host that encodes everybody at once."""

    model = "LightGCN+BMA"
    mixes_precision = False


class TestLightGCNWithEverything(ModelContract):
    """Every part of the modal side switched on."""

    model = "LightGCN+BMA"
    mixes_precision = False
    settings = {
        "bma_gate": "self",
        "bma_user_graph": "knn",
        "bma_user_graph_k": 5,
        "bma_leave_one_out": True,
        "bma_fusion": "concat",
        "bma_ranking_loss": "softmax",
        "bma_inter_one_way": False,
        "bma_sss_weight": 1.0,
    }


class TestLightGCNWithLinesThatRankApart(ModelContract):
    """The host's vectors rank by a softmax of their own, beside the host's loss."""

    model = "LightGCN+BMA"
    mixes_precision = False
    settings = {"bma_fusion": "late", "bma_ranking_loss": "softmax", "bma_gate": "both"}


class TestBPR(ModelContract):
    """A host of two tables."""

    model = "BPR+BMA"
    settings = {"bma_gate": "behavior"}


class TestSimpleX(ModelContract):
    """A host that scores by cosines, and trains on several negatives a pair."""

    model = "SimpleX+BMA"
    settings = FEW_NEGATIVES
    waits_because = "SimpleX, which is not ours, reads back"


class TestSGL(ModelContract):
    """A host that draws sub-graphs anew for each epoch."""

    model = "SGL+BMA"
    mixes_precision = False


class FeatureBPRSettings(Settings):
    """Keys of the host below."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")


class FeatureBPR(MultimodalRecommender):
    """A host of our own that reads features itself, prepared in its own way."""

    settings_class = FeatureBPRSettings

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        features = self.prepared_features(dataset, self.settings.feature_norm)
        self.taste = nn.Parameter(torch.empty(self.n_users, 8))
        self.projections = nn.ModuleList(
            FeatureProjection(one.values, one.present, 8) for one in features.values()
        )
        self.epochs_begun = 0
        nn.init.xavier_uniform_(self.taste)

    def forward(self) -> Representations:
        return Representations(self.taste, torch.stack([p() for p in self.projections]).sum(0))

    def calculate_loss(self, interaction: Any) -> Tensor:
        users, positives, negatives = self.batch_ids(interaction)
        encoded = self.forward()
        rows = encoded.users[users]
        return bpr_loss(*((rows * encoded.items[i]).sum(-1) for i in (positives, negatives)))

    def start_epoch(self) -> None:
        self.epochs_begun += 1


class TestHostOfOurs(ModelContract):
    """A host that is multimodal itself."""

    model: Any = with_bma(FeatureBPR)
    settings = {"feature_norm": "l2"}


Make = Callable[..., Prepared]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    made = iter(range(100))

    def _make(model: Any, files: Any = None, **settings: Any) -> Prepared:
        return build(model, files or clustered(), tmp_path / str(next(made)), **settings)

    return _make


def own_loss(prepared: Prepared, interaction: Any) -> tuple[Tensor, ...]:
    """The parts of the loss of a batch, in training mode, with the same random numbers."""
    init_seed(5, reproducibility=True)
    loss = prepared.model.train().calculate_loss(interaction)
    return loss if isinstance(loss, tuple) else (loss.sum(),)


@pytest.mark.parametrize("name", [name for name in CARRIERS if name != "NCL"])
def test_the_host_and_its_loss_stay_as_they_are(
    make: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same parameters as without BMA; without our terms, the same loss to the last digit."""
    settings = {**SETTINGS.get(name, {}), **(FEW_NEGATIVES if name == "SimpleX" else {})}
    alone, worn = make(name, **settings), make(f"{name}+BMA", **settings)
    of_host = worn.model.host.state_dict()
    for key, value in alone.model.state_dict().items():
        assert torch.equal(value, of_host[key]), key
    interaction = next(iter(alone.train_data))
    monkeypatch.setattr(worn.model, "_modal_loss", lambda *batch: torch.zeros(()))
    assert torch.equal(own_loss(worn, interaction)[0], own_loss(alone, interaction)[0])


def test_the_objective_is_the_sum_of_what_it_says(make: Make) -> None:
    prepared = make("BPR+BMA", bma_sss_weight=0.5, bma_intra_weight=0.3, bma_inter_weight=0.2)
    model = prepared.model.train()
    interaction = next(iter(prepared.train_data))
    users, positives, negatives = model.batch_ids(interaction)
    behavior = Representations(model.host.user_embedding.weight, model.host.item_embedding.weight)
    side = model.modal_side
    modal = side(behavior.items)
    batch = Batch.of(users, positives, negatives)
    table = side.modal_line.item_table
    rows = table[positives].pow(2).sum() + table[negatives].pow(2).sum()
    expected = (
        model.host.calculate_loss(interaction)
        + side.losses(batch.rows(behavior), modal.rows(batch), batch)[0]
        + 0.3 * side.bma.intra(behavior, modal.fused, users, positives)
        + 0.2 * side.bma.inter(behavior, modal.fused, users, positives)
        + 0.5 * sum(s(view) for s, view in zip(side.signals, modal.item_views, strict=True))
        + 1e-4 * rows / (2 * len(users))
    )
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


@pytest.mark.parametrize(("name", "passes"), [("LightGCN", 1), ("SGL", 3)])
def test_the_loss_takes_no_forward_pass_of_its_own(
    make: Make, name: str, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass that the host's loss makes gives the vectors too (SGL's makes three)."""
    prepared = make(f"{name}+BMA")
    model, calls = prepared.model.train(), []
    forward = type(model.host).forward

    def counting(host: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        return forward(host, *arguments)

    monkeypatch.setattr(type(model.host), "forward", counting)
    model.calculate_loss(next(iter(prepared.train_data)))
    assert len(calls) == passes


def test_the_item_graph_of_lattice_is_mined_once_an_epoch(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = make("LATTICE+BMA")
    model, mined = prepared.model.train(), []
    mine = type(model.host.item_graph).forward
    monkeypatch.setattr(
        type(model.host.item_graph), "forward", lambda graph: mined.append(1) or mine(graph)
    )
    for _ in range(2):
        model.start_epoch()
        for interaction in prepared.train_data:
            model.calculate_loss(interaction)
    assert len(mined) == 2


def test_the_fused_loss_of_freedom_reads_the_edges_drawn_for_the_epoch(make: Make) -> None:
    prepared = make("FREEDOM+BMA", edge_dropout=0.5)
    model = prepared.model.train()
    model.start_epoch()
    interaction = next(iter(prepared.train_data))
    _, behavior = model.vectors.read_with_loss(interaction, interaction["user_id"])
    torch.testing.assert_close(behavior.users, model.host.training_vectors().users)
    assert not torch.allclose(behavior.users, model.host.forward().users)


def test_gradient_map_of_host_and_modal_side(make: Make) -> None:
    """SSS moves the modal side only; the fused ranking loss moves both."""
    prepared = make("LightGCN+BMA")
    model = prepared.model.train()
    users, positives, negatives = model.batch_ids(next(iter(prepared.train_data)))
    behavior = model.vectors.read()
    modal = model.modal_side(behavior.items)
    signals = sum(
        signal(view)
        for signal, view in zip(model.modal_side.signals, modal.item_views, strict=True)
    )
    assert reached(signals, model) == {"modal_side"}
    inter = model.modal_side.bma.inter(behavior, modal.fused, users, positives)
    assert reached(inter, model) == {"modal_side"}
    batch = Batch.of(users, positives, negatives)
    ranking = model.modal_side.losses(batch.rows(behavior), modal.rows(batch), batch)[0]
    assert reached(ranking, model) == {"host", "modal_side"}


def reached(loss: Any, model: Any) -> set[str]:
    named = list(model.named_parameters())
    gradients = torch.autograd.grad(
        loss, [parameter for _, parameter in named], allow_unused=True, retain_graph=True
    )
    return {
        name.split(".")[0]
        for (name, _), gradient in zip(named, gradients, strict=True)
        if gradient is not None and gradient.abs().sum() > 0
    }


def test_both_spellings_are_the_same_run(tmp_path: Path) -> None:
    written = {**clustered().write(tmp_path / "dataset"), "epochs": 2}
    named = run_recbole("LightGCN+BMA", config_dict=written)
    keyed = run_recbole("LightGCN", config_dict={**written, "bma": "True"})
    assert named.test_result == keyed.test_result
    assert named.best_valid_result == keyed.best_valid_result
    for result in (named, keyed):
        assert Path(result.run).name.startswith("LightGCN+BMA-tiny-")
    one, other = (Config(m, config_dict={**written, **b}) for m, b in SPELLINGS)
    assert resolved(one) == resolved(other)
    assert resolved(Config(config_dict=resolved(one))) == resolved(one)


SPELLINGS: list[tuple[Any, dict[str, Any]]] = [
    ("LightGCN+BMA", {}),
    ("LightGCN", {"bma": True}),
]


def test_a_class_wears_it_too() -> None:
    config = Config(LightGCN, "ml-100k-mm", config_dict={"bma": True})
    assert config.model_class is with_bma(LightGCN)
    assert (config["model"], config["n_layers"], config["bma_gate"]) == ("LightGCN+BMA", 2, "own")


@pytest.mark.parametrize("model", ["LightGCN+BMA", "SimpleX+BMA"])
def test_a_run_is_loaded_with_its_model(tmp_path: Path, model: str) -> None:
    written = {**clustered().write(tmp_path / "dataset"), "epochs": 2}
    result = run_recbole(model, config_dict=written)
    loaded = load(result.run)
    assert trainer(loaded).evaluate(loaded.test_data, load_best_model=False) == result.test_result
    record = (Path(result.run) / "run.json").read_text()
    assert f'"model": "{model}"' in record
    assert '"features_sha256": {\n    "text"' in record


def test_checkpoint_knows_how_features_were_prepared(make: Make, tmp_path: Path) -> None:
    prepared = make("BPR+BMA", epochs=1)
    training = trainer(prepared)
    training.fit(prepared.train_data, verbose=False)
    other = make("BPR+BMA", bma_feature_norm="l2")
    with pytest.raises(UserError, match="trained on other features: modality"):
        load_checkpoint(training.run.checkpoint, other.config, other.model)


def test_a_multimodal_host_keeps_its_own_preparation_and_epochs(make: Make) -> None:
    prepared = make(FeatureBPR, bma=True, feature_norm="l2")
    norms = {name: how["norm"] for name, how in prepared.model.feature_preparation().items()}
    assert norms == {
        "text": "center_l2",
        "image": "center_l2",
        "text of FeatureBPR": "l2",
        "image of FeatureBPR": "l2",
    }
    losses(prepared, epochs=3)
    assert prepared.model.host.epochs_begun == 3
    with pytest.raises(UserError, match="`feature_norm` is 'l3'"):
        make(FeatureBPR, bma=True, feature_norm="l3")


def test_ncl_keeps_its_trainer_and_its_warm_up(make: Make, monkeypatch: Any) -> None:
    """Its trainer drops the last of three parts while it warms up; ours must not go with it."""
    prepared = make("NCL+BMA", num_clusters=4)
    config = prepared.config
    bases = [base.__name__ for base in trainer_class(config["MODEL_TYPE"], "NCL+BMA").__mro__]
    assert "NCLTrainer" in bases
    generator = torch.Generator().manual_seed(0)
    for kind, n in (("user", prepared.model.n_users), ("item", prepared.model.n_items)):
        setattr(prepared.model.host, f"{kind}_centroids", torch.randn(4, 64, generator=generator))
        clusters = torch.randint(4, (n,), generator=generator)
        setattr(prepared.model.host, f"{kind}_2cluster", clusters)
    interaction = next(iter(prepared.train_data))
    monkeypatch.setattr(prepared.model, "_modal_loss", lambda *batch: torch.tensor(7.0))
    worn = prepared.model.calculate_loss(interaction)
    alone = prepared.model.host.calculate_loss(interaction)
    torch.testing.assert_close(worn[0], alone[0] + 7)
    torch.testing.assert_close(worn[1:], alone[1:])


@NEEDS_FAISS
def test_ncl_runs(tmp_path: Path) -> None:
    written = {**clustered().write(tmp_path / "dataset"), "epochs": 2, "num_clusters": 8}
    assert run_recbole("NCL+BMA", config_dict=written).test_result["recall@5"] > 0.2


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items: BPR guesses among them, BPR+BMA ranks them."""

    def recall(name: str) -> float:
        settings = {"epochs": 60, "learning_rate": 0.01}
        prepared = build(name, known_by_features(), tmp_path / name, **settings)
        training = trainer(prepared)
        training.fit(prepared.train_data, prepared.valid_data, verbose=False)
        return float(training.evaluate(prepared.test_data)["recall@5"])

    assert recall("BPR+BMA") > 0.7
    assert recall("BPR") < 0.15


class BiasedBPR(BPR):
    """A host with an item bias, which is zero before it is trained."""

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.item_bias = nn.Parameter(torch.zeros(self.n_items))

    def full_sort_predict(self, interaction: Any) -> Tensor:
        scores: Tensor = super().full_sort_predict(interaction).view(-1, self.n_items)
        return (scores + self.item_bias).view(-1)


class ReversedLightGCN(LightGCN):
    """A host whose forward gives items before users."""

    def forward(self) -> Any:
        return super().forward()[::-1]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("ConvNCF", "its scores are not dot products of user and item vectors"),
        ("GCMC", "no vectors of all users and all items are found in it"),
        (BiasedBPR, "BiasedBPR cannot carry BMA: its scores are not dot products"),
        (ReversedLightGCN, r"its vectors have the shapes users \[49, 64\] and items \[61, 64\]"),
    ],
)
def test_a_host_that_scores_otherwise_says_why(make: Make, model: Any, reason: str) -> None:
    with pytest.raises(UserError, match=rf"{reason}.* BPR, DGCF, LightGCN"):
        make(model, bma=True, embedding_size=64, n_layers=2)


def test_a_host_that_ranks_by_cosines_is_told_what_to_set(make: Make) -> None:
    with pytest.raises(UserError, match="`ranking_loss: softmax`, .*; set --ranking_loss=bpr"):
        make("FREEDOM", bma=True, ranking_loss="softmax")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Pop+BMA", "Pop cannot carry BMA: it is not trained by gradient"),
        ("ItemKNN+BMA", "ItemKNN cannot carry BMA: it is not trained by gradient"),
        ("MultiVAE+BMA", "MultiVAE cannot carry BMA: it encodes a user's whole row of items"),
        ("NeuMF+BMA", "NeuMF cannot carry BMA: it trains pointwise, and BMA takes pairs"),
        ("SASRec+BMA", "SASRec cannot carry BMA: it is no general recommender but a sequential"),
        ("DRepMRec+BMA", "DRepMRec cannot carry BMA: it wears it already"),
        ("LightGCM+BMA", "there is no model 'LightGCM'; did you mean 'LightGCN'"),
        (
            "LightGCN+SSS",
            r"no model 'LightGCN\+SSS': the one plug-in is BMA, as in 'LightGCN\+BMA'",
        ),
        ("LightGCN+BMA+BMA", "the one plug-in is BMA"),
        (with_bma(LightGCN), None),
    ],
)
def test_who_cannot_carry_it_is_told_before_anything_is_read(model: Any, message: Any) -> None:
    if message is None:
        assert Config(model, "no-such-set")["model"] == "LightGCN+BMA"
        return
    with pytest.raises(UserError, match=message):
        Config(model, "no-such-set")


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        ("LightGCN+BMA", {"bma": False}, r"the model is LightGCN\+BMA, but `bma` is False"),
        ("LightGCN", {"bma": "yes"}, "`bma` is 'yes', expected True or False"),
        ("DRepMRec", {"bma": True}, "DRepMRec cannot carry BMA: it wears it already"),
        (
            "BPR+BMA",
            {"bma_gate": "open"},
            "`bma_gate` is 'open': input should be 'both', 'own', 'self'",
        ),
        ("BPR+BMA", {"bma_gat": "own"}, "no configuration key 'bma_gat'; did you mean 'bma_gate'"),
        (
            "BPR+BMA",
            {"train_neg_sample_args": None},
            "needs negatives, but `train_neg_sample_args`",
        ),
        ("BPR+BMA", {"embedding_size": "many"}, "`embedding_size` is 'many', expected a number"),
    ],
)
def test_wrong_keys_and_values(model: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(model, "ml-100k-mm", config_dict=values)


def test_a_host_without_negatives_gets_one_for_each_pair() -> None:
    """BM3 draws none for itself; BPR on the fused vectors takes one."""
    alone = Config("BM3", "ml-100k-mm")["train_neg_sample_args"]
    worn = Config("BM3+BMA", "ml-100k-mm")["train_neg_sample_args"]
    assert (alone["distribution"], worn["distribution"], worn["sample_num"]) == (
        "none",
        "uniform",
        1,
    )
    three = {"train_neg_sample_args": {"sample_num": 3}}
    given = Config("BM3+BMA", "ml-100k-mm", config_dict=three)["train_neg_sample_args"]
    assert (given["distribution"], given["sample_num"]) == ("uniform", 3)


def test_its_keys_without_it_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Config("LightGCN", "ml-100k-mm", config_dict={"bma_gate": "own"})
    assert "`bma_gate` has no effect on LightGCN without --bma=True." in caplog.messages


def test_it_is_no_property_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties" / "overall.yaml").write_text("bma: True\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"`bma` is True in a property file.*--model=LightGCN\+BMA"):
        Config("LightGCN", "ml-100k-mm")
    assert Config("LightGCN+BMA", "ml-100k-mm")["bma"] is True


def test_keys_are_those_of_drepmrec_with_its_defaults_before_lines_ranked_apart() -> None:
    """Those that the hosts' tables are of; most hosts are trained by BPR."""
    keys = read_yaml(PROPERTIES / "model" / "BMA.yaml")
    assert set(keys) == {f"bma_{key}" for key in BMASettings.model_fields}
    ours = read_yaml(PROPERTIES / "model" / "DRepMRec.yaml")
    ours |= {"ranking_loss": "bpr", "ranking_temperature": 0.2}
    ours |= {"fusion": "sum", "modal_scale": 1.0, "gate": "own"}
    assert {key: ours[key.removeprefix("bma_")] for key in keys} == keys


def test_the_search_space_is_one_of_valid_settings() -> None:
    for line in (PROPERTIES / "hyper" / "BMA.hyper").read_text().splitlines():
        key, _, choices = line.split(" ", 2)
        for value in literal(choices):
            Config("LightGCN+BMA", "ml-100k-mm", config_dict={key: value})


def test_simplex_encodes_the_users_of_a_batch_alone(make: Make) -> None:
    model = make("SimpleX+BMA").model.eval()
    everybody, some = model.vectors.read(), model.vectors.read(torch.tensor([7, 3, 7]))
    torch.testing.assert_close(some.users[[3, 7]], everybody.users[[3, 7]])
    assert some.users.abs().sum(1).nonzero().flatten().tolist() == [3, 7]
    torch.testing.assert_close(some.items, everybody.items)


def test_scores_are_dot_products_of_the_fused_vectors(make: Make) -> None:
    prepared = make("LightGCN+BMA")
    model = prepared.model.eval()
    users, items = model.host.forward()
    modal = model.modal_side().fused
    expected = (users + modal.users) @ (items + modal.items).T
    torch.testing.assert_close(all_scores(prepared), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", recbole_general_models())
def test_every_model_of_recbole_carries_it_or_says_why(make: Make, name: str) -> None:
    if name in CARRIERS:
        assert make(f"{name}+BMA", **SETTINGS.get(name, {})).config["bma"]
        return
    with pytest.raises(UserError, match=f"{name} cannot carry BMA: "):
        make(f"{name}+BMA")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name != "DRepMRec"])
def test_each_of_our_models_that_learns_vectors_carries_it(make: Make, name: str) -> None:
    if not issubclass(get_model(name), MultimodalRecommender):
        with pytest.raises(UserError, match=f"{name} cannot carry BMA: "):
            make(f"{name}+BMA")
        return
    assert np.isfinite(losses(make(f"{name}+BMA"), epochs=1)).all()
