"""Texts of items and the sentence model that encodes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.data.extractors.items import Items
from recbole_drepmrec.data.extractors.libraries import loading
from recbole_drepmrec.libraries import library


@dataclass(frozen=True)
class TextSource:
    """One text an item, in memory.

    Attributes:
        ids: Raw item ids.
        texts: The text of each, not empty.
    """

    ids: Sequence[str]
    texts: Sequence[str]

    def load(self, row: int) -> str:
        """The text as it is."""
        return self.texts[row]

    def weight(self, row: int) -> int:
        """Its length: a batch is padded to its longest text."""
        return len(self.texts[row])


def joined_texts(items: Items, fields: Sequence[str]) -> dict[str, str]:
    """One text an item: its fields in the given order, parted by a space. [ours]

    Args:
        items: Items with the columns ``fields``.
        fields: Columns to join.

    Returns:
        Raw id to text, without the items whose fields are all empty.
    """
    rows = zip(*(items.columns[field] for field in fields), strict=True)
    texts = (" ".join(text for value in row if (text := value.strip())) for row in rows)
    return {item: text for item, text in zip(items.ids, texts, strict=True) if text}


class SentenceEncoder:
    """A model of the library sentence-transformers.

    Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019; https://sbert.net

    Args:
        model: A name on Hugging Face, or a folder.
        weights: Must be None: the model's folder holds them.
        device: Where it runs.

    Raises:
        UserError: The library is not installed, or there is no such model.
    """

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        package = library("sentence_transformers", "sentence-transformers", "text")
        hint = "Give a name from Hugging Face (fetched on first use) or a model's folder."
        with loading(model, weights, hint):
            self._model: Any = package.SentenceTransformer(model, device=device)
        self.prepare: Callable[[str], str] = str  # the model has its own tokenizer
        length = self._model.max_seq_length
        self.notes = [f"the model reads the first {length} tokens of a text"] if length else []

    def encode(self, inputs: list[str]) -> NDArray[np.float32]:
        """Encode texts, shape [n, d_m]."""
        features: NDArray[Any] = self._model.encode(
            inputs, batch_size=len(inputs), show_progress_bar=False, convert_to_numpy=True
        )
        return features.astype(np.float32)
