"""Metrics without a loop over users are RecBole's, to 1e-12."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.evaluator import Collector, Evaluator
from recbole.evaluator.collector import DataStruct

from recbole_drepmrec import compat
from recbole_drepmrec.collector import TopCollector
from recbole_drepmrec.metrics import VECTORISED, VectorisedEvaluator

compat.install()

TOP = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP"]
BEYOND = ["ItemCoverage", "AveragePopularity", "GiniIndex", "ShannonEntropy", "TailPercentage"]
N_ITEMS = 12
CONFIG: dict[str, Any] = {
    "metrics": [*TOP, *BEYOND, "GAUC"],
    "topk": [1, 3, 5],
    "metric_decimal_place": 15,
    "eval_args": {"mode": {"valid": "full"}},
    "device": torch.device("cpu"),
    "tail_ratio": 0.3,
    "single_spec": True,
}


def data(collector: Any, seed: int, n_users: int) -> DataStruct:
    """Scores with ties of users in two batches, each with one to seven items to find."""
    random = np.random.default_rng(seed)
    collector.data_struct.set("data.num_items", N_ITEMS)
    collector.data_struct.set("data.count_items", {item: 1 + item % 4 for item in range(N_ITEMS)})
    for _ in range(2):
        scores = torch.tensor(random.integers(0, 30, (n_users, N_ITEMS)), dtype=torch.float32)
        scores += torch.rand(N_ITEMS, generator=torch.Generator().manual_seed(seed)) / 100
        scores[:, 0] = -torch.inf
        found = [1 + random.permutation(N_ITEMS - 1)[: random.integers(1, 8)] for _ in scores]
        rows = np.repeat(np.arange(n_users), list(map(len, found)))
        collector.eval_batch_collect(
            scores, None, torch.tensor(rows), torch.tensor(np.concatenate(found))
        )
    struct: DataStruct = collector.get_data_struct()
    return struct


class RecBoles(Collector):
    """RecBole's collector, whose end fails on the plain numbers of ItemCoverage."""

    def get_data_struct(self) -> DataStruct:
        """Return what was collected."""
        struct: DataStruct = self.data_struct
        return struct


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_users=st.integers(1, 9))
def test_evaluator_and_collector_are_recboles(seed: int, n_users: int) -> None:
    expected = Evaluator(CONFIG).evaluate(data(RecBoles(CONFIG), seed, n_users))
    found = VectorisedEvaluator(CONFIG).evaluate(data(TopCollector(CONFIG), seed, n_users))
    assert list(found) == list(expected)
    assert len(found) == 3 * (len(TOP) + len(BEYOND)) + 1
    for name, value in expected.items():
        assert abs(found[name] - value) <= 1e-12, name


def test_by_hand() -> None:
    """Of two items, one is at place 2; of one item, none is listed."""
    hits = np.array([[False, True, False], [False, False, False]])
    lengths = np.array([2, 1])
    by_base = {base: kind(CONFIG).metric_info for base, kind in VECTORISED.items()}
    found = {base.__name__: info for base, info in by_base.items()}
    assert found["MRR"](hits).tolist() == [[0, 0.5, 0.5], [0, 0, 0]]
    assert found["MAP"](hits, lengths).tolist() == [[0, 0.25, 0.25], [0, 0, 0]]
    gain = 1 / np.log2(3)
    best = 1 + gain
    assert found["NDCG"](hits, lengths)[0] == pytest.approx([0, gain / best, gain / best])


def test_an_evaluation_is_forgotten_after_it() -> None:
    collector = TopCollector(CONFIG)
    first = data(collector, 1, 3).get("rec.topk")
    assert torch.equal(data(collector, 1, 3).get("rec.topk"), first)
