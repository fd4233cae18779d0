"""Batches that are made on a device: RecBole's order, negatives of the same distribution.

The device is the CPU here: what is made on it is the same, and only where it lies is not seen.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recbole.utils import init_seed

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.device_batches import DeviceLoader, OtherItems, can_move, on_device
from recbole_drepmrec.data.training_batches import ColumnLoader
from recbole_drepmrec.prepared import Prepared, prepare
from tests.datasets import DatasetFiles, clustered, items_by_user, known_by_features
from tests.waits import Waits

CPU = torch.device("cpu")


class Owned:
    """Stands for a sampler of some candidates, whose users own some of them."""

    def __init__(self, candidates: list[int], own: list[set[int]]) -> None:
        self.candidates = np.array(candidates)
        self.user_num = len(own)
        pairs = [(user, item) for user, items in enumerate(own) for item in sorted(items)]
        self._pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def own_items(self) -> tuple[Any, Any]:
        return self._pairs[:, 0].copy(), self._pairs[:, 1].copy()


def prepared(folder: Path, files: DatasetFiles | None = None, **values: Any) -> Prepared:
    lists = {"topk": [2], "valid_metric": "NDCG@2", "train_batch_size": 30}
    model = values.pop("model", "BPR")
    written = (files or clustered()).write(folder)
    return prepare(Config(model, config_dict={**written, **lists, **values}))


@given(st.data())
def test_each_other_item_is_drawn_and_no_own_one(data: st.DataObject) -> None:
    """With every r in turn instead of a drawn one, the others come once each, in order."""
    candidates = sorted(data.draw(st.sets(st.integers(1, 40), min_size=1)))
    some = st.sets(st.sampled_from(candidates), max_size=len(candidates) - 1)
    own = data.draw(st.lists(some, min_size=1, max_size=4))
    others = OtherItems(Owned(candidates, own), CPU)  # type: ignore[arg-type]
    for user, owned in enumerate(own):
        expected = [item for item in candidates if item not in owned]
        with pytest.MonkeyPatch.context() as patch:
            middle = (torch.arange(len(expected), dtype=torch.float64) + 0.5) / len(expected)
            patch.setattr(torch, "rand", lambda *_, middle=middle, **__: middle)
            drawn = others.draw(torch.full((len(expected),), user), 1)
        assert drawn.tolist() == expected


@pytest.mark.parametrize("count", [2, 3, 4, 5, 1023, 1024])
def test_the_highest_draw_is_the_last_item(count: int) -> None:
    """In float32 the product would round up to the number of others, where none is."""
    others = OtherItems(Owned(list(range(1, count + 2)), [{1}]), CPU)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        highest = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
        patch.setattr(torch, "rand", lambda *_, dtype, **__: highest.to(dtype))
        assert others.draw(torch.tensor([0]), 1).tolist() == [count + 1]


def test_draws_are_uniform(tmp_path: Path) -> None:
    """Chi-squared of 400 draws an item for one user, its degrees of freedom and five deviations."""
    sampler = prepared(tmp_path).train_data._sampler
    users, items = sampler.own_items()
    user = int(np.bincount(users).argmax())
    expected = sorted(set(range(1, sampler.item_num)) - set(items[users == user]))
    torch.manual_seed(0)
    drawn = OtherItems(sampler, CPU).draw(torch.full((len(expected),), user), 400)
    counts = np.bincount(drawn.numpy(), minlength=sampler.item_num)
    assert counts.sum() == counts[expected].sum()
    degrees = len(expected) - 1
    assert ((counts[expected] - 400) ** 2 / 400).sum() < degrees + 5 * (2 * degrees) ** 0.5


def batches(loader: Any) -> list[dict[str, list[float]]]:
    loader.generator.manual_seed(3)
    return [{name: c.tolist() for name, c in one.interaction.items()} for one in loader]


@pytest.mark.parametrize("model", ["BPR", "NeuMF"])
@pytest.mark.parametrize("count", [1, 3])
def test_all_but_the_negatives_is_as_on_the_host(tmp_path: Path, model: str, count: int) -> None:
    arguments = {"distribution": "uniform", "sample_num": count}
    run = prepared(tmp_path, model=model, train_neg_sample_args=arguments)
    ours = batches(DeviceLoader(run.train_data, CPU))
    own = items_by_user(run.train_data._dataset)
    for batch, expected in zip(ours, batches(run.train_data), strict=True):
        assert batch.keys() == expected.keys()
        positive = np.array(batch.get("label", np.ones(len(batch["item_id"])))) == 1
        for name in batch:
            if name == "item_id":
                kept = np.array(batch[name])[positive]
                assert kept.tolist() == np.array(expected[name])[positive].tolist()
            elif name != "neg_item_id":
                assert batch[name] == expected[name]
        negatives = batch.get("neg_item_id") or np.array(batch["item_id"])[~positive]
        users = np.array(batch["user_id"])[-len(negatives) :]
        assert not any(item in own[user] for user, item in zip(users, negatives, strict=True))


def test_trained_items_only(tmp_path: Path) -> None:
    run = prepared(tmp_path, known_by_features(), negatives="trained")
    own = items_by_user(run.train_data._dataset)
    loader = DeviceLoader(run.train_data, CPU)
    found = {
        pair
        for _ in range(30)
        for batch in loader
        for pair in zip(batch["user_id"].tolist(), batch["neg_item_id"].tolist(), strict=True)
    }
    assert {item for _, item in found} == set.union(*own.values())
    assert not any(item in own[user] for user, item in found)


def test_a_batch_is_made_without_waiting(tmp_path: Path) -> None:
    loader = iter(DeviceLoader(prepared(tmp_path).train_data, CPU))
    next(loader)  # with the order of the epoch
    with Waits() as waits:
        batch = next(loader)
    assert len(batch) == 30
    assert not waits.found, waits.found


def test_a_model_learns_from_them(tmp_path: Path) -> None:
    """The loss falls as it does with negatives that are drawn on the host."""
    left = []
    for on_host in (True, False):
        run = prepared(tmp_path / str(on_host), model="DRepMRec", learning_rate=0.01)
        loader = run.train_data if on_host else DeviceLoader(run.train_data, CPU)
        optimizer = torch.optim.Adam(run.model.parameters(), lr=0.01)
        losses = []
        for batch in (batch for _ in range(20) for batch in loader):
            optimizer.zero_grad()
            loss = run.model.calculate_loss(batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        left.append(np.mean(losses[-10:]) / losses[0])
    assert left[0] < 0.9
    assert left[1] == pytest.approx(left[0], rel=0.1)


@pytest.mark.parametrize(
    ("values", "movable"),
    [
        ({}, True),
        ({"negatives": "trained"}, True),
        ({"train_neg_sample_args": {"distribution": "popularity", "sample_num": 1}}, False),
        ({"model": "MultiVAE", "train_neg_sample_args": None}, False),
        (
            {
                "train_neg_sample_args": {
                    "distribution": "uniform",
                    "sample_num": 1,
                    "dynamic": True,
                    "candidate_num": 2,
                }
            },
            False,
        ),
    ],
)
def test_what_can_be_made_on_a_device(
    tmp_path: Path, values: dict[str, Any], movable: bool
) -> None:
    loader = prepared(tmp_path, **values).train_data
    assert can_move(loader) is movable


def test_on_a_cpu_the_loader_stays(tmp_path: Path) -> None:
    run = prepared(tmp_path, use_gpu=False)
    assert type(run.train_data) is ColumnLoader
    assert on_device(run.config, run.train_data) is run.train_data


@pytest.mark.parametrize("kind", ["user_feat", "item_feat"])
def test_columns_that_are_joined_stay_on_the_host(tmp_path: Path, kind: str) -> None:
    loader = prepared(tmp_path).train_data
    setattr(loader._dataset, kind, object())
    assert not can_move(loader)


@pytest.mark.gpu
@pytest.mark.parametrize("model", ["BPR", "NeuMF"])
def test_on_a_gpu_batches_are_there(tmp_path: Path, model: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    init_seed(1, True)
    run = prepared(tmp_path, model=model)
    assert isinstance(run.train_data, DeviceLoader)
    for batch in run.train_data:
        assert {column.device.type for column in batch.interaction.values()} == {"cuda"}
