"""Loaders of all kinds of RecBole's models: the batches that RecBole's own preparation makes."""

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data import data_preparation
from recbole.data.dataloader import KnowledgeBasedDataLoader
from recbole.utils import InputType, KGDataLoaderState

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.loaders import LABEL_READERS, loaders
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import DatasetFiles, clustered, items_by_user, known_by_features

KNOWLEDGE = {
    "kg": ["head_id", "relation_id", "tail_id"],
    "link": ["item_id", "entity_id"],
}


def with_knowledge(folder: Path, files: DatasetFiles | None = None) -> dict[str, Any]:
    """A small data set whose items are of four makers, and its settings."""
    files = files or clustered()
    values = files.write(folder)
    items = range(len(files.features["text"][0]))
    triples = [f"e{item}\tmade_by\tm{item % 4}" for item in items]
    links = [f"i{item}\te{item}" for item in items]
    for suffix, rows in (("kg", triples), ("link", links)):
        head = "\t".join(f"{name}:token" for name in KNOWLEDGE[suffix])
        (folder / "tiny" / f"tiny.{suffix}").write_text("\n".join([head, *rows]) + "\n")
    return {**values, "load_col": {**values["load_col"], **KNOWLEDGE}}


def with_times(folder: Path) -> dict[str, Any]:
    """A small data set whose interactions have an order in time, and its settings."""
    files = clustered()
    values = files.write(folder)
    pairs = [*files.train, *files.valid, *files.test]
    lines = [f"{user}\t{item}\t{time}" for time, (user, item) in enumerate(pairs)]
    head = "user_id:token\titem_id:token\ttimestamp:float"
    (folder / "tiny" / "tiny.inter").write_text("\n".join([head, *lines]) + "\n")
    return {
        **{key: values[key] for key in values if key not in ("benchmark_filename", "modalities")},
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "train_neg_sample_args": None,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO"},
    }


def with_labels(folder: Path) -> dict[str, Any]:
    """A small data set whose interactions are liked or not, and the settings to measure AUC."""
    files = clustered()
    values = files.write(folder)
    for part, pairs in (("train", files.train), ("valid", files.valid), ("test", files.test)):
        lines = [f"{user}\t{item}\t{row % 2}" for row, (user, item) in enumerate(pairs)]
        head = "user_id:token\titem_id:token\tlabel:float"
        (folder / "tiny" / f"tiny.{part}.inter").write_text("\n".join([head, *lines]) + "\n")
    return {
        **values,
        "load_col": {"inter": ["user_id", "item_id", "label"]},
        "metrics": ["AUC"],
        "valid_metric": "AUC",
        "eval_args": {"mode": "labeled"},
    }


def columns(loader: Any) -> list[dict[str, list[Any]]]:
    """Every batch of an epoch, column by column; of an evaluation with what is masked and found."""
    if isinstance(loader, KnowledgeBasedDataLoader):
        loader.set_mode(KGDataLoaderState.RSKG)  # interactions and triples
    torch.manual_seed(4)
    np.random.seed(4)
    return [_columns(batch) for batch in loader]


def _columns(batch: Any) -> dict[str, list[Any]]:
    if not isinstance(batch, tuple):
        return {name: column.tolist() for name, column in batch.interaction.items()}
    frame, more, *found = (
        part.tolist() if isinstance(part, torch.Tensor) else part for part in batch
    )
    if isinstance(more, tuple):
        more = sorted(zip(*(part.tolist() for part in more), strict=True))
    return {
        **_columns(frame),
        "masked": more or [],  # or, of a sampled ranking, where each user's rows are
        "found": sorted(zip(*(part or [] for part in found), strict=True)),
    }


