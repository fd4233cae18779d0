"""What the tables of quality say, of runs made by hand."""

from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.breakdown import strata
from recbole_drepmrec.evaluation.quality_tables import breakdown, differences, ranking
from recbole_drepmrec.evaluation.records import JobResult
from recbole_drepmrec.evaluation.statistics import Difference
from tests.evaluation.splits import three_users

ONE = {"distribution": "uniform", "sample_num": 1}


def result(model: str, seed: int, recall: float, **more: Any) -> JobResult:
    values: dict[str, Any] = {
        "dataset": "tiny",
        "model": model,
        "seed": seed,
        "settings_sha256": "",
        "data_sha256": {},
        "valid_metric": "recall@2",
        "valid_metric_bigger": True,
        "valid_score": recall,
        "valid": {"recall@2": recall},
        "test": {"recall@2": recall / 2, "mrr@2": 0.5},
        "beyond": {},
        "epochs": 1,
        "best_epoch": 0,
        **dict.fromkeys(("train_seconds", "valid_seconds", "test_seconds"), 1.0),
        **dict.fromkeys(("peak_memory", "peak_gpu_memory", "parameters", "threads"), 1),
        "device": "cpu",
        "negatives": ONE,
        "versions": {},
        "run": "",
    }
    return JobResult(**(values | more))


def analysis(**more: Any) -> Analysis:
    runs = {
        "good": [result("good", 1, 0.6), result("good", 2, 0.8)],
        "bad": [result("bad", 1, 0.2), result("bad", 2, 0.2)],
        "failed": [],
    }
    parts = strata(three_users())
    values: dict[str, Any] = {
        "dataset": "tiny",
        "runs": runs,
        "metrics": ["recall@2"],
        "k": 2,
        "reference": "good",
        "differences": [
            Difference("bad", "recall@2", -0.25, -0.5, -0.125, {"t": 0.01, "wilcoxon": 0.2}, 0.01)
        ],
        "strata": parts,
        "recalls": {
            "good": [[0.5] * len(parts), [0.7] * len(parts)],
            "bad": [[0.0] * len(parts)] * 2,
        },
        "n_users": 3,
    }
    return Analysis(**(values | more))


def test_ranking() -> None:
    table = ranking(analysis(), "paired t-test")
    assert table.rows == [
        {
            "model": "good",
            "validation recall@2": "0.7000 ± 0.1414",
            "test recall@2": "0.3500 ± 0.0707",
        },
        {
            "model": "bad",
            "validation recall@2": "0.2000 ± 0.0000",
            "test recall@2": "0.1000 ± 0.0000†",
        },
        {"model": "failed", "validation recall@2": "-", "test recall@2": "-"},
    ]
    assert table.notes == [
        "Ordered by validation; test is only reported. Mean ± standard deviation over 2 seeds. "
        "3 test users.",
        "† differs from good: p < 0.05, paired t-test over users, Holm's correction for 1 tests.",
    ]
    mrr = [row for row in table.values if row["metric"] == "mrr@2"]
    assert [(row["model"], row["mean"], row["seeds"]) for row in mrr] == [
        ("good", 0.5, 2),
        ("bad", 0.5, 2),
    ]


def test_what_is_not_significant_has_no_mark() -> None:
    same = Difference("bad", "recall@2", -0.25, -0.5, 0.0, {"t": 0.05, "wilcoxon": 0.2}, 0.05)
    assert "†" not in ranking(analysis(differences=[same]), "test").rows[1]["test recall@2"]


def test_one_seed_has_no_deviation() -> None:
    table = ranking(analysis(runs={"good": [result("good", 1, 0.6)]}, differences=[]), "test")
    assert table.rows[0]["test recall@2"] == "0.3000"
    assert "One seed, so no deviation is known." in table.notes[0]


def test_other_negatives_are_told() -> None:
    more = {"distribution": "uniform", "sample_num": 4}
    runs = {
        "good": [result("good", 1, 0.6)],
        "greedy": [result("greedy", 1, 0.6, negatives=more)],
        "plain": [result("plain", 1, 0.6, negatives={})],
    }
    (note,) = ranking(analysis(runs=runs, differences=[]), "test").notes[1:]
    assert note.startswith("Not all models had the same negatives in training. good: {")
    assert f"greedy: {more}; plain: none." in note


def test_differences() -> None:
    table = differences(analysis())
    assert table.rows == [
        {
            "model": "bad",
            "metric": "recall@2",
            "difference": "-0.2500",
            "95% interval": "-0.5000 to -0.1250",
            "p (Holm)": "0.01",
        }
    ]
    assert table.values[0]["p_wilcoxon"] == 0.2
    assert "nothing to show" in differences(analysis(differences=[])).markdown()


def test_breakdown() -> None:
    table = breakdown(analysis(), three_users())
    (cold,) = (row for row in table.rows if row["group"] == "popularity: cold")
    assert cold == {
        "group": "popularity: cold",
        "items": "1",
        "users": "2",
        "of training": "0.0%",
        "test pairs": "2",
        "good": "0.6000 ± 0.1414",
        "bad": "0.0000 ± 0.0000",
        "failed": "-",
    }
    values = [row for row in table.values if row["stratum"] == "cold"]
    assert [(row["model"], row["items"], row["users"]) for row in values] == [
        ("good", 1, 2),
        ("bad", 1, 2),
    ]
    assert values[0]["recall@2"] == pytest.approx(np.mean([0.5, 0.7]))
