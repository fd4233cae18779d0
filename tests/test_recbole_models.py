"""RecBole's own general models, by the launcher's way: one epoch each, and going on."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.quick_start import run_recbole
from recbole_drepmrec.registry import recbole_general_models
from tests.datasets import clustered
from tests.test_resume import resumed_equals_unbroken, settings_of

NEEDS = {"NCL": "faiss"}
"""Models that import a package which ours does not need."""

SETTINGS: dict[str, dict[str, Any]] = {
    "NCL": {"num_clusters": 8},  # its default, 1000, is more than there are users
    "DGCF": {
        "train_batch_size": 64
    },  # draws more users for its loss than there are, with one batch
    "RaCT": {"pretrain_epochs": 10},  # its first stage, which has no validation
}
"""What a model needs on a data set of 60 users."""

WITHOUT_EPOCHS = {"ADMMSLIM", "AsymKNN", "EASE", "ItemKNN", "Pop", "Random", "SLIMElastic"}
"""Models that are computed at once."""


def test_recbole_has_33_general_models() -> None:
    assert len(recbole_general_models()) == 33


def skip_where_it_needs_more(model: str) -> None:
    package = NEEDS.get(model)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{model} needs the package {package}, which is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("model", recbole_general_models())
def test_runs_for_an_epoch(model: str, tmp_path: Path) -> None:
    skip_where_it_needs_more(model)
    settings = {**clustered().write(tmp_path / "dataset"), "epochs": 1, "use_gpu": False}
    result = run_recbole(model, config_dict={**settings, **SETTINGS.get(model, {})})
    assert 0 <= result.test_result["recall@5"] <= 1
    assert Path(result.run, "config.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted({*recbole_general_models()} - WITHOUT_EPOCHS))
def test_goes_on_to_the_same_numbers(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_where_it_needs_more(model)
    settings = settings_of(tmp_path, model=model, **SETTINGS.get(model, {}))
    resumed_equals_unbroken(tmp_path, monkeypatch, settings)
