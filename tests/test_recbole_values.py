"""What RecBole's own keys may hold: shapes, intervals, splits, lengths of vectors."""

from typing import Any

import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError


def config(model: str = "BPR", **values: Any) -> Config:
    return Config(model, "ml-100k-mm", config_dict=values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"load_col": "user_id"},
            "`load_col` is 'user_id', expected a mapping such as --load_col=",
        ),
        (
            {"threshold": 4},
            "`threshold` is 4, expected a mapping such as --threshold=\"{'rating': 4}",
        ),
        ({"eval_args": {"order": "XX"}}, "the order 'XX', expected RO (at random) or TO (by time)"),
        ({"eval_args": {"group_by": "item"}}, "the group_by 'item', expected user or none."),
        ({"eval_args": {"split": {"RS": [8, 1]}}}, "the split {'RS': [8, 1]}, expected three rat"),
        ({"eval_args": {"split": {"RS": [0, 1, 1]}}}, "the split {'RS': [0, 1, 1]}, expected thre"),
        ({"eval_args": {"split": {"RS": [8, 1, -1]}}}, "the split {'RS': [8, 1, -1]}, expected th"),
        ({"eval_args": {"split": {"RS": ["8", "1", "1"]}}}, "'1']}, expected three ratios"),
        ({"eval_args": {"split": {"RS": 0.8}}}, "the split {'RS': 0.8}, expected three ratios"),
        ({"eval_args": {"split": {"XS": [8, 1, 1]}}}, "the split {'XS': [8, 1, 1]}, expected"),
        ({"eval_args": {"split": {"LS": "all"}}}, "the split {'LS': 'all'}, expected"),
        ({"eval_args": {"split": {"RS": [8, 1, 1], "LS": "test_only"}}}, "expected three ratios"),
        ({"eval_args": {"split": "RS"}}, "the split 'RS', expected three ratios"),
        ({"unload_col": ["price"]}, "`unload_col` is ['price'], expected a mapping such as"),
        ({"clip_grad_norm": {"max_nrm": 5}}, "no key 'max_nrm'; did you mean 'max_norm'?"),
        ({"clip_grad_norm": {"norm_type": 2}}, "expected max_norm to be a number above 0, such as"),
        (
            {"clip_grad_norm": {"max_norm": 0}},
            "`clip_grad_norm` is {'max_norm': 0}, expected max_norm",
        ),
        (
            {"clip_grad_norm": {"max_norm": 5, "norm_type": "2"}},
            "expected norm_type to be a number above 0",
        ),
        ({"clip_grad_norm": 5}, "`clip_grad_norm` is 5, expected a mapping such as"),
        ({"benchmark_filename": "train"}, "`benchmark_filename` is 'train', expected a list such"),
        ({"model": "LightGCN", "embedding_size": 0}, "`embedding_size` is 0, expected 1 or more"),
        ({"model": "BPR", "embedding_size": 3.5}, "`embedding_size` is 3.5, expected 1 or more"),
        ({"eval_args": {"split": {"TS": [8, 1, 1]}}}, "by time, and the order 'RO', expected TO"),
        ({"unused_col": ["price"]}, "`unused_col` is ['price'], expected a mapping such as"),
        ({"alias_of_item_id": ("foo",)}, "`alias_of_item_id` is ('foo',), expected a list such as"),
        ({"unload_col": {"inter": "timestamp"}}, "has 'timestamp' for inter, expected a list of"),
        ({"unload_col": {"inter": "*"}}, "`unload_col` has '*' for inter, expected a list of"),
        ({"load_col": {"inter": "user_id"}}, "`load_col` has 'user_id' for inter, expected a list"),
        (
            {"user_inter_num_interval": "abc"},
            "`user_inter_num_interval` has 'abc', expected an int",
        ),
        ({"entity_kg_num_interval": 1}, "`entity_kg_num_interval` has '1', expected an interval"),
        ({"item_inter_num_interval": "[1,2];[x,9)"}, "`item_inter_num_interval` has '[x,9)'"),
        ({"user_inter_num_interval": "[9,1]"}, "`user_inter_num_interval` has '[9, 1]', expected"),
        ({"user_inter_num_interval": "[,]"}, "`user_inter_num_interval` has '[,]', expected an"),
        (
            {"val_interval": {"rating": "[1"}},
            "`val_interval of rating` has '[1', expected an inter",
        ),
        ({"val_interval": {"rating": 1}}, "`val_interval of rating` has '1', expected an interval"),
        ({"model": "LightGCN", "embedding_size": None}, "`embedding_size` is None, expected 1"),
        (
            {"model": "LightGCN", "bma": True, "embedding_size": 0},
            "`embedding_size` is 0, expected",
        ),
    ],
)
def test_what_recbole_would_misread_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        config(**values)
    assert message in str(caught.value)


def test_a_sequential_model_by_cross_entropy_says_how_to_draw_no_negatives() -> None:
    with pytest.raises(
        UserError, match=r"GRU4Rec learns by .* is CE.* give --train_neg_sample_args=None\."
    ):
        config("GRU4Rec")
    assert config("GRU4Rec", train_neg_sample_args=None)["MODEL_INPUT_TYPE"].name == "POINTWISE"
    assert config("GRU4Rec", loss_type="BPR")["MODEL_INPUT_TYPE"].name == "PAIRWISE"
    for draws in ("SINE", "RepeatNet"):  # whatever their `loss_type` is
        assert config(draws)["train_neg_sample_args"]["sample_num"] == 1


@pytest.mark.parametrize("given", [None, False, ["rating"]])
def test_numerical_features_are_a_list_whatever_was_given(given: Any) -> None:
    assert config(numerical_features=given)["numerical_features"] == (given or [])


@pytest.mark.parametrize(
    "values",
    [
        {"load_col": {"inter": "*"}},
        {"load_col": None},
        {"clip_grad_norm": False},
        {"clip_grad_norm": {"max_norm": 5}},
        {"clip_grad_norm": {"max_norm": 5.0, "norm_type": float("inf")}},
        {"val_interval": {"rating": "[3,inf)", "user_id": ["1", "2"]}},
        {"user_inter_num_interval": "[5,inf)", "item_inter_num_interval": "[1,2]; (4,9)"},
        {"model": "ItemKNN"},
        {"benchmark_filename": ["train"], "eval_args": {"split": None, "order": None}},
    ],
)
def test_what_recbole_reads_is_taken(values: dict[str, Any]) -> None:
    assert config(**values)["dataset"] == "ml-100k-mm"


@pytest.mark.parametrize(
    "given",
    [
        {"split": {"RS": [0.8, 0.0, 0.2]}, "group_by": "none"},
        {"split": {"RS": [8, 1, 1]}, "group_by": None},
        {"split": {"TS": [8, 1, 1]}, "order": "TO"},
        {"split": {"LS": "valid_only"}, "order": "TO"},
    ],
)
def test_splits_of_recbole_are_taken(given: dict[str, Any]) -> None:
    assert given.items() <= config(eval_args=given)["eval_args"].items()


@pytest.mark.parametrize(
    ("dataset", "cure"),
    [
        ("/data/shop", "give --data_path=/data --dataset=shop."),
        ("shop/", "give --dataset=shop."),
        (".", "give --dataset=NAME."),
    ],
)
def test_a_data_set_is_named_and_no_path(dataset: str, cure: str) -> None:
    with pytest.raises(
        UserError, match="expected the name of a folder that `data_path` holds"
    ) as caught:
        Config("BPR", dataset)
    assert cure in str(caught.value)
