"""Every search space that comes along fits its model; those that do not are refused."""

from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.registry import MODELS, recbole_general_models
from recbole_drepmrec.tuning.model_space import MEASURING_KEYS, check_space, read_lines
from recbole_drepmrec.tuning.space import parse_space

HYPER = Path(__file__).parents[2] / "properties" / "hyper"
NOTHING_TO_SEARCH = {"Pop", "Random"}
NO_VALIDATION = {"RaCT"}  # in the first of its three stages
NOT_LEARNT = {"ADMMSLIM", "AsymKNN", "EASE", "ItemKNN", "ItemKNNCBF", "NCEPLRec", "SLIMElastic"}


def settings_of(model: str) -> dict[str, Any]:
    return resolved(Config(model, "ml-100k-mm", config_dict={"state": "error"}))


def test_every_model_has_a_space() -> None:
    names = {file.stem for file in HYPER.glob("*.hyper")}
    models = {*MODELS, *recbole_general_models()} - NOTHING_TO_SEARCH - NO_VALIDATION
    assert names == models | {"BMA"}


@pytest.mark.parametrize(
    "name", sorted(file.stem for file in HYPER.glob("*.hyper") if file.stem != "BMA")
)
def test_every_value_is_one_that_the_model_takes(name: str) -> None:
    space = parse_space(read_lines(name, None, {}), name)
    check_space(space, settings_of(name), [], {})
    assert ("learning_rate" in space) == (name not in NOT_LEARNT)


def test_a_model_that_wears_bma_has_both_spaces() -> None:
    lines = read_lines("LightGCN+BMA", None, {})
    space = parse_space(lines, "x")
    check_space(space, settings_of("LightGCN+BMA"), [], {})
    assert {"n_layers", "bma_sss_weight"} <= set(space)


def test_what_is_given_is_not_searched() -> None:
    lines = read_lines("VBPR", None, {"learning_rate": 0.01, "item_bias": True})
    assert list(parse_space(lines, "x")) == ["reg_weight"]


def test_the_working_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "properties" / "hyper"
    folder.mkdir(parents=True)
    (folder / "VBPR.hyper").write_text("reg_weight choice [0.5]\n")
    assert read_lines("VBPR", None, {}) == ["reg_weight choice [0.5]"]


@pytest.mark.parametrize(
    ("content", "fixed", "message"),
    [
        ("# nothing\n", {}, "is empty: the command found no key in it"),
        ("reg_weight choice [1]\n", {"reg_weight": 1}, "fixes reg_weight, all of its keys"),
    ],
)
def test_an_empty_space(tmp_path: Path, content: str, fixed: dict[str, Any], message: str) -> None:
    file = tmp_path / "x.hyper"
    file.write_text(content)
    with pytest.raises(UserError, match=message):
        read_lines("VBPR", file, fixed)


def test_a_model_without_a_space() -> None:
    with pytest.raises(UserError, match="Pop has no search space; write one to properties/hyper"):
        read_lines("Pop", None, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reg_wieght choice [0.1]", "is no key of VBPR; did you mean 'reg_weight'?"),
        ("n_layers choice [1, 2]", "`n_layers`, which is no key of VBPR"),
        ("reg_weight choice [0.1, -1.0]", "does not fit VBPR: `reg_weight` is -1.0"),
        ("reg_weight uniform -1,1", "does not fit VBPR: `reg_weight` is -1.0"),
        ("embedding_size uniform 16,64", "does not fit VBPR: `embedding_size` is 16.0"),
        ("item_bias choice ['yes']", "does not fit VBPR: `item_bias` is 'yes'"),
        ("seed choice [1, 2]", "`seed`, which changes what is measured"),
        ("topk choice ['[5]', '[10]']", "`topk`, which changes what is measured"),
    ],
)
def test_a_space_that_does_not_fit(line: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_space(parse_space([line], "x"), settings_of("VBPR"), [], {})
    assert message in str(caught.value)


def test_keys_of_the_split_and_the_metrics_are_not_searched() -> None:
    for key in ("eval_args", "valid_metric", "split_by", "split_seed", "load_col", "protocol"):
        assert key in MEASURING_KEYS
    for key in ("learning_rate", "train_batch_size", "use_modalities", "missing", "weight_decay"):
        assert key not in MEASURING_KEYS
