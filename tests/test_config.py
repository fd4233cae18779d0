"""Configuration: what wins, what is refused, and that a resolved one gives itself again."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_drepmrec.config import Config, resolved
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.literals import literal


def config(model: str = "DRepMRec", **values: Any) -> Config:
    return Config(model, "ml-100k-mm", config_dict=values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("5", 5),
        ("true", True),
        ("False", False),
        ("None", None),
        ("[10, 20]", [10, 20]),
        ("0,1", (0, 1)),
        ("{RS: [0.8, 0.1, 0.1]}", {"RS": [0.8, 0.1, 0.1]}),
        ("{'RS': [1, 2]}", {"RS": [1, 2]}),
        ("[image, text]", ["image", "text"]),
        ("knn", "knn"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("[unclosed", "[unclosed"),
        (7, 7),
    ],
)
def test_text_becomes_the_literal_it_is_and_is_never_run(text: Any, value: Any) -> None:
    assert literal(text) == value


def test_property_files_give_the_defaults() -> None:
    settings = config()
    assert settings["embedding_size"] == 64
    assert settings["sss"] == "gram"
    assert set(settings["modalities"]) == {"text", "knowledge"}


def test_recbole_keeps_its_own_defaults() -> None:
    """Comparisons with stock RecBole need them."""
    settings = config("LightGCN")
    assert (settings["epochs"], settings["stopping_step"]) == (300, 10)
    assert (settings["valid_metric"], settings["train_batch_size"]) == ("MRR@10", 2048)


def test_values_win_over_files_and_later_files_over_earlier(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("epochs: 3\nseed: 1\nlearning_rate: 1e-2\n")
    second.write_text("seed: 2\n")
    settings = Config("DRepMRec", "ml-100k-mm", [str(first), str(second)], {"epochs": "9"})
    assert (settings["epochs"], settings["seed"], settings["learning_rate"]) == (9, 2, 0.01)


def test_the_command_line_of_another_program_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest", "--epochs=1", "--cov=x"])
    assert config()["epochs"] == 300


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"embeding_size": 3}, "no configuration key 'embeding_size'; did you mean 'embedding_si"),
        ({"zzz": 3}, "no configuration key 'zzz'."),
        ({"gate": "open"}, "`gate` is 'open': input should be 'both', 'own', 'self', 'none' or"),
        ({"embedding_size": 0}, "`embedding_size` is 0: input should be greater than or equal"),
        ({"embedding_size": "many"}, "`embedding_size` is 'many', expected a number such as 64"),
        ({"embedding_size": 3.5}, "`embedding_size` is 3.5: input should be a valid integer"),
        ({"use_bma": 1}, "`use_bma` is 1, expected True or False"),
        ({"temperature": 0}, "`temperature` is 0: input should be greater than 0"),
        ({"sss_weight": float("nan")}, "`sss_weight` is nan"),
        ({"learning_rate": -1.0}, "`learning_rate` is -1.0"),
        ({"learner": "adm"}, "`learner` is 'adm'"),
        (
            {"metrics": ["Recal"]},
            "`metrics` is ['Recal'], expected some of auc, averagepopularity",
        ),
        ({"topk": 0}, "`topk` is 0, expected lengths of lists, such as --topk="),
        ({"eval_args": {"mode": "fuul"}}, "mode 'fuul', expected full, uni100, pop100 (or another"),
        ({"eval_args": {"mode": "unix100"}}, "mode 'unix100', expected full"),
        ({"eval_args": {"mode": "uni0"}}, "mode 'uni0', expected full"),
        ({"eval_args": {"mode": {"vald": "uni100"}}}, "no part 'vald'; did you mean 'valid'?"),
        (
            {"eval_args": {"mode": "labeled"}},
            "'labeled' ranks no items, and `metrics` is ['Recall'",
        ),
        ({"checkpoint_dir": ""}, "`checkpoint_dir` is '': string should have at least 1 character"),
        ({"eval_args": {"mode": {"valid": 100}}}, "mode {'valid': 100}, expected full"),
        ({"eval_args": {"mode": {}}}, "mode {}, expected full"),
        ({"eval_args": "full"}, "eval_args:[full] should be a dict"),
        ({"worker": -1}, "`worker` is -1: input should be greater than or equal to 0"),
        ({"eval_args": {"mod": "uni100"}}, "`eval_args` has no key 'mod'; did you mean 'mode'?"),
        (
            {"train_neg_sample_args": {"zzz": 1}},
            "`train_neg_sample_args` has no key 'zzz'; it holds alpha, candidate_num",
        ),
        ({"train_neg_sample_args": {"sample_num": 0}}, "has the sample_num 0, expected negatives"),
        ({"gpu_id": "first"}, "`gpu_id` is 'first', expected GPU numbers"),
    ],
)
def test_wrong_keys_and_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        config(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize("model", ["BPR", "DRepMRec", "CFKG"])
def test_models_of_pairs_are_not_left_without_negatives(model: str) -> None:
    with pytest.raises(UserError, match="needs negatives, but `train_neg_sample_args` is None"):
        Config(model, "ml-100k-mm", config_dict={"train_neg_sample_args": None})


@pytest.mark.parametrize("model", ["BM3", "EASE", "MultiVAE", "Pop"])
def test_models_that_read_no_negatives_need_none(model: str) -> None:
    Config(model, "ml-100k-mm", config_dict={"train_neg_sample_args": None})


def test_a_sequential_model_may_draw_its_own_negatives() -> None:
    values = {"loss_type": "BPR", "train_neg_sample_args": None}
    Config("BERT4Rec", "ml-100k-mm", config_dict=values)


def test_the_folder_of_runs_may_be_a_path(tmp_path: Path) -> None:
    Config("Pop", "ml-100k-mm", config_dict={"checkpoint_dir": tmp_path})


def test_sss_off_may_be_written_bare_in_yaml(tmp_path: Path) -> None:
    """YAML 1.1 reads it as False."""
    file = tmp_path / "a.yaml"
    file.write_text("sss: off\n")
    Config("DRepMRec", "ml-100k-mm", [str(file)])


def test_key_of_another_model_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)  # an earlier run may have quietened the root logger
    config("Pop", gate="own")
    assert "`gate` has no effect on Pop." in caplog.messages


@pytest.mark.parametrize(
    ("mode", "read"),
    [
        ("pop100", {"valid": "pop100", "test": "pop100"}),
        ({"valid": "uni50"}, {"valid": "uni50", "test": "uni50"}),
        ({"test": "full", "valid": "uni50"}, {"valid": "uni50", "test": "full"}),
    ],
)
def test_modes_of_evaluation(mode: Any, read: dict[str, str]) -> None:
    assert config(eval_args={"mode": mode})["eval_args"]["mode"] == read


def test_a_mode_in_a_property_file_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("properties/dataset").mkdir(parents=True)
    Path("properties/dataset/ml-100k-mm.yaml").write_text("eval_args: {mode: unix100}\n")
    with pytest.raises(UserError, match="mode 'unix100', expected full"):
        config()


def test_a_resolved_mode_can_be_given_again() -> None:
    first = config(eval_args={"mode": {"valid": "uni50", "test": "pop10"}})
    assert Config(config_dict=resolved(first))["eval_args"] == first["eval_args"]


@pytest.mark.parametrize("name", ["DRepMrec", "lightgcn"])
def test_wrong_model_name_proposes_the_right_one(name: str) -> None:
    right = {"DRepMrec": "DRepMRec", "lightgcn": "LightGCN"}[name]
    with pytest.raises(UserError, match=f"no model '{name}'; did you mean '{right}'"):
        Config(name, "ml-100k-mm")


def test_model_and_dataset_are_needed() -> None:
    with pytest.raises(UserError, match="no model was given"):
        Config(dataset="ml-100k-mm")
    with pytest.raises(UserError, match="no dataset was given"):
        Config("BPR")


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [1", "not valid YAML"), ("- 1\n- 2\n", "`key: value` lines"), ("\xff", "not valid")],
)
def test_broken_configuration_file(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=message):
        Config("BPR", "ml-100k", [str(file)])


def test_missing_configuration_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml cannot be read: No such file"):
        Config("BPR", "ml-100k", [str(tmp_path / "none.yaml")])


def test_configuration_file_runs_no_code(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("seed: !!python/object/apply:os.getpid []\n")
    with pytest.raises(UserError, match="not valid YAML"):
        Config("BPR", "ml-100k", [str(file)])


@pytest.mark.parametrize("model", ["DRepMRec", "BPR", "MultiVAE", "Pop"])
def test_resolved_configuration_gives_itself_again(model: str) -> None:
    first = config(model, seed=5, gpu_id="0")
    again = Config(config_dict=resolved(first))
    assert resolved(again) == resolved(first)


def test_user_properties_lie_over_the_packages_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "properties" / "dataset").mkdir(parents=True)
    (tmp_path / "properties" / "dataset" / "mine.yaml").write_text("modalities: {image: }\n")
    monkeypatch.chdir(tmp_path)
    assert Config("DRepMRec", "mine")["modalities"] == {"image": None}


def test_device_obeys_use_gpu() -> None:
    assert config(use_gpu=False)["device"] == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert config(use_gpu=True)["device"].type == expected


def test_one_configuration_does_not_leak_into_the_next() -> None:
    """RecBole adds a data set's keys to a list shared by all configurations."""
    before = [list(keys) for keys in config("BPR").parameters.values()]
    Config("BPR", "ml-100k")
    assert [list(keys) for keys in config("BPR").parameters.values()] == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metrics": []}, r"`metrics` is \[\], expected some of auc"),
        ({"topk": "abc"}, r"`topk` is 'abc', expected lengths of lists"),
        ({"topk": []}, r"`topk` is \[\], expected lengths of lists"),
        ({"topk": [10, 0]}, r"`topk` is \[10, 0\], expected lengths of lists"),
        ({"feature_norm": None}, r"`feature_norm` is None.*was not given, its property file lacks"),
        ({"topk": [20]}, r"`valid_metric` is 'MRR@10', expected one of recall@20, mrr@20"),
        ({"valid_metric": "Recall"}, r"`valid_metric` is 'Recall', expected one of recall@10"),
        ({"state": "verbose"}, r"`state` is 'verbose'"),
        ({"save_dataset": True}, r"`save_dataset` is True: RecBole keeps data as pickles"),
        ({"use_behavior_line": False, "use_modal_line": False}, r"both False; leave one"),
        ({"use_behavior_line": False, "gate": "behavior"}, r"`gate: behavior` takes"),
    ],
)
def test_values_that_do_not_go_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config("DRepMRec", **values)


def test_a_sequential_model_leaves_torch_as_it_was() -> None:
    """In a new process: RecBole's modules are imported once."""
    code = (
        "import torch; from recbole_drepmrec.registry import get_model; get_model('SASRec'); "
        "raise SystemExit(torch.is_anomaly_enabled())"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert Config("BPR", "ml-100k-mm", config_dict={"gpu_id": 7})["device"].type == "cpu"
    assert "`gpu_id` is 7, but torch finds no GPU here: this runs on the CPU." in caplog.text
    caplog.clear()
    Config("BPR", "ml-100k-mm", config_dict={"gpu_id": 7, "use_gpu": False})
    Config("BPR", "ml-100k-mm")
    assert caplog.text == ""
