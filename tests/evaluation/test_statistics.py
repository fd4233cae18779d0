"""Tests over users: corrected p-values, intervals, and what they say of known differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recbole_drepmrec.evaluation.records import Test
from recbole_drepmrec.evaluation.statistics import (
    bootstrap_intervals,
    compare_to_reference,
    holm,
    t_test,
    wilcoxon_test,
)

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 × .01, then 2 × .03, which holds .04 up
        ([0.02, 0.03, 0.001], [0.04, 0.04, 0.003]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_by_hand(given_values: list[float], expected: list[float]) -> None:
    assert holm(given_values) == pytest.approx(expected)


@given(p_values)
def test_holm_is_between_the_value_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    corrected = np.array(holm(values))
    assert (corrected >= values).all()
    assert (corrected <= np.minimum(1, len(values) * np.array(values))).all()
    assert (np.diff(corrected[np.argsort(values, kind="stable")]) >= 0).all()


@given(p_values, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(values: list[float], random: object) -> None:
    order = np.random.default_rng(len(values)).permutation(len(values))
    shuffled = holm([values[place] for place in order])
    assert shuffled == [holm(values)[place] for place in order]


def test_t_test_by_hand() -> None:
    """Mean 2, deviation 1, three users: t = 2√3 with two degrees of freedom."""
    expected = 2 * stats.t.sf(2 * np.sqrt(3), df=2)
    assert t_test(np.array([1.0, 2.0, 3.0])) == pytest.approx(expected)


def test_wilcoxon_by_hand() -> None:
    """Of the 2^5 signs of the ranks 1 to 5, two are as extreme as all alike."""
    assert wilcoxon_test(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(2 / 32)


@pytest.mark.parametrize("test", [t_test, wilcoxon_test])
@pytest.mark.parametrize("n_users", [1, 3])
def test_no_difference_is_no_evidence(test: object, n_users: int) -> None:
    assert callable(test)
    assert test(np.zeros(n_users)) == 1.0


def test_the_same_difference_for_every_user_is_no_chance() -> None:
    assert t_test(np.full(3, 0.25)) == 0.0
    assert t_test(np.array([0.25])) == 1.0  # one user tells nothing


def test_interval_is_that_of_the_normal_law_for_many_users() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1.0, size=(4000, 1))
    (low,), (high,) = bootstrap_intervals(differences)
    mean, error = differences.mean(), differences.std() / np.sqrt(4000)
    assert low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)


def test_interval_agrees_with_scipy() -> None:
    sample = np.random.default_rng(2).exponential(size=50)
    (low,), (high,) = bootstrap_intervals(sample[:, None], resamples=20_000)
    other = stats.bootstrap(
        (sample,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (low, high) == pytest.approx((other.low, other.high), abs=0.01)


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws come from one stream, a user after the other, whatever the blocks."""
    differences = np.random.default_rng(4).normal(size=(7, 2))
    whole = bootstrap_intervals(differences, resamples=100)
    monkeypatch.setattr("recbole_drepmrec.evaluation.statistics.BLOCK", 7 * 9)
    assert bootstrap_intervals(differences, resamples=100) == whole


def test_models_are_tested_against_the_reference() -> None:
    random = np.random.default_rng(5)
    base = random.uniform(size=200)
    scores = {
        "best": {"recall@5": base},
        "same": {"recall@5": base},
        "worse": {"recall@5": base - 0.1 + 0.05 * random.normal(size=200)},
    }
    same, worse = compare_to_reference(scores, "best", ["recall@5"], "t")
    assert (same.model, same.mean, same.low, same.high, same.p_holm) == ("same", 0, 0, 0, 1)
    assert worse.mean == pytest.approx(-0.1, abs=0.02)
    assert worse.low < worse.mean < worse.high < 0
    assert worse.p_values["t"] < worse.p_holm == pytest.approx(2 * worse.p_values["t"])
    assert worse.p_values["wilcoxon"] < 1e-6


def test_the_chosen_test_is_the_corrected_one() -> None:
    differences = np.array([0.1, 0.2, 0.3, 0.4, 3.0])
    scores = {"a": {"ndcg@5": np.zeros(5)}, "b": {"ndcg@5": differences}}
    (by_rank,) = compare_to_reference(scores, "a", ["ndcg@5"], "wilcoxon")
    (by_mean,) = compare_to_reference(scores, "a", ["ndcg@5"], "t")
    assert by_rank.p_holm == pytest.approx(2 / 32)
    assert by_mean.p_holm == by_mean.p_values["t"] > 0.1


def test_one_model_alone_is_not_tested() -> None:
    assert compare_to_reference({"a": {"ndcg@5": np.zeros(5)}}, "a", ["ndcg@5"], "t") == []


@pytest.mark.parametrize("test", ["t", "wilcoxon"])
def test_rounding_of_the_seeds_means_is_no_difference(test: Test) -> None:
    """The same three values a user, in rising and in falling order."""
    values = np.sort(np.random.default_rng(0).random((2000, 3)), axis=1)
    one, other = values.T.mean(axis=0), values[:, ::-1].T.mean(axis=0)
    assert (one != other).any()
    scores = {"a": {"recall@10": one}, "b": {"recall@10": other}}
    (found,) = compare_to_reference(scores, "a", ["recall@10"], test)
    assert found.p_values == {"t": 1.0, "wilcoxon": 1.0}
    assert (found.mean, found.low, found.high) == (0, 0, 0)
