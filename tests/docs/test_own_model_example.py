"""The example of docs/own-model.md: the contract, its score by hand, and what features reveal."""

from pathlib import Path

import pytest
import torch
from feature_mf import FeatureMF

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.prepared import prepare
from recbole_drepmrec.quick_start import load, run_recbole
from recbole_drepmrec.training import train_and_test
from tests.datasets import clustered, known_by_features
from tests.model.contract import ModelContract, all_scores, build, recall

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "feature_mf"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its property file is found in the working folder, as its reader's is."""
    monkeypatch.chdir(FOLDER)


# --8<-- [start:contract]
class TestFeatureMF(ModelContract):
    model = FeatureMF
    # --8<-- [end:contract]


@pytest.mark.parametrize("lacks", ["forward", "calculate_loss"])
def test_a_model_that_lacks_a_part_says_so_when_it_is_built(tmp_path: Path, lacks: str) -> None:
    base = getattr(MultimodalRecommender, lacks)
    incomplete = type("FeatureMF", (FeatureMF,), {lacks: base})
    with pytest.raises(TypeError, match=f"abstract method '?{lacks}"):
        build(incomplete, clustered(), tmp_path)


def test_score_is_the_documented_one(tmp_path: Path) -> None:
    """p_u . (q_i + a mean of W_m f_im), over the modalities that an item has."""
    prepared = build(FeatureMF, clustered(), tmp_path, embedding_size=3, feature_scale=0.5)
    model = prepared.model.eval()
    scores = all_scores(prepared)
    features = prepared.model.projections
    tokens = prepared.dataset.field2token_id["item_id"]
    for item, modalities in ((tokens["i0"], 1), (tokens["i1"], 2)):  # every seventh has no image
        said = [one.linear.weight @ one.features[item] for one in features if one.present[item]]
        assert len(said) == modalities
        vector = model.item_table[item] + 0.5 * sum(said) / modalities
        torch.testing.assert_close(scores[4, item], model.user_table[4] @ vector)


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items: without the features' part chance is left."""
    settings = {"epochs": 60, "learning_rate": 0.01, "negatives": "trained"}
    files = known_by_features()
    assert recall(build(FeatureMF, files, tmp_path / "with", **settings)) > 0.7
    silent = {**settings, "feature_scale": 1e-9}
    assert recall(build(FeatureMF, files, tmp_path / "without", **silent)) < 0.3


def test_a_value_out_of_range_is_refused(tmp_path: Path) -> None:
    values = clustered().write(tmp_path)
    with pytest.raises(UserError, match="`feature_scale` is -1"):
        Config(FeatureMF, config_dict={**values, "feature_scale": -1})


def test_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    values = clustered().write(tmp_path)
    with pytest.raises(UserError, match="did you mean 'feature_scale'"):
        Config(FeatureMF, config_dict={**values, "feature_scal": 1.0})


@pytest.mark.parametrize("bma", [False, True])
def test_a_run_is_loaded_by_its_class(tmp_path: Path, bma: bool) -> None:
    values = clustered().write(tmp_path)
    trained = prepare(Config(FeatureMF, config_dict={**values, "epochs": 2, "bma": bma}))
    run = Path(train_and_test(trained).run)
    assert run.name.startswith(f"FeatureMF{'+BMA' if bma else ''}-tiny-")
    torch.testing.assert_close(all_scores(load(run, FeatureMF)), all_scores(trained))


def test_a_run_of_another_model_is_refused(tmp_path: Path) -> None:
    values = clustered().write(tmp_path)
    result = run_recbole("BPR", config_dict={**values, "epochs": 1})
    with pytest.raises(UserError, match="is a run of BPR, but the model given is FeatureMF"):
        load(result.run, FeatureMF)
