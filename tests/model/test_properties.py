"""Each of our models: its property file and its settings know the same keys."""

from pathlib import Path

import pytest

from recbole_drepmrec.registry import MODELS, get_model

PROPERTIES = Path(__file__).parents[2] / "properties"
# keys of RecBole's that a model sets otherwise
RECBOLES_OWN = {
    "DRepMRec": {"learning_rate"},
    "BM3": {"train_neg_sample_args"},
    "ItemKNNCBF": {"train_neg_sample_args"},
}


@pytest.mark.parametrize("name", MODELS)
def test_every_setting_has_a_default_that_is_documented(name: str) -> None:
    text = (PROPERTIES / "model" / f"{name}.yaml").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    documented = {line.split(":")[0] for line in lines if "# (" in line}
    assert len(documented) == len(lines)
    assert documented - RECBOLES_OWN.get(name, set()) == set(
        get_model(name).settings_class.model_fields
    )
