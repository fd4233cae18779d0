"""Each of our models: its property file, its settings and its search space know the same keys."""

from pathlib import Path

import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.literals import literal
from recbole_drepmrec.registry import MODELS, get_model

PROPERTIES = Path(__file__).parents[2] / "properties"
RECBOLES_OWN = {"train_neg_sample_args"}  # keys of RecBole's that a model may set otherwise


@pytest.mark.parametrize("name", MODELS)
def test_every_setting_has_a_default_that_is_documented(name: str) -> None:
    text = (PROPERTIES / "model" / f"{name}.yaml").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    documented = {line.split(":")[0] for line in lines if "# (" in line}
    assert len(documented) == len(lines)
    assert documented - RECBOLES_OWN == set(get_model(name).settings_class.model_fields)


@pytest.mark.parametrize("name", MODELS)
def test_the_search_space_is_one_of_valid_settings(name: str) -> None:
    lines = (PROPERTIES / "hyper" / f"{name}.hyper").read_text().splitlines()
    assert len(lines) >= 2
    for line in lines:
        key, kind, choices = line.split(" ", 2)
        assert kind == "choice"
        for value in literal(choices):
            Config(name, "ml-100k-mm", config_dict={key: value})