@pytest.mark.parametrize(
    ("model", "write", "more"),
    [
        ("CKE", with_knowledge, {}),
        ("KGAT", with_knowledge, {"eval_args": {"mode": "uni20"}}),
        ("SASRec", with_times, {}),
        ("MultiVAE", with_knowledge, {"train_neg_sample_args": None}),
        ("BPR", with_labels, {}),
    ],
)
def test_batches_are_those_of_recbole(
    tmp_path: Path, model: str, write: Any, more: Mapping[str, Any]
) -> None:
    config = Config(model, config_dict={**write(tmp_path), **more})
    torch.manual_seed(1)
    ours = loaders(config, create_dataset(config))
    torch.manual_seed(1)
    recboles = data_preparation(config, create_dataset(config))
    for mine, recbole in zip(ours, recboles, strict=True):
        found, expected = columns(mine), columns(recbole)
        assert expected
        assert [batch.keys() for batch in found] == [batch.keys() for batch in expected]
        assert found == expected


def test_labels_that_are_not_there_cannot_be_measured(tmp_path: Path) -> None:
    values = {**with_labels(tmp_path), "load_col": {"inter": ["user_id", "item_id"]}}
    config = Config("BPR", config_dict=values)
    with pytest.raises(UserError, match="mode 'labeled', but the interactions have no column"):
        loaders(config, create_dataset(config))


@pytest.mark.parametrize("model", ["NeuMF", "FM"])
def test_a_model_that_learns_labels_needs_some(tmp_path: Path, model: str) -> None:
    values = {**with_labels(tmp_path), "train_neg_sample_args": None}
    config = Config(model, config_dict=values)
    batch = next(iter(loaders(config, create_dataset(config)).train))
    assert set(batch["label"].tolist()) == {0, 1}
    without = {**values, "load_col": {"inter": ["user_id", "item_id"]}, "metrics": ["Recall"]}
    without |= {"valid_metric": "Recall@5", "eval_args": {"mode": "full"}}
    config = Config(model, config_dict=without)
    with pytest.raises(UserError, match=f"{model} learns labels, but .* no column 'label'; load"):
        loaders(config, create_dataset(config))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("NeuMF", {}),
        ("ENMF", {"train_neg_sample_args": None}),
        ("NCEPLRec", {"train_neg_sample_args": None}),
    ],
)
def test_labels_of_negatives_and_of_whole_rows_are_nobodys_column(
    tmp_path: Path, model: str, values: dict[str, Any]
) -> None:
    config = Config(model, config_dict={**clustered().write(tmp_path), **values})
    assert len(loaders(config, create_dataset(config)).train) > 0


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ({"rating": 4}, "the data set 'tiny' cannot be read: Field [rating] not in inter_feat."),
        ({"label": 1, "rating": 4}, "the data set 'tiny' cannot be read: Threshold length"),
    ],
)
def test_labels_that_cannot_be_made_are_one_message(
    tmp_path: Path, threshold: Any, message: str
) -> None:
    config = Config("BPR", config_dict={**with_labels(tmp_path), "threshold": threshold})
    with pytest.raises(UserError) as caught:
        create_dataset(config)
    assert str(caught.value).startswith(message)


def test_the_models_that_read_labels_are_known() -> None:
    """Those of RecBole whose code knows the word, among those that learn single interactions."""
    found = set()
    for kind in ("general", "sequential", "knowledge_aware"):
        package = importlib.import_module(f"recbole.model.{kind}_recommender")
        for model in vars(package).values():
            single = getattr(model, "input_type", None) == InputType.POINTWISE
            if single and "label" in inspect.getsource(model).lower():
                found.add(model.__name__)
    assert found == LABEL_READERS


@pytest.mark.parametrize("model", ["DIN", "RippleNet"])
def test_models_of_other_kinds_need_labels_too(tmp_path: Path, model: str) -> None:
    values = with_times(tmp_path) if model == "DIN" else with_knowledge(tmp_path)
    config = Config(model, config_dict={**values, "train_neg_sample_args": None})
    with pytest.raises(UserError, match=f"{model} learns labels, but"):
        loaders(config, create_dataset(config))


