"""Extractors: features out of raw texts and images, by models that other libraries bring."""

from collections.abc import Callable

from recbole_drepmrec.data.extractors.encoder import Encoder
from recbole_drepmrec.data.extractors.image_encoders import OpenClipEncoder, TimmEncoder
from recbole_drepmrec.data.extractors.texts import SentenceEncoder

TEXT_BACKENDS: dict[str, Callable[[str, str | None, str], Encoder]] = {
    "sentence-transformers": SentenceEncoder,
}
IMAGE_BACKENDS: dict[str, Callable[[str, str | None, str], Encoder]] = {
    "timm": TimmEncoder,
    "open_clip": OpenClipEncoder,
}
"""What makes an encoder of ``(model, weights, device)``, by the name that ``--backend`` takes."""
