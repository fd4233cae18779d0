"""Image models of the libraries timm and open_clip."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from recbole_drepmrec.data.extractors.libraries import loading
from recbole_drepmrec.libraries import library


class ImageEncoder:
    """A network and the transform that it was trained with.

    Args:
        network: Images [n, 3, height, width] to features [n, d_m].
        transform: RGB image to tensor [3, height, width].
        device: Where it runs.
    """

    def __init__(self, network: Any, transform: Any, device: str) -> None:
        self._network, self._device = network.eval().to(device), device
        self.prepare: Callable[[Image.Image], Tensor] = transform
        self.notes: list[str] = []

    def encode(self, inputs: list[Tensor]) -> NDArray[np.float32]:
        """Encode images, shape [n, d_m]."""
        with torch.inference_mode():
            features = self._features(torch.stack(inputs).to(self._device))
        array: NDArray[np.float32] = features.float().cpu().numpy()
        return array

    def _features(self, images: Tensor) -> Tensor:
        features: Tensor = self._network(images)
        return features


class TimmEncoder(ImageEncoder):
    """A model of timm without its classifier: the pooled features before it.

    Source: R. Wightman, PyTorch Image Models, https://github.com/huggingface/pytorch-image-models

    Args:
        model: A name in timm, ``hf-hub:NAME`` or ``local-dir:FOLDER``.
        weights: A file of weights (.safetensors, or tensors saved by torch), or None for the
            model's own, fetched on first use.
        device: Where it runs.

    Raises:
        UserError: The library is not installed, or model or weights cannot be loaded.
    """

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        timm = library("timm", "timm", "images")
        hint = "Give a name of `timm.list_pretrained()`, local-dir:FOLDER, or a --weights file."
        with loading(model, weights, hint):
            given = {} if weights is None else _weights_of_file(timm, model, weights)
            # With its classifier, which goes later: without one, timm loads whatever fits and
            # leaves the rest random.
            network = timm.create_model(model, pretrained=True, **given)
            network.reset_classifier(0)
            config = timm.data.resolve_model_data_config(network)
        super().__init__(network, timm.data.create_transform(**config), device)


def _weights_of_file(timm: Any, model: str, weights: str) -> dict[str, Any]:
    """What ``timm.create_model`` takes to load a file, whatever number of classes that has."""
    if not Path(weights).is_file():
        raise FileNotFoundError("there is no such file")
    tensors = timm.models.load_state_dict(weights, weights_only=True)
    names = getattr(timm.models.get_pretrained_cfg(model), "classifier", None)
    name = names if isinstance(names, str) else (names or [None])[0]  # DeiT has two
    head = tensors.get(f"{name}.weight")
    classes = 0 if head is None else len(head)
    overlay = {"state_dict": tensors, "num_classes": classes, "custom_load": False}
    return {"num_classes": classes, "pretrained_cfg_overlay": overlay}


class OpenClipEncoder(ImageEncoder):
    """The image tower of a model of open_clip: features in the space that texts share.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", ICML 2021; https://github.com/mlfoundations/open_clip

    Args:
        model: A name in open_clip, ``hf-hub:NAME`` or ``local-dir:FOLDER``.
        weights: A name of ``open_clip.list_pretrained()``, or a file; None with ``hf-hub:`` and
            ``local-dir:``, which hold them.
        device: Where it runs.

    Raises:
        UserError: The library is not installed, or model or weights cannot be loaded.
    """

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        open_clip = library("open_clip", "open_clip_torch", "images")
        hint = "Give --model and --weights as `open_clip.list_pretrained()` has them, or "
        known = open_clip.list_pretrained_tags_by_model(model)
        if known:
            hint = f"Give --weights {' or '.join(known[:3])}, for example, or "
        with loading(model, weights, f"{hint}a file with --weights, or --model local-dir:FOLDER."):
            network, transform = open_clip.create_model_from_pretrained(model, pretrained=weights)
        super().__init__(network, transform, device)

    def _features(self, images: Tensor) -> Tensor:
        features: Tensor = self._network.encode_image(images)
        return features
