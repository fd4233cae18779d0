"""Strata and the recall within them, worked out by hand on three users and six items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_drepmrec.evaluation.breakdown import (
    Stratum,
    activity,
    hits,
    popularity,
    recall_within,
    strata,
)
from tests.evaluation.splits import three_users


def test_strata_of_three_users() -> None:
    found = {(s.group, s.name): s for s in strata(three_users())}
    items = {name: np.flatnonzero(s.items).tolist() for name, s in found.items()}
    assert items["popularity", "head"] == [0]  # its 6 of 12 begin before the first third ends
    assert items["popularity", "mid"] == [1, 2]  # begin at 6 of 12, before two thirds
    assert items["popularity", "tail"] == [3, 4]
    assert items["popularity", "cold"] == [5]
    assert items["image", "with"] == [0, 1, 2, 3]
    assert items["image", "without"] == [4, 5]
    assert not any(group == "text" for group, _ in found)  # nobody lacks it
    users = {
        name: np.flatnonzero(s.users).tolist() for (g, name), s in found.items() if g == "activity"
    }
    assert users == {"low": [0], "mid": [1], "high": [2]}


def test_shares_and_test_pairs() -> None:
    split = three_users()
    found = {(s.group, s.name): s for s in strata(split)}
    shares = [found["popularity", name].train_share(split) for name in ("head", "mid", "tail")]
    assert shares == pytest.approx([6 / 12, 4 / 12, 2 / 12])
    pairs = {name: s.n_relevant(split) for (_, name), s in found.items()}
    assert pairs["head"] == 2
    assert pairs["cold"] == 2
    assert pairs["low"] == 2
    assert pairs["mid"] == 3  # of activity: bob's three
    assert found["popularity", "mid"].n_relevant(split) == 1


def test_recall_within_by_hand() -> None:
    """Ann finds 0 of {0, 1}, bob 4 and 5 of {0, 4, 5}, cem nothing of {5}."""
    split = three_users()
    top = np.array([[0, 2], [4, 5], [4, -1]], dtype=np.int32)
    recalls = {(s.group, s.name): recall_within(hits(top, split), split, s) for s in strata(split)}
    assert recalls["popularity", "head"] == pytest.approx((1 + 0) / 2)  # ann, bob
    assert recalls["popularity", "mid"] == 0  # ann's item 1
    assert recalls["popularity", "tail"] == 1  # bob's item 4
    assert recalls["popularity", "cold"] == pytest.approx((1 + 0) / 2)  # bob, cem
    assert recalls["activity", "low"] == pytest.approx(1 / 2)
    assert recalls["activity", "mid"] == pytest.approx(2 / 3)
    assert recalls["activity", "high"] == 0
    assert recalls["image", "with"] == pytest.approx((1 / 2 + 0) / 2)  # ann, bob
    assert recalls["image", "without"] == pytest.approx((2 / 2 + 0) / 2)  # bob, cem


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30).filter(any))
def test_every_item_is_in_one_stratum_of_popularity(given_counts: list[int]) -> None:
    counts = np.array(given_counts)
    parts = popularity(counts)
    assert (np.sum(list(parts.values()), axis=0) == 1).all()
    assert counts[parts["head"]].sum() >= counts.sum() / 3
    for more, less in (("head", "mid"), ("mid", "tail"), ("head", "tail")):
        if parts[more].any() and parts[less].any():
            assert counts[parts[more]].min() > counts[parts[less]].max()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_every_user_is_in_one_stratum_of_activity(given_counts: list[int]) -> None:
    parts = activity(np.array(given_counts))
    assert (np.sum(list(parts.values()), axis=0) == 1).all()
    assert parts["low"].any()


@given(st.integers(0, 2**16))
def test_recall_within_everything_is_recall(seed: int) -> None:
    split = three_users()
    random = np.random.default_rng(seed)
    top = np.stack([random.permutation(6)[:3] for _ in range(3)]).astype(np.int32)
    everything = Stratum("all", "all", np.ones(6, dtype=np.bool_), np.ones(3, dtype=np.bool_))
    relevant = split.relevant.toarray()
    by_user = [relevant[u, top[u]].sum() / relevant[u].sum() for u in range(3)]
    assert recall_within(hits(top, split), split, everything) == pytest.approx(np.mean(by_user))
