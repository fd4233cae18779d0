"""Protocols: what a preset sets, what wins over it, and ties."""

from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from recbole_drepmrec.protocol import not_improved_by_a_tie, split_arguments
from recbole_drepmrec.quick_start import load, run_recbole
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.trainer import trainer_class
from tests.datasets import clustered

MMREC = {
    "split_by": "fixed",
    "drop_cold_users": True,
    "mask_valid_in_test": False,
    "negatives": "trained",
    "epochs": 1000,
    "stopping_step": 20,
    "valid_metric": "Recall@20",
    "strict_improvement": True,
    "seed": 999,
    "learner": "adam",
    "learning_rate": 0.001,
    "train_batch_size": 2048,
    "embedding_size": 64,
}
RECBOLE = {
    "split_by": "recbole",
    "drop_cold_users": False,
    "mask_valid_in_test": True,
    "negatives": "all",
    "epochs": 300,
    "stopping_step": 10,
    "valid_metric": "MRR@10",
    "strict_improvement": False,
    "seed": 2020,
}


def config(model: str = "DRepMRec", **values: Any) -> Config:
    return Config(model, "ml-100k-mm", config_dict=values)


@pytest.mark.parametrize("model", ["DRepMRec", "LightGCN"])
def test_the_table_of_protocols(model: str) -> None:
    mmrec, recbole = config(model, protocol="mmrec"), config(model)
    own = {"learning_rate": 0.003} if model == "DRepMRec" else {}  # of its property file
    assert {key: mmrec[key] for key in MMREC} == MMREC | own
    assert {key: recbole[key] for key in RECBOLE} == RECBOLE
    assert resolved(config(model, protocol="recbole")) == resolved(recbole)


def test_what_the_user_gives_wins_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("protocol: mmrec\nseed: 1\nnegatives: all\n")
    settings = Config("DRepMRec", "ml-100k-mm", [str(file)], {"epochs": 5})
    assert (settings["seed"], settings["negatives"], settings["epochs"]) == (1, "all", 5)
    assert settings["stopping_step"] == 20


def test_the_preset_wins_over_property_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "properties/dataset").mkdir(parents=True)
    (tmp_path / "properties/dataset/mine.yaml").write_text("modalities: {a: }\nepochs: 7\n")
    monkeypatch.chdir(tmp_path)
    assert Config("DRepMRec", "mine")["epochs"] == 7
    assert Config("DRepMRec", "mine", config_dict={"protocol": "mmrec"})["epochs"] == 1000


def test_a_data_set_may_have_its_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "properties/dataset").mkdir(parents=True)
    (tmp_path / "properties/dataset/mine.yaml").write_text("modalities: {a: }\nprotocol: mmrec\n")
    monkeypatch.chdir(tmp_path)
    assert Config("DRepMRec", "mine")["seed"] == 999
    assert Config("DRepMRec", "mine", config_dict={"protocol": "recbole"})["seed"] == 2020


@pytest.mark.parametrize("kind", ["random", "user_time", "leave_one_out"])
def test_split_by_is_written_into_eval_args(kind: str) -> None:
    settings = config(split_by=kind, split_ratios=[0.6, 0.2, 0.2])
    expected = split_arguments(kind, [0.6, 0.2, 0.2])
    assert expected.items() <= settings["eval_args"].items()
    assert settings["eval_args"]["mode"] == {"valid": "full", "test": "full"}
    assert resolved(Config(config_dict=resolved(settings))) == resolved(settings)


@pytest.mark.parametrize("values", [{}, {"split_by": "global_time"}, {"cold_items": 0.1}])
def test_a_resolved_protocol_gives_itself_again(values: dict[str, Any]) -> None:
    first = config(protocol="mmrec", **values)
    assert resolved(Config(config_dict=resolved(first))) == resolved(first)


