"""Ranks all items for all test users once, and measures the lists by RecBole's own metrics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.evaluator.base_metric import TopkMetric
from recbole.evaluator.collector import DataStruct
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils.case_study import full_sort_topk

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.metrics import metric_class
from recbole_drepmrec.prepared import LARGEST_SCORE_BLOCK, Prepared

ALWAYS = ("recall", "ndcg")
"""Metrics of each user that a comparison has, whatever ``metrics`` says."""

BEYOND = ("itemcoverage", "giniindex", "shannonentropy", "averagepopularity", "tailpercentage")
"""RecBole's metrics of what is recommended, rather than how well."""

MOST_USERS = 512


@dataclass(frozen=True)
class Rankings:
    """The test lists of U users, by RecBole's internal ids.

    Attributes:
        users: The users, shape [U].
        items: The K items ranked first, best first, shape [U, K].
        allowed: Whether an item may be recommended: not one that the user had, shape [U, K].
        hits: Whether it is among the user's test items, shape [U, K].
        n_relevant: Number of the user's test items, shape [U].
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    hits: NDArray[np.bool_]
    n_relevant: NDArray[np.int64]


def rank_test(prepared: Prepared) -> Rankings:
    """Rank all items for each test user, as the test of a run does.

    Args:
        prepared: A trained model with its data; ranking is full.

    Raises:
        UserError: The model gives scores that are no numbers.
    """
    test, k = prepared.test_data, max(prepared.config["topk"])
    users = test.uid_list.numpy()
    step = _users_at_a_time(prepared)
    blocks = [
        _top(prepared, users[start : start + step], k) for start in range(0, len(users), step)
    ]
    scores = np.concatenate([block[0] for block in blocks])
    items = np.concatenate([block[1] for block in blocks])
    if np.isnan(scores).any():
        raise UserError(
            f"{prepared.config['model']} gives scores that are no numbers; lower --learning_rate."
        )
    n_items = prepared.dataset.item_num
    relevant = np.concatenate(
        [test.uid2positive_item[user].numpy() + row * n_items for row, user in enumerate(users)]
    )
    hits = np.isin(items + np.arange(len(users))[:, None] * n_items, relevant)
    return Rankings(users, items, np.isfinite(scores), hits, test.uid2items_num[users])


def _top(prepared: Prepared, users: NDArray[np.int64], k: int) -> tuple[Any, Any]:
    device = prepared.config["device"]
    scores, items = full_sort_topk(users, prepared.model, prepared.test_data, k, device)
    return scores.cpu().numpy(), items.cpu().numpy()


def _users_at_a_time(prepared: Prepared) -> int:
    """Few for a model that scores pair by pair, which takes memory for each pair's vectors."""
    if type(prepared.model).full_sort_predict is AbstractRecommender.full_sort_predict:
        return int(prepared.test_data.step)
    return min(MOST_USERS, max(1, LARGEST_SCORE_BLOCK // int(prepared.dataset.item_num)))


def user_metrics(rankings: Rankings, config: Any) -> dict[str, NDArray[np.float64]]:
    """Each top-k metric for each user: those of ``metrics``, recall and NDCG.

    Args:
        rankings: The lists.
        config: Names the metrics and the k.

    Returns:
        Metric, such as ``recall@10``, to values, shape [U].
    """
    data = DataStruct()
    lists = np.column_stack([rankings.hits.astype(np.int64), rankings.n_relevant])
    data.set("rec.topk", torch.from_numpy(lists))
    names = dict.fromkeys([*ALWAYS, *map(str.lower, config["metrics"])])
    metrics = [metric_class(name)(config) for name in names]
    values: dict[str, NDArray[np.float64]] = {}
    for metric in (metric for metric in metrics if isinstance(metric, TopkMetric)):
        # RecBole's own takes the mean over users here, and rounds it.
        metric.topk_result = _of_each_user(config["topk"])
        values |= metric.calculate_metric(data)
    return values


def _of_each_user(topk: list[int]) -> Any:
    def pick(metric: str, values: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        return {f"{metric}@{k}": values[:, k - 1].astype(np.float64) for k in topk}

    return pick


def beyond_accuracy(rankings: Rankings, config: Any, train: Any) -> dict[str, float]:
    """RecBole's coverage, Gini, entropy, popularity and tail metrics of the lists.

    Args:
        rankings: The lists.
        config: Names the k, the decimals and ``tail_ratio``.
        train: The training split, whose interactions say what is popular.
    """
    data = DataStruct()
    data.set("rec.items", torch.from_numpy(rankings.items))
    data.set("data.num_items", train.item_num)
    data.set("data.count_items", train.item_counter)
    values: dict[str, float] = {}
    for name in BEYOND:
        found = metric_class(name)(config).calculate_metric(data)
        values |= {key: float(value) for key, value in found.items()}
    return values
