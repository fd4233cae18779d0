"""Libraries that are not there, devices that are not, and models that cannot be loaded."""

import importlib.metadata
import logging
import sys
from pathlib import Path

import pytest
import torch

from recbole_drepmrec.data.extractors import IMAGE_BACKENDS, TEXT_BACKENDS
from recbole_drepmrec.data.extractors.facts import digest, file_facts
from recbole_drepmrec.data.extractors.libraries import (
    enough_memory,
    loading,
    named_device,
)
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.libraries import library, versions

BACKENDS = {**TEXT_BACKENDS, **IMAGE_BACKENDS}


@pytest.mark.parametrize(
    ("backend", "module", "extra"),
    [
        ("sentence-transformers", "sentence_transformers", "text"),
        ("timm", "timm", "images"),
        ("open_clip", "open_clip", "images"),
    ],
)
def test_library_not_installed(
    backend: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf'pip install "recbole-drepmrec\[{extra}\]"'):
        BACKENDS[backend]("model", None, "cpu")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_thing_at_all", "because no_such_thing_at_all is missing"),
        ("from os import no_such_thing", "cannot be imported .*cannot import name|because os"),
        ("raise RuntimeError('operator torchvision::nms does not exist')", "belong together"),
    ],
)
def test_library_that_does_not_import(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_library.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=message):
        library("odd_library", "odd-library", "text")


def test_model_that_cannot_be_loaded_is_said_once() -> None:
    with pytest.raises(UserError) as caught, loading("m", "w.pt", "Give another."):
        logging.getLogger().error("told here already")
        raise KeyError("so\n" * 500)
    text = str(caught.value)
    assert text.startswith("the model m with the weights w.pt cannot be loaded: 'so")
    assert text.endswith(". Give another.")
    assert "\n" not in text
    assert len(text) < 500
    assert logging.root.manager.disable == 0


def test_devices() -> None:
    assert named_device("cpu") == "cpu"
    assert named_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("cuda:99", "gpu", "meta", ""):
        with pytest.raises(UserError, match=f"there is no device '{name}' here"):
            named_device(name)


def test_too_little_memory() -> None:
    with (
        pytest.raises(UserError, match="batches of 64; run .* smaller --batch_size"),
        enough_memory(64),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_versions_of_what_is_there() -> None:
    assert versions("torch", "no-such-package") == {"torch": torch.__version__}


def test_the_version_of_torch_names_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel of PyPI has another one in its metadata than in the module."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.13.0")
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    assert versions("torch", "numpy") == {"torch": "2.13.0+cu130", "numpy": "2.13.0"}


def test_digest_tells_inputs_apart() -> None:
    known = {digest(parts) for parts in ([["a", "b"]], [["ab"]], ["a", "b"], ["ab"], [["a"], "b"])}
    assert len(known) == 5
    assert digest(iter(["a", "b"])) == digest(["a", "b"])


def test_facts_of_local_models(tmp_path: Path) -> None:
    assert file_facts(None) == file_facts("") == file_facts("a-model-of-a-hub") == []
    (tmp_path / "1").mkdir()
    for name in ("b.bin", "1/a.json"):
        (tmp_path / name).write_text(name)
    facts = file_facts(f"local-dir:{tmp_path}")
    assert facts == file_facts(str(tmp_path))
    assert [(Path(file).name, size) for file, size, _ in facts] == [("a.json", 8), ("b.bin", 5)]
    assert file_facts(str(tmp_path / "b.bin")) == facts[1:]


def test_a_part_of_a_library_is_missing_with_it() -> None:
    with pytest.raises(UserError, match=r"odd\[part\] is not installed; run `pip install"):
        library("no_such_library.part", "odd[part]", "text")