def test_a_split_in_eval_args_wins_over_the_preset() -> None:
    split = {"split": {"RS": [0.7, 0.1, 0.2]}}
    settings = config(protocol="mmrec", eval_args=split)
    assert settings["split_by"] == "recbole"
    assert settings["eval_args"]["split"] == split["split"]
    assert settings["negatives"] == "trained"
    assert config(protocol="mmrec", eval_args={"mode": "full"})["split_by"] == "fixed"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"protocol": "mmrek"}, "`protocol` is 'mmrek', expected one of recbole, mmrec"),
        ({"protocol": ["mmrec"]}, "`protocol` is ['mmrec'], expected one of recbole, mmrec"),
        ({"negatives": "some"}, "`negatives` is 'some': input should be 'all' or 'trained'"),
        ({"mask_valid_in_test": "no"}, "`mask_valid_in_test` is 'no'"),
        ({"strict_improvement": 1}, "`strict_improvement` is 1, expected True or False"),
        ({"valid_metric": "Recall@7"}, "`valid_metric` is 'Recall@7', expected one of recall@10"),
        ({"valid_metric": "MAP@10"}, "`valid_metric` is 'MAP@10', expected one of recall@10"),
        ({"protocol": "mmrec", "topk": [10]}, "`valid_metric` is 'Recall@20'"),
        (
            {"split_by": "random", "eval_args": {"split": {"LS": "test_only"}}},
            "`split_by` is 'random', which means eval_args",
        ),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        config(**values)
    assert message in str(caught.value)


def test_split_by_of_a_sequential_model_is_refused() -> None:
    from recbole_drepmrec.prepared import create_dataset

    settings = {"split_by": "fixed", "train_neg_sample_args": None}
    with pytest.raises(UserError, match="set --split_by=recbole"):
        create_dataset(Config("GRU4Rec", "ml-100k", config_dict=settings))


@pytest.mark.parametrize(
    ("score", "bigger", "improves"),
    [(0.5, True, False), (0.6, True, True), (0.4, True, False), (0.5, False, False)],
)
def test_a_tie_is_no_improvement(score: float, bigger: bool, improves: bool) -> None:
    """RecBole's rule is score >= best, or <= where less is better."""
    new = not_improved_by_a_tie(score, 0.5, bigger)
    assert (new >= 0.5 if bigger else new <= 0.5) == improves
    assert new == pytest.approx(score)


@pytest.mark.parametrize(("strict", "best_epoch", "n_epochs"), [(True, 1, 4), (False, 3, 6)])
def test_epochs_of_equal_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool, best_epoch: int, n_epochs: int
) -> None:
    """Scores 1 2 2 2 1 1 1 ...: the first or the last 2 is kept; patience 1 stops at the second."""
    values = {
        **clustered().write(tmp_path),
        "strict_improvement": strict,
        "stopping_step": 1,
        "epochs": 9,
    }
    run = prepare(Config("BPR", config_dict=values))
    folder = RunFolder.create(tmp_path / "saved", "BPR", "tiny")
    trainer = trainer_class(run.config["MODEL_TYPE"], "BPR")(run.config, run.model, folder)
    scores = iter([1, 2, 2, 2, 1, 1, 1, 1, 1])
    base = trainer_class(run.config["MODEL_TYPE"], "BPR").__mro__[2]
    monkeypatch.setattr(base, "_valid_epoch", lambda *_: (next(scores), {}))
    kept = []
    monkeypatch.setattr(trainer, "_save_checkpoint", lambda epoch, **_: kept.append(epoch))
    best, _ = trainer.fit(run.train_data, run.valid_data, show_progress=False)
    assert best == 2
    assert kept[-1] == best_epoch
    assert 9 - len(list(scores)) == n_epochs


def test_a_whole_run(tmp_path: Path) -> None:
    values = {**clustered().write(tmp_path), "protocol": "mmrec", "epochs": 2, "topk": [5, 20]}
    del values["metrics"], values["valid_metric"]
    result = run_recbole("DRepMRec", config_dict=values)
    assert {"recall@20", "map@5"} <= set(result.test_result)
    again = load(result.run)
    assert again.config["protocol"] == "mmrec"
    assert again.config["negatives"] == "trained"


def test_longer_lists_than_there_are_items(tmp_path: Path) -> None:
    values = {**clustered().write(tmp_path), "topk": [5, 49]}
    with pytest.raises(UserError, match=r"`topk` is \[5, 49\], but the data set has 48 items"):
        prepare(Config("BPR", config_dict=values))
