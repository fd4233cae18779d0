"""Real encoders that need torch only: fixed random networks, quick enough for every test."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image


class HashedWords:
    """The mean of one fixed random vector a word, shape [n, 8]; takes what a backend takes."""

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        generator = torch.Generator().manual_seed(zlib.crc32(model.encode()))
        self._table = torch.randn(997, 8, generator=generator)
        self.prepare = str
        self.notes = ["words are hashed"]
        self.encoded: list[str] = []

    def encode(self, inputs: list[str]) -> NDArray[np.float32]:
        self.encoded += inputs
        rows = [[zlib.crc32(word.encode()) % 997 for word in text.split()] for text in inputs]
        return torch.stack([self._table[row].mean(0) for row in rows]).numpy()


def to_tensor(image: Image.Image) -> torch.Tensor:
    """A picture of 8 x 8 pixels, shape [192]."""
    assert image.mode == "RGB"
    return torch.from_numpy(np.array(image.resize((8, 8))).astype(np.float32) / 255).flatten()


class PixelProjection:
    """A fixed random projection of the pixels, shape [n, 6]."""

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        generator = torch.Generator().manual_seed(zlib.crc32(model.encode()))
        self._matrix = torch.randn(192, 6, generator=generator)
        self.prepare = to_tensor
        self.notes: list[str] = []

    def encode(self, inputs: list[torch.Tensor]) -> NDArray[np.float32]:
        return torch.stack([pixels @ self._matrix for pixels in inputs]).numpy()


def picture(seed: int, size: tuple[int, int] = (20, 12), channels: int = 3) -> Image.Image:
    """Random pixels: grey for one channel, RGB for three, RGBA for four."""
    shape: Any = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels)


def write_shop(parent: Path, n_items: int = 30, seed: int = 0) -> Path:
    """A data set ``shop`` with titles and brands; item p1 has no text, p2 no brand."""
    folder = parent / "dataset" / "shop"
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    words = ["red", "blue", "shoe", "shirt", "long", "warm", "cup", "of", "tea"]
    lines = ["item_id:token\ttitle:token_seq\tbrand:token\tprice:float"]
    for item in range(n_items):
        title = " ".join(random.choice(words, random.integers(1, 12)))
        brand = f"brand{item % 5}"
        text = {1: "\t", 2: f"{title}\t"}.get(item, f"{title}\t{brand}")
        lines.append(f"p{item}\t{text}\t{item}.5")
    (folder / "shop.item").write_text("\n".join(lines) + "\n")
    pairs = [
        f"u{user}\tp{item}"
        for user in range(20)
        for item in random.choice(min(n_items, 30), 8, replace=False)
    ]
    (folder / "shop.inter").write_text("\n".join(["user_id:token\titem_id:token", *pairs]) + "\n")
    return folder
