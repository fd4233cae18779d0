"""Evaluation protocols: each a preset of keys that can also be given one by one."""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from recbole.evaluator.register import metric_types
from recbole.utils import EvaluatorType

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.suggestions import nearest_or_all

Protocol = Literal["recbole", "mmrec"]
"""RecBole's own rules, or those of the multimodal literature."""

PRESETS: dict[str, dict[str, Any]] = {
    "recbole": {},
    "mmrec": {
        "split_by": "fixed",
        "drop_cold_users": True,
        "mask_valid_in_test": False,
        "negatives": "trained",
        "epochs": 1000,
        "stopping_step": 20,  # RecBole stops at the step after: the 21st
        "metrics": ["Recall", "NDCG", "Precision", "MAP"],
        "topk": [5, 10, 20, 50],
        "valid_metric": "Recall@20",
        "strict_improvement": True,
        "seed": 999,
    },
}
"""Values laid over the property files' defaults, under what the user gives."""

_WHAT_SPLITS = frozenset({"split", "order", "group_by"})

_RANKED = ("valid", "test")

# those that RecBole reads; it takes `uni0`, too, which ranks an item alone
_MODE = re.compile("full|labeled|(uni|pop)[1-9][0-9]*")

SPLITS_BY_RATIOS = ("random", "user_time", "global_time")
"""Values of ``split_by`` that read ``split_ratios``."""


def preset(protocol: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a protocol.

    Whoever gives a split in ``eval_args`` has chosen it instead of the preset's ``split_by``.

    Args:
        protocol: Its name.
        given: What the user gives.

    Raises:
        UserError: There is no such protocol.
    """
    if not isinstance(protocol, str) or protocol not in PRESETS:
        raise UserError(f"`protocol` is {protocol!r}, expected one of {', '.join(PRESETS)}.")
    values = dict(PRESETS[protocol])
    eval_args = given.get("eval_args")
    if isinstance(eval_args, Mapping) and _WHAT_SPLITS & set(eval_args):
        values.pop("split_by", None)
    return values


def split_arguments(kind: str, ratios: list[float]) -> dict[str, Any]:
    """RecBole's ``eval_args`` that split as ``split_by`` says; none where RecBole cannot.

    Args:
        kind: A value of ``split_by``.
        ratios: Of training, validation and test.
    """
    if kind == "random":
        return {"order": "RO", "group_by": "user", "split": {"RS": ratios}}
    if kind == "user_time":
        return {"order": "TO", "group_by": "user", "split": {"RS": ratios}}
    if kind == "leave_one_out":
        return {"order": "TO", "group_by": "user", "split": {"LS": "valid_and_test"}}
    return {}


def apply_split(settings: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Write what ``split_by`` means into ``eval_args``.

    Args:
        settings: The configuration, which is changed.
        given: What the user gives.

    Raises:
        UserError: The user gives ``split_by`` and other ``eval_args``.
    """
    arguments = split_arguments(settings["split_by"], settings["split_ratios"])
    eval_args = given.get("eval_args") or {}
    clash = {
        key: eval_args[key]
        for key in arguments
        if eval_args.get(key, arguments[key]) != arguments[key]
    }
    if clash:
        raise UserError(
            f"`split_by` is '{settings['split_by']}', which means eval_args {arguments}, but "
            f"`eval_args` has {clash}; give one of the two."
        )
    settings["eval_args"] = {**settings["eval_args"], **arguments}


def check_metrics(metrics: Any, topk: Any) -> None:
    """See that RecBole has these metrics and that lists have lengths.

    Args:
        metrics: As given, a name or several.
        topk: As given, a length or several.

    Raises:
        UserError: It has not, or they have not.
    """
    names = metrics if isinstance(metrics, list | tuple) else [metrics]
    if not names or any(str(name).lower() not in metric_types for name in names):
        raise UserError(
            f"`metrics` is {metrics!r}, expected some of {', '.join(sorted(metric_types))}; give "
            "them as --metrics=\"['Recall', 'NDCG']\"."
        )
    lengths = topk if isinstance(topk, list | tuple) else [topk]
    if not lengths or not all(type(length) is int and length > 0 for length in lengths):
        raise UserError(f"`topk` is {topk!r}, expected lengths of lists, such as --topk=[10,20].")


def check_mode(eval_args: Any) -> None:
    """See that RecBole has the ``mode`` of ``eval_args``: one, or one of ``valid`` or ``test``.

    Args:
        eval_args: As given; one that is no mapping is RecBole's to refuse.

    Raises:
        UserError: It has not.
    """
    mode = eval_args.get("mode", "full") if isinstance(eval_args, Mapping) else "full"
    each = mode if isinstance(mode, Mapping) else {"valid": mode}
    for phase in each:
        if phase not in _RANKED:
            near = nearest_or_all(str(phase), _RANKED)
            raise UserError(f"the mode of `eval_args` has no part '{phase}'{near}")
    if not each or not all(isinstance(one, str) and _MODE.fullmatch(one) for one in each.values()):
        raise UserError(
            f"`eval_args` has the mode {mode!r}, expected full, uni100, pop100 (or another number "
            "of sampled items), or {'valid': 'uni100', 'test': 'full'}."
        )


def check_labeled(settings: Mapping[str, Any]) -> None:
    """See that what is ranked has items to rank, which the mode ``labeled`` draws none of.

    Args:
        settings: The configuration.

    Raises:
        UserError: The metrics are those of lists, and the mode is ``labeled``.
    """
    mode = settings["eval_args"]["mode"]
    if settings["eval_type"] == EvaluatorType.RANKING and "labeled" in mode.values():
        raise UserError(
            f"`eval_args` has the mode {mode}, but 'labeled' ranks no items, and `metrics` is "
            f"{settings['metrics']}; set --eval_args=\"{{'mode': 'full'}}\", or metrics of labels, "
            "such as --metrics=\"['AUC']\" --valid_metric=AUC."
        )


def check_valid_metric(settings: Mapping[str, Any]) -> None:
    """See that the metric that chooses the epoch is one of those that are measured.

    Args:
        settings: The configuration.

    Raises:
        UserError: It is not.
    """
    names: list[str] = []
    for metric in map(str.lower, settings["metrics"]):
        ranked = metric_types.get(metric) == EvaluatorType.RANKING
        names += [f"{metric}@{k}" for k in settings["topk"]] if ranked else [metric]
    if str(settings["valid_metric"]).lower() not in names:
        raise UserError(
            f"`valid_metric` is {settings['valid_metric']!r}, expected one of {', '.join(names)}, "
            "which `metrics` and `topk` give; set --valid_metric, or add to those."
        )


def check_topk(settings: Mapping[str, Any], n_items: int) -> None:
    """See that there are as many items as the longest list is to have.

    Args:
        settings: The configuration.
        n_items: Items of the data set, padding not counted.

    Raises:
        UserError: There are fewer.
    """
    longest = max(settings["topk"] or [0])
    if settings["eval_type"] == EvaluatorType.RANKING and longest > n_items:
        raise UserError(
            f"`topk` is {settings['topk']}, but the data set has {n_items} items; give shorter "
            "lists, such as --topk=[10], and a `valid_metric` among them."
        )


def not_improved_by_a_tie(score: float, best: float, bigger: bool) -> float:
    """Make a score that equals the best one the next worse number: a tie is no improvement.

    Args:
        score: This epoch's score.
        best: The best one before.
        bigger: Whether a higher score is better.
    """
    if score != best:
        return score
    return math.nextafter(score, -math.inf if bigger else math.inf)
