"""A trained run whose data set is gone."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from recbole.utils.case_study import full_sort_topk

from recbole_drepmrec.quick_start import load, run_recbole
from tests.datasets import clustered
from tests.model.contract import all_scores


class Trained(NamedTuple):
    """A run, and what its model said before the data set was removed.

    ``scores`` are of users [U] and items [I] in the order of ``users`` and ``items``; ``top`` are
    the five best items of each of ``test_users``, by RecBole's own ranking of the test data.
    """

    run: Path
    users: list[str]
    items: list[str]
    scores: Any
    test_users: list[str]
    top: list[list[str]]


def train(folder: Path, model: str, **values: Any) -> Trained:
    settings = clustered().write(folder / "dataset")
    items = [f'i{n}\tThe {n}th, or "so"' for n in range(48)]
    table = folder / "dataset" / "tiny" / "tiny.item"
    table.write_text("\n".join(["item_id:token\ttitle:token_seq", *items]) + "\n")
    settings |= {"epochs": 15, "learning_rate": 0.01, **values}
    result = run_recbole(model, config_dict=settings)
    loaded = load(result.run)
    data = loaded.dataset
    test = loaded.test_data._dataset
    users = np.unique(test.inter_feat["user_id"].numpy())
    _, top = full_sort_topk(users, loaded.model, loaded.test_data, 5, loaded.config["device"])
    run = folder / "moved" / "run"
    shutil.copytree(result.run, run)
    shutil.rmtree(folder / "dataset")
    return Trained(
        run,
        data.field2id_token["user_id"][1:].tolist(),
        data.field2id_token["item_id"][1:].tolist(),
        all_scores(loaded)[1:, 1:].numpy(),
        data.field2id_token["user_id"][users].tolist(),
        data.field2id_token["item_id"][top.numpy()].tolist(),
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"), "DRepMRec")


@pytest.fixture(scope="session")
def popular(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("popular"), "Pop")
