"""What a comparison will run, and what it refuses before anything starts."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import (
    SPLIT_SEED,
    Plan,
    Variant,
    data_hash,
    make_plan,
    settings_hash,
    split_hash,
)
from recbole_drepmrec.evaluation.records import JobKey
from tests.datasets import clustered


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    values = clustered().write(tmp_path / "dataset")
    del values["dataset"], values["checkpoint_dir"]
    return values


def plan(
    tmp_path: Path, values: dict[str, Any], *models: str, seeds: tuple[int, ...] = (1, 2)
) -> Plan:
    variants = [Variant(model, model) for model in models]
    return make_plan(["tiny"], variants, list(seeds), [], values, tmp_path / "out")


def test_settings_of_each_run(tmp_path: Path, values: dict[str, Any]) -> None:
    made = plan(tmp_path, {**values, "epochs": 7}, "Pop", "BPR")
    assert list(made.settings) == [
        JobKey("tiny", model, seed) for seed in (1, 2) for model in ("Pop", "BPR")
    ]
    one = made.settings[JobKey("tiny", "BPR", 2)]
    assert (one["model"], one["seed"], one["epochs"]) == ("BPR", 2, 7)
    assert one["split_seed"] == SPLIT_SEED
    assert Config(config_dict=one)["checkpoint_dir"] == str(tmp_path / "out/jobs/tiny/BPR/2/runs")
    assert made.folders == {"tiny": tmp_path / "dataset" / "tiny"}


def test_variants_of_one_model_have_names_and_settings_of_their_own(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    variants = [Variant("shallow", "LightGCN", {"n_layers": 1}), Variant("deep", "LightGCN")]
    made = make_plan(["tiny"], variants, [3], [], {**values, "n_layers": 4}, tmp_path / "out")
    shallow, deep = (made.settings[JobKey("tiny", one.name, 3)] for one in variants)
    assert (shallow["model"], shallow["n_layers"]) == ("LightGCN", 1)
    assert (deep["model"], deep["n_layers"]) == ("LightGCN", 4)
    assert shallow["checkpoint_dir"].endswith("jobs/tiny/shallow/3/runs")
    assert settings_hash(shallow, "data") != settings_hash(deep, "data")


def test_a_given_split_seed_stays(tmp_path: Path, values: dict[str, Any]) -> None:
    made = plan(tmp_path, {**values, "split_seed": 0}, "Pop")
    assert {settings["split_seed"] for settings in made.settings.values()} == {0}


def test_hash_of_settings(tmp_path: Path, values: dict[str, Any]) -> None:
    """What changes a run's numbers changes it, and nothing else does."""
    key = JobKey("tiny", "BPR", 1)
    base = plan(tmp_path, values, "BPR").settings[key]
    bpr = [Variant("BPR", "BPR")]
    elsewhere = make_plan(["tiny"], bpr, [1], [], values, tmp_path / "other").settings[key]
    slower = plan(tmp_path, {**values, "learning_rate": 1e-4}, "BPR").settings[key]
    other_seed = plan(tmp_path, values, "BPR").settings[JobKey("tiny", "BPR", 2)]
    hashes = [settings_hash(s, "data") for s in (base, elsewhere, slower, other_seed)]
    assert hashes[0] == hashes[1]
    assert len({*hashes, settings_hash(base, "other data")}) == 4
    assert split_hash(base, "data") == split_hash(slower, "data") == split_hash(other_seed, "data")
    assert split_hash(base, "data") != split_hash({**base, "split_by": "random"}, "data")


def test_hash_of_data(tmp_path: Path, values: dict[str, Any]) -> None:
    settings = plan(tmp_path, values, "BPR").settings[JobKey("tiny", "BPR", 1)]
    folder = tmp_path / "dataset" / "tiny"
    before = data_hash(folder, settings)
    (folder / "graphs").mkdir()
    (folder / "graphs" / "cached").write_text("worked out of the rest")
    (folder / ".half.tmp").write_text("left over")
    assert data_hash(folder, settings) == before
    np.save(folder / "text_feat.npy", np.load(folder / "text_feat.npy") + 1)
    assert data_hash(folder, settings) != before
    assert data_hash(tmp_path / "nowhere", settings) is None


def test_hash_of_data_tells_files_of_one_name_apart(tmp_path: Path, values: dict[str, Any]) -> None:
    """And counts those of modalities that one variant does not use."""
    folder = tmp_path / "dataset" / "tiny"
    modalities = {}
    for name in ("image", "text"):
        (folder / name).mkdir()
        for end in ("feat.npy", "ids.txt"):
            (folder / f"{name}_{end}").rename(folder / name / end)
        modalities[name] = {"file": f"{name}/feat.npy", "ids": f"{name}/ids.txt"}
    given = {**values, "modalities": modalities, "use_modalities": ["text"]}
    settings = plan(tmp_path, given, "BPR").settings[JobKey("tiny", "BPR", 1)]
    hashes = {data_hash(folder, settings)}
    for name in ("image", "text"):
        path = folder / name / "feat.npy"
        np.save(path, np.load(path) + 1)
        hashes.add(data_hash(folder, settings))
    assert len(hashes) == 3


def test_variants_of_one_name_are_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    variants = [Variant("a", "BPR"), Variant("b", "BPR"), Variant("a", "BPR", {"epochs": 1})]
    with pytest.raises(UserError, match="two of the variants would be called 'a'"):
        make_plan(["tiny"], variants, [1], [], values, tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "models", "message"),
    [
        ({"seed": 3}, ["BPR"], "--seed cannot be given here"),
        ({"checkpoint_dir": "x"}, ["BPR"], "--checkpoint_dir cannot be given"),
        ({"epochs": -1}, ["BPR"], "`epochs` is -1"),
        ({"epohcs": 1}, ["BPR"], "did you mean 'epochs'?"),
        ({}, ["BPR", "LightGNC"], "did you mean 'LightGCN'?"),
        ({}, ["BPR", "SASRec"], "SASRec is a sequential model"),
        ({"epochs": 0}, ["BPR"], "`epochs` is 0, expected 1 or more"),
        ({"modalities": None}, ["BPR", "BPR+BMA"], "BPR+BMA on tiny: `modalities` is None"),
        ({"use_modalities": ["smell"]}, ["BPR", "VBPR"], "such as --use_modalities="),
        ({"eval_args": {"mode": "uni100"}}, ["BPR"], "a comparison ranks all items"),
        (
            {"metrics": ["AUC"], "valid_metric": "AUC", "eval_args": {"mode": "labeled"}},
            ["BPR"],
            "a comparison ranks all items",
        ),
    ],
)
def test_what_is_refused(
    tmp_path: Path, values: dict[str, Any], given: dict[str, Any], models: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        plan(tmp_path, {**values, **given}, *models)
    assert not (tmp_path / "out").exists()


def test_models_must_be_measured_alike(
    tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A property file of one model's own asks for another split."""
    file = tmp_path / "properties" / "model" / "BPR.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump({"cold_items": 0.2}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"on tiny, `cold_items` is 0.0 for Pop but 0.2 for BPR"):
        plan(tmp_path, values, "Pop", "BPR")
