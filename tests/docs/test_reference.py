"""The reference written out of the code: every command, option and key is in it."""

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field
from recbole.utils import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)
from site_pages.commands import commands_page
from site_pages.keys import keys_page
from site_pages.models import models_page
from site_pages.properties import Key, commented_keys
from site_pages.values import allowed_values

from recbole_drepmrec.cli import main
from recbole_drepmrec.literals import read_yaml
from recbole_drepmrec.model.bma_host import BMASettings
from recbole_drepmrec.registry import MODELS, get_model
from recbole_drepmrec.settings import (
    CommonSettings,
    ModalitySettings,
    ProtocolSettings,
    Settings,
)

ROOT = Path(__file__).parents[2]


def section(page: str, heading: str) -> str:
    """What stands between a heading of the second level and the next one."""
    [found] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.S | re.M)
    return str(found)


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row of the tables in a text, by the code in the first cell."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


@pytest.fixture(scope="module")
def models() -> str:
    return models_page()


@pytest.fixture(scope="module")
def keys() -> str:
    return keys_page()


@pytest.fixture(scope="module")
def commands() -> str:
    return commands_page()


@pytest.mark.parametrize("name", MODELS)
def test_every_key_of_a_model_stands_in_its_part(models: str, name: str) -> None:
    found = rows(section(models, name))
    defaults = read_yaml(ROOT / "properties" / "model" / f"{name}.yaml")
    assert set(found) == set(defaults) >= set(get_model(name).settings_class.model_fields)
    for key, (default, values, meaning) in found.items():
        written = default.strip("`").replace("~", "null")
        assert written == "null" or str(defaults[key]) == written or float(written) == defaults[key]
        assert values
        assert meaning


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_in_the_python_reference(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text()
    assert f"\n::: {MODELS[name]}.{name}\n" in page


def test_the_plug_in_has_its_keys_with_their_prefix(models: str) -> None:
    assert set(rows(section(models, "BMA"))) == {f"bma_{key}" for key in BMASettings.model_fields}


def test_values_come_from_what_checks_them(models: str) -> None:
    found = rows(section(models, "DRepMRec"))
    assert found["gate"][1] == "`both`, `own`, `self`, `none`, `behavior`"
    assert found["sss_samples"][1] == "whole number ≥ 2"
    assert found["temperature"][:2] == ["`0.2`", "number > 0"]
    assert rows(section(models, "BMA"))["bma_gate"][1] == found["gate"][1]


def test_the_search_space_is_that_of_the_file(models: str) -> None:
    for line in (ROOT / "properties" / "hyper" / "VBPR.hyper").read_text().splitlines():
        key, _, choices = line.split(" ", 2)
        assert f"`{key}` in `{choices}`" in section(models, "VBPR")


def test_every_key_of_any_model_is_listed_once(keys: str) -> None:
    page = keys.replace(section(keys, "What `protocol: mmrec` sets"), "")
    names = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    checked = CommonSettings.model_fields | ProtocolSettings.model_fields
    recboles = general_arguments + training_arguments + evaluation_arguments + dataset_arguments
    expected = {*checked, *ModalitySettings.model_fields, *recboles}
    assert set(names) == expected | set(read_yaml(ROOT / "properties" / "overall.yaml"))
    assert len(names) == len(set(names))


def test_recboles_defaults_stand_beside_its_keys(keys: str) -> None:
    found = rows(keys)
    assert found["learning_rate"][0] == "`0.001`"
    assert found["checkpoint_dir"][0] == "`saved`"
    assert found["log_wandb"] == ["`False`"]  # RecBole's alone, with no check of ours


def named_commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The commands that the program itself offers to who asks for one that is none."""
    assert main(["no-such-command"]) == 2
    [offered] = re.findall(r"there are: (.*)\.$", capsys.readouterr().err, re.M)
    return str(offered).split(", ")


def test_every_option_of_every_command_is_there(
    commands: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    names = named_commands(capsys)
    assert re.findall(r"^## (.*)$", commands, re.M) == names
    for name in names:
        assert main([name, "--help"]) == 0
        options = set(re.findall(r"^  .*?(--\w+)", capsys.readouterr().out, re.M))
        assert len(options) >= 2
        listed = " ".join(rows(section(commands, name)))
        assert {option for option in options if option not in listed} == set()


def test_nothing_of_this_machine_is_in_the_reference(commands: str, keys: str) -> None:
    assert str(ROOT) not in commands + keys
    assert "Data sets: ml-100k, ml-100k-mm\n" in commands


def test_headings_of_a_property_file_group_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(
        "# Some. What it is,\n# on two lines.\n\na: 1   # (int) One.\n# Two\n# words\n\n"
        'b: "#"   # (str) A sign (or none).\n'
    )
    assert commented_keys(file) == {
        "": [Key("a", "1", "int", "One.")],
        "Two words": [Key("b", '"#"', "str", "A sign (or none).")],
    }


def test_a_key_without_a_meaning_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("# Some.\na: 1   # (int) One.\nb: 2\n")
    with pytest.raises(ValueError, match="'b: 2' is not `key: value"):
        commented_keys(file)


def test_values_in_words() -> None:
    class Some(Settings):
        share: Annotated[float, Field(ge=0, lt=1)]
        kind: Literal["one", "other"] | None
        switch: bool
        ratios: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]
        names: list[str]
        weights: dict[str, Annotated[int, Field(ge=1)]] | None

    assert allowed_values(Some) == {
        "share": "number ≥ 0 and < 1",
        "kind": "`one`, `other` or `~`",
        "switch": "`True`, `False`",
        "ratios": "list of 3 values, each number > 0",
        "names": "list of values, each text",
        "weights": "mapping of names to values, each whole number ≥ 1 or `~`",
    }
