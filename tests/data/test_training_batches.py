"""Batches and negatives by whole columns are RecBole's own, to the last one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data import data_preparation
from recbole.data.dataloader import (
    FullSortEvalDataLoader,
    KnowledgeBasedDataLoader,
    TrainDataLoader,
)
from recbole.sampler import RepeatableSampler
from recbole.utils import KGDataLoaderState, init_seed

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.loaders import loaders
from recbole_drepmrec.data.sampler import VectorisedSampler
from recbole_drepmrec.data.training_batches import ColumnLoader
from recbole_drepmrec.prepared import create_dataset
from tests.datasets import clustered

SEQUENCES = ["user_id", "item_id", "timestamp"]

KINDS: dict[str, dict[str, Any]] = {
    "one uniform": {},
    "three uniform": {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 3}},
    "popularity": {"train_neg_sample_args": {"distribution": "popularity", "sample_num": 2}},
    "alpha": {
        "train_neg_sample_args": {"distribution": "popularity", "sample_num": 2, "alpha": 0.5}
    },
    "none": {"model": "EASE"},
    "pointwise": {"model": "NeuMF"},
    "in order": {"shuffle": False},
}


def of_training(folder: Path, model: str = "BPR", **values: Any) -> tuple[Any, Any]:
    """Ours, and RecBole's own training loader."""
    lists = {"topk": [2], "valid_metric": "NDCG@2", "train_batch_size": 30}
    config = Config(model, config_dict={**clustered().write(folder), **lists, **values})
    made = []
    for split in (loaders, data_preparation):
        init_seed(7, True)
        made.append(split(config, create_dataset(config))[0])
    return made[0], made[1]


def two_epochs(train_data: Any) -> list[dict[str, list[float]]]:
    """All columns of the batches of two epochs, and what is drawn next."""
    np.random.seed(3)
    torch.manual_seed(3)
    train_data.generator.manual_seed(3)
    batches = [
        {name: column.tolist() for name, column in batch.interaction.items()}
        for _ in range(2)
        for batch in train_data
    ]
    left = torch.rand(1, generator=train_data.generator).tolist()
    return [*batches, {"generator": left, "numpy": [np.random.random()]}]


@pytest.mark.parametrize("kind", KINDS)
def test_two_epochs_are_those_of_recbole(tmp_path: Path, kind: str) -> None:
    ours, recbole = of_training(tmp_path, **KINDS[kind])
    assert type(recbole) is TrainDataLoader
    assert isinstance(ours, ColumnLoader)
    assert len(ours) == len(recbole) > 1
    assert two_epochs(ours) == two_epochs(recbole)


def test_negatives_are_uniform_over_what_a_user_has_not(tmp_path: Path) -> None:
    """Chi-squared of 400 draws an item for one user, its degrees of freedom and five deviations."""
    sampler = of_training(tmp_path)[0]._sampler
    assert isinstance(sampler, VectorisedSampler)
    users, items = sampler.own_items()
    user = int(np.bincount(users).argmax())
    others = sorted(set(range(1, sampler.item_num)) - set(items[users == user]))
    np.random.seed(0)
    drawn = sampler.sample_by_user_ids(np.full(len(others), user), None, 400)
    counts = np.bincount(drawn.numpy(), minlength=sampler.item_num)
    assert counts.sum() == counts[others].sum()
    degrees = len(others) - 1
    assert ((counts[others] - 400) ** 2 / 400).sum() < degrees + 5 * (2 * degrees) ** 0.5


@pytest.mark.parametrize("negatives", ["all", "trained"])
def test_batches_of_a_knowledge_graph_are_recboles(negatives: str) -> None:
    config = Config("CKE", "ml-100k", config_dict={"negatives": negatives, "state": "error"})
    batches = []
    for split in (loaders, data_preparation):
        init_seed(7, True)
        loader = split(config, create_dataset(config))[0]
        assert type(loader) is KnowledgeBasedDataLoader
        loader.set_mode(KGDataLoaderState.RSKG)
        batches.append({name: one.tolist() for name, one in next(iter(loader)).interaction.items()})
    ours, recboles = batches
    assert ours.keys() == recboles.keys() >= {"user_id", "head_id", "neg_tail_id"}
    drawn_alike = {name for name in ours if ours[name] == recboles[name]}
    if negatives == "all":
        assert drawn_alike == ours.keys()
    else:  # other items, drawn from a smaller number
        assert "neg_item_id" not in drawn_alike >= {"user_id", "item_id"}


def test_a_sequential_model_keeps_recboles_loaders() -> None:
    keys = {"train_neg_sample_args": None, "state": "error", "load_col": {"inter": SEQUENCES}}
    config = Config("SASRec", "ml-100k", config_dict=keys)
    made = loaders(config, create_dataset(config))
    assert type(made.valid) is type(made.test) is FullSortEvalDataLoader
    assert made.valid.is_sequential


def test_workers_keep_torchs_loader(tmp_path: Path) -> None:
    kept, _ = of_training(tmp_path, worker=1)
    assert type(kept) is TrainDataLoader
    assert isinstance(kept._sampler, VectorisedSampler)


def test_a_repeatable_sampler_keeps_its_rules(tmp_path: Path) -> None:
    kept, recbole = of_training(tmp_path, repeatable=True)
    assert type(kept._sampler) is type(recbole._sampler) is RepeatableSampler
