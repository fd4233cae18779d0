"""The command ``extract``, from raw texts and images to a trained model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from recbole_drepmrec.cli import main
from recbole_drepmrec.data.extractors import IMAGE_BACKENDS, TEXT_BACKENDS
from tests.command_lines import with_words
from tests.data.extractors.tiny_encoders import (
    HashedWords,
    PixelProjection,
    picture,
    to_tensor,
    write_shop,
)

ROOT = Path(__file__).parents[1]
TEXT = ["extract", "shop", "--from=text", "--fields=title,brand", "--model=m"]
IMAGES = ["extract", "shop", "--from", "images", "--folder", "photos", "--model", "m"]
PROPERTIES = Path("properties/dataset/shop.yaml")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set with texts and images, in a working folder of its own, and small encoders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(TEXT_BACKENDS, "sentence-transformers", HashedWords)
    monkeypatch.setitem(IMAGE_BACKENDS, "timm", PixelProjection)
    Path("photos").mkdir()
    for item in range(25):
        picture(item).save(f"photos/p{item}.png")
    Path("photos/p3.png").write_bytes(b"")
    Path("photos/p4.png").write_text("no image")
    picture(0).save("photos/nobody.png")
    return write_shop(tmp_path)


def titles(folder: Path) -> dict[str, str]:
    rows = [line.split("\t") for line in (folder / "shop.item").read_text().splitlines()[1:]]
    return {item: " ".join(f"{title} {brand}".split()) for item, title, brand, _ in rows}


def test_texts_to_features(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(TEXT) == 0
    assert capsys.readouterr().out.splitlines() == [
        "modality text: 8 features of 29 of 30 items",
        "items without an input: 1, such as p1",
        "note: words are hashed",
        "wrote dataset/shop/text_feat.npy",
        "wrote dataset/shop/text_ids.txt",
        "wrote dataset/shop/text_extraction.json",
        "wrote properties/dataset/shop.yaml",
        "next: recbole-drepmrec train --dataset shop",
    ]
    ids = (shop / "text_ids.txt").read_text().splitlines()
    assert ids == [f"p{item}" for item in range(30) if item != 1]
    texts = titles(shop)
    expected = HashedWords("m", None, "cpu").encode([texts[item] for item in ids])
    values = np.load(shop / "text_feat.npy")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    report = json.loads((shop / "text_extraction.json").read_text())
    assert report["fields"] == ["title", "brand"]
    assert report["missing"] == ["p1"]
    assert sorted(path.name for path in shop.iterdir()) == [
        "shop.inter",
        "shop.item",
        "text_extraction.json",
        "text_feat.npy",
        "text_ids.txt",
    ]


def test_images_to_features(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*IMAGES, "--batch_size=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "modality image: 6 features of 23 of 30 items",
        "items without an input: 5, such as p25, p26, p27",
        "broken inputs: 2, 'p3' (the file is empty), 'p4' (no image, or of an unknown format)",
        "note: images in photos that belong to no item: 1",
    ]
    kept = [item for item in range(25) if item not in (3, 4)]
    expected = PixelProjection("m", None, "cpu").encode([to_tensor(picture(i)) for i in kept])
    np.testing.assert_allclose(np.load(shop / "image_feat.npy"), expected, rtol=1e-6)
    assert (shop / "image_ids.txt").read_text().splitlines() == [f"p{item}" for item in kept]


def test_both_modalities_train_a_model(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PROPERTIES.parent.mkdir(parents=True)
    PROPERTIES.write_text("# mine\nload_col: {inter: [user_id, item_id]}  # all\n")
    assert main(TEXT) == 0
    assert main(IMAGES) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("next: recbole-drepmrec ")
    text = PROPERTIES.read_text()
    assert text.startswith("# mine\nload_col: {inter: [user_id, item_id]}  # all\nmodalities:\n")
    assert list(yaml.safe_load(text)["modalities"]) == ["image", "text"]
    quick = ["--epochs=1", "--show_progress=False", "--state=error"]
    assert main([*command.split(), *quick]) == 0
    assert "DRepMRec on shop" in capsys.readouterr().out
    assert main(["info", "shop"]) == 0
    out = capsys.readouterr().out
    assert "8 features, 1 items without" in out
    assert "6 features, 7 items without" in out


def test_again_replaces_its_own_and_nothing_else(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(TEXT) == 0
    first, properties = (shop / "text_feat.npy").read_bytes(), PROPERTIES.read_bytes()
    assert main(TEXT) == 0
    assert (shop / "text_feat.npy").read_bytes() == first
    assert main(with_words(TEXT, "--model=another")) == 0
    assert (shop / "text_feat.npy").read_bytes() != first
    assert PROPERTIES.read_bytes() == properties
    (shop / "text_extraction.json").unlink()
    assert main(TEXT) == 2
    assert "text_feat.npy was not written by `extract`" in capsys.readouterr().err


def test_modality_of_that_name_is_left_alone(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PROPERTIES.parent.mkdir(parents=True)
    PROPERTIES.write_text("modalities: {text: {file: other.npy}}\n")
    assert main(TEXT) == 2
    assert "the modality 'text' is configured already" in capsys.readouterr().err
    assert main([*TEXT, "--modality", "words"]) == 0
    assert yaml.safe_load(PROPERTIES.read_text())["modalities"].keys() == {"text", "words"}


def test_settings_kept_elsewhere(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The columns go by other names, and the lines to add are printed."""
    text = (shop / "shop.item").read_text()
    (shop / "shop.item").write_text(text.replace("item_id", "sku").replace("\t", ";"))
    text = (shop / "shop.inter").read_text()
    (shop / "shop.inter").write_text(text.replace("item_id", "sku").replace("\t", ";"))
    (shop.parent).rename("data")
    Path("my.yaml").write_text("data_path: data\nITEM_ID_FIELD: sku\nfield_separator: ';'\n")
    assert main([*TEXT, "--config_files", "my.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("add to my.yaml:")
    added = yaml.safe_load("\n".join(lines[at + 1 : at + 5]))
    assert added == {"modalities": {"text": {"file": "text_feat.npy", "ids": "text_ids.txt"}}}
    assert lines[-1] == "next: recbole-drepmrec train --dataset shop --config_files my.yaml"
    assert not PROPERTIES.exists()
    assert len(np.load("data/shop/text_feat.npy")) == 29


def test_paths_in_a_column(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"p{item}\tphotos/p{(item + 1) % 10}.png" for item in range(6)]
    text = "\n".join(["item_id:token\tphoto:token", *rows, "p9\t"]) + "\n"
    (shop / "shop.item").write_text(text)
    words = ["extract", "shop", "--from=images", "--column=photo", "--folder=.", "--model=m"]
    assert main(words) == 0
    assert "modality image: 6 features of 4 of 30 items" in capsys.readouterr().out
    assert (shop / "image_ids.txt").read_text().split() == ["p0", "p1", "p4", "p5"]


def test_a_built_in_data_set_keeps_its_modalities(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", "ml-100k-mm", "--from=text", "--fields=movie_title", "--model=m"]
    assert main(words) == 2
    assert "text_feat.npy was not written by `extract`" in capsys.readouterr().err
    assert main([*words, "--modality=title"]) == 0
    file = Path("properties/dataset/ml-100k-mm.yaml")
    assert yaml.safe_load(file.read_text())["modalities"].keys() == {"text", "knowledge", "title"}
    assert "RATING_FIELD: rating " in file.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: NAME, --from, --model"),
        (["shop", "--from", "audio", "--model=m"], "argument --from: invalid choice: 'audio'"),
        (["shop", "--from=text", "--model=m"], "--fields title,description"),
        (["shop", "--from=text", "--model=m", "--fields", ","], "--fields title,description"),
        (["shop", "--from=text", "--model=m", "--fields=titel"], "no column 'titel'; it has item"),
        (["shop", "--from=text", "--model=m", "--folder=x"], "--folder has no meaning with"),
        (["shop", "--from=images", "--model=m", "--fields=x"], "--fields has no meaning with"),
        (["shop", "--from=images", "--model=m"], "say where the images are"),
        (["shop", "--from=images", "--model=m", "--folder=x"], "there is no folder x"),
        ([*TEXT[1:], "--backend=timm"], "does not encode text; choose sentence-transformers"),
        ([*IMAGES[1:], "--backend=sentence-transformers"], "choose timm or open_clip"),
        ([*TEXT[1:], "--batch_size=0"], "--batch_size is 0, expected 1 to 512"),
        ([*TEXT[1:], "--batch_size=x"], "argument --batch_size: invalid int value: 'x'"),
        ([*TEXT[1:], "--workers=-1"], "--workers is -1, expected 0 or more"),
        ([*TEXT[1:], "--device=gpu"], "there is no device 'gpu' here"),
        ([*TEXT[1:], "--modality=a b"], "a modality is called 'a b'"),
        (["shopp", *TEXT[2:]], "there is no data set 'shopp'; did you mean 'shop'?"),
        (["ml-100k", *TEXT[2:]], "lies inside RecBole's package"),
        ([*TEXT[1:], "--data_path=elsewhere"], "there is no data set 'shop'"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    before = sorted(shop.rglob("*"))
    assert main(["extract", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(shop.rglob("*")) == before
    assert not PROPERTIES.exists()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("NAME", "--from", "--fields", "--folder", "--backend", "--device", "open_clip"):
        assert word in text


SLOW = """
import sys, time
from pathlib import Path
from recbole_drepmrec.cli import main
from recbole_drepmrec.data.extractors import TEXT_BACKENDS
from tests.data.extractors.tiny_encoders import HashedWords

class Slow(HashedWords):
    def encode(self, inputs):
        if len(self.encoded) >= int(sys.argv[1]):
            Path("reached").touch()
            time.sleep(60)
        return super().encode(inputs)

TEXT_BACKENDS["sentence-transformers"] = Slow
main(sys.argv[2:])
"""


def kill_once_it_has_encoded(n_texts: int) -> None:
    """Run the command in a process of its own, and kill it (signal 9) in the middle."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(n_texts), *TEXT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    end = time.monotonic() + 120
    while not Path("reached").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    Path("reached").unlink()


def test_killed_in_the_middle_it_goes_on_and_gives_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1,299 texts are chunks of 512, 512 and 275; the kill comes in the third, then at once."""
    encoders: list[HashedWords] = []

    def counting(*arguments: object) -> HashedWords:
        encoders.append(HashedWords(*arguments))  # type: ignore[arg-type]
        return encoders[-1]

    monkeypatch.setitem(TEXT_BACKENDS, "sentence-transformers", counting)
    written = []
    for name in ("killed", "whole"):
        folder = write_shop(tmp_path / name, n_items=1300)
        monkeypatch.chdir(tmp_path / name)
        if name == "killed":
            kill_once_it_has_encoded(1100)
            assert not (folder / "text_feat.npy").exists()
            assert len(list((folder / ".text_extraction").rglob("*.npz"))) == 2
            kill_once_it_has_encoded(0)
            assert len(list((folder / ".text_extraction").rglob("*.npz"))) == 2
        assert main(TEXT) == 0
        resumed = capsys.readouterr().out.startswith("going on after 1,024 of 1,299 inputs\n")
        assert resumed == (name == "killed")
        assert not (folder / ".text_extraction").exists()
        names = ("text_feat.npy", "text_ids.txt", "text_extraction.json")
        written.append([(folder / file).read_bytes() for file in names])
    assert [len(encoder.encoded) for encoder in encoders] == [275, 1299]
    assert written[0] == written[1]


def test_a_resumed_run_with_other_settings_starts_anew(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(TEXT) == 0
    whole = (shop / "text_feat.npy").read_bytes()
    for file in ("text_feat.npy", "text_ids.txt", "text_extraction.json"):
        (shop / file).unlink()

    class Interrupted(HashedWords):
        def encode(self, inputs: list[str]) -> np.ndarray:
            raise KeyboardInterrupt

    keys = []
    for words in (TEXT, with_words(TEXT, "--model=n"), with_words(TEXT, "--fields=title"), TEXT):
        monkeypatch.setitem(TEXT_BACKENDS, "sentence-transformers", Interrupted)
        assert main(words) == 130
        keys += [path.name for path in (shop / ".text_extraction").iterdir()]
    assert len(keys) == 4
    assert len(set(keys)) == 3
    monkeypatch.setitem(TEXT_BACKENDS, "sentence-transformers", HashedWords)
    assert main(TEXT) == 0
    assert (shop / "text_feat.npy").read_bytes() == whole