@pytest.mark.parametrize(
    "columns",
    [
        {"load_col": {"inter": ["user_id", "item_id"]}},
        {"load_col": None, "unload_col": {"inter": ["timestamp"]}},
        {"unused_col": {"inter": ["timestamp"]}},
        {"load_col": {"inter": ["user_id", "item_id"]}, "unused_col": {"inter": ["timestamp"]}},
    ],
)
def test_a_split_in_order_of_time_loads_the_times_for_itself(
    tmp_path: Path, columns: dict[str, Any]
) -> None:
    config = Config("Pop", config_dict={**with_times(tmp_path), **columns})
    parts = loaders(config, create_dataset(config))
    tested = parts.test.dataset
    users, items = (
        tested.id2token(field, tested.inter_feat[field].numpy()).tolist()
        for field in ("user_id", "item_id")
    )
    # clustered() has an interaction a user for test, and with_times puts these last
    assert sorted(zip(users, items, strict=True)) == sorted(clustered().test)
    assert "timestamp" not in parts.train.dataset.inter_feat


def test_a_sequential_model_keeps_the_times(tmp_path: Path) -> None:
    values = {**with_times(tmp_path), "load_col": {"inter": ["user_id", "item_id"]}}
    config = Config("SASRec", config_dict=values)
    assert "timestamp" in loaders(config, create_dataset(config)).train.dataset.inter_feat


@pytest.mark.parametrize(("model", "cure"), [("SASRec", None), ("Pop", "RO")])
def test_a_split_in_order_of_time_needs_times(tmp_path: Path, model: str, cure: str | None) -> None:
    values = {**with_times(tmp_path), "TIME_FIELD": "when"}
    config = Config(model, config_dict=values)
    with pytest.raises(UserError, match="is 'TO', which needs the column 'when'") as caught:
        loaders(config, create_dataset(config))
    assert (f"set another order, '{cure}'" in str(caught.value)) == (cure is not None)
    if cure is not None:
        values["eval_args"] = {**values["eval_args"], "order": cure}
        config = Config(model, config_dict=values)
        assert len(loaders(config, create_dataset(config)).train) > 0


def test_what_recbole_refuses_to_split_is_one_message(tmp_path: Path) -> None:
    values = {**with_times(tmp_path), "eval_args": {"split": {"LS": "valid_and_test"}}}
    config = Config("SASRec", config_dict=values)
    with pytest.raises(UserError, match="'tiny' cannot be split: The ordering args .* 'TO'"):
        loaders(config, create_dataset(config))


def test_a_fault_of_our_own_is_no_mistake_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: Any) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("recbole_drepmrec.data.loaders.in_columns", faulty)
    config = Config("BPR", config_dict=clustered().write(tmp_path))
    with pytest.raises(ValueError, match="ours"):
        loaders(config, create_dataset(config))


def test_files_of_parts_need_no_times(tmp_path: Path) -> None:
    values = {**clustered().write(tmp_path), "eval_args": {"order": "TO"}}
    config = Config("Pop", config_dict=values)
    assert len(loaders(config, create_dataset(config)).train.dataset) == 360


def test_negatives_of_a_knowledge_model_are_trained_items(tmp_path: Path) -> None:
    values = with_knowledge(tmp_path, known_by_features())  # half of the items are cold
    config = Config("CKE", config_dict={**values, "negatives": "trained"})
    train = loaders(config, create_dataset(config)).train
    taken = items_by_user(train.general_dataloader.dataset)
    drawn = [
        pair
        for batch in columns(train)
        for pair in zip(batch["user_id"], batch["neg_item_id"], strict=True)
    ]
    trained = set.union(*taken.values())
    assert len(trained) == 40 < train.general_dataloader.dataset.item_num - 1
    assert {item for _, item in drawn} <= trained
    assert not any(item in taken[user] for user, item in drawn)


def test_nothing_is_masked_where_users_take_items_again(tmp_path: Path) -> None:
    """Whether validation items would be left out has no say then."""
    values = {**clustered().write(tmp_path), "repeatable": True, "mask_valid_in_test": False}
    config = Config("BPR", config_dict=values)
    made = loaders(config, create_dataset(config))
    for loader in (made.valid, made.test):
        assert all(batch["masked"] == [] and batch["found"] for batch in columns(loader))
