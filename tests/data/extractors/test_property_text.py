"""A modality is added to a property file, and nothing else of it changes."""

from pathlib import Path

import pytest
import yaml

from recbole_drepmrec.data.extractors.property_text import add_modality, lines_to_add, with_modality

ENTRY = {"file": "new_feat.npy", "ids": "new_ids.txt"}

TEXTS = {
    "empty": "",
    "comments only": "# nothing yet\n",
    "no modalities": "a: 1  # one\nload_col: {inter: [user_id, item_id]}",
    "block": "a: 1\nmodalities:  # all\n    # the old one\n    old: {file: o.npy}\n\nb: 2\n",
    "block, other indent": "modalities:\n  old:\n    file: o.npy\n    ids: i.txt\n",
    "block, last line cut": "b: 2\nmodalities:\n  old: {file: o.npy}",
    "flow": "modalities: {old: {file: o.npy}}  # all\nb: 2\n",
    "flow over lines": "modalities: {\n  old: {file: o.npy},\n}\n",
    "flow, empty": "modalities: {}\nb: 2\n",
    "nothing": "modalities:\nb: 2\n",
    "nothing, at the end": "b: 2\nmodalities:",
    "null": "modalities: null  # none\nb: 2\n",
    "windows": "a: 1\r\nmodalities:\r\n    old: {file: o.npy}\r\nb: 2\r\n",
    "anchored": "modalities: &m\n    old: {file: o.npy}\nb: 2\n",
    "document marks": "---\na: 1\n",
    "umlauts": "a: 'ä\U0001f600'\nmodalities: {old: {file: ö.npy}}\n",
}


@pytest.mark.parametrize("case", TEXTS)
def test_one_more_modality_and_all_the_rest(case: str) -> None:
    text = TEXTS[case]
    new = with_modality(text, "new", 384)
    assert new is not None
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(new)
    assert after == {**before, "modalities": {**(before.get("modalities") or {}), "new": ENTRY}}
    assert [
        comment for comment in ("# one", "# all", "# the old one", "# none") if comment in text
    ] == [comment for comment in ("# one", "# all", "# the old one", "# none") if comment in new]
    lines = [line for line in text.splitlines() if "modalities" not in line]
    kept = iter(new.splitlines())
    assert all(line in kept for line in lines)  # in this order, unchanged
    assert ("\r\n" in text) == ("\r\n" in new)
    assert new.count("\r\n") in (0, new.count("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "{modalities: {old: {file: o.npy}}}",
        "- a\n- b\n",
        "a: &m {old: {file: o.npy}}\nmodalities: *m\n",
        "modalities: some text\n",
        "a: 1\n...\n",
        "a: [\n",
        "modalities: !!map {old: {file: o.npy}}\n",
    ],
)
def test_what_only_a_person_can_add_to(text: str) -> None:
    assert with_modality(text, "new", 384) is None


@pytest.mark.parametrize("name", ["no", "1", "0x1", "null", "a-b", "été"])
def test_names_that_yaml_could_take_for_something_else(name: str) -> None:
    for text in ("modalities:\n  a: {file: o.npy}\n", "modalities: {a: {file: o.npy}}\n", ""):
        new = with_modality(text, name, 3)
        assert new is not None
        assert yaml.safe_load(new)["modalities"][name]["file"] == f"{name}_feat.npy"


def test_file_is_made_linked_or_inherited(tmp_path: Path) -> None:
    file, inherited = tmp_path / "here" / "a.yaml", tmp_path / "package.yaml"
    assert add_modality(file, inherited, "new", 3)
    assert yaml.safe_load(file.read_text()) == {"modalities": {"new": ENTRY}}
    inherited.write_text("modalities: {old: {file: o.npy}}\nb: 2\n")
    file.unlink()
    assert add_modality(file, inherited, "old", 3)
    assert not file.exists()  # it stands in the package's
    real = tmp_path / "real.yaml"
    file.symlink_to(real)
    real.write_text("a: 1\n")
    assert add_modality(file, inherited, "new", 3)
    assert file.is_symlink()
    assert yaml.safe_load(real.read_text()) == {"a": 1, "modalities": {"new": ENTRY}}
    before = real.read_bytes()
    assert add_modality(file, inherited, "new", 3)
    assert real.read_bytes() == before
    file.unlink()
    assert add_modality(file, inherited, "new", 3)
    assert yaml.safe_load(file.read_text())["modalities"].keys() == {"old", "new"}
    assert yaml.safe_load(inherited.read_text())["modalities"].keys() == {"old"}


def test_left_alone_if_it_cannot_be_added(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("{a: 1}")
    assert not add_modality(file, tmp_path / "none.yaml", "new", 3)
    assert file.read_text() == "{a: 1}"
    assert yaml.safe_load(lines_to_add("new", 3)) == {"modalities": {"new": ENTRY}}
