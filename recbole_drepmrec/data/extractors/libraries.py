"""Finds the models that libraries bring, and where these run."""

import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from recbole_drepmrec.errors import UserError


@contextmanager
def loading(model: str, weights: str | None, hint: str) -> Iterator[None]:
    """Turn whatever a library says of a model it cannot load into the user's error.

    Args:
        model: The model's name.
        weights: Its weights, where they are named apart.
        hint: What to give instead.
    """
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)  # the error is said once
    try:
        yield
    except Exception as error:  # a hub, a file and a pickle each fail in ways of their own
        what = model if weights is None else f"{model} with the weights {weights}"
        said = " ".join(str(error).split()) or type(error).__name__
        short = textwrap.shorten(said, 300, placeholder="").rstrip(" .,")
        raise UserError(f"the model {what} cannot be loaded: {short}. {hint}") from error
    finally:
        logging.disable(before)


def named_device(name: str) -> str:
    """The device that ``--device`` names; ``auto`` prefers a GPU.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` and so on.

    Raises:
        UserError: There is no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"there is no device '{name}' here ({reason}); choose auto, cpu or, on a machine with "
            "a GPU, cuda or cuda:0."
        ) from error
    return name


@contextmanager
def enough_memory(batch_size: int) -> Iterator[None]:
    """Turn a GPU's lack of memory into the user's error.

    Args:
        batch_size: Inputs in a batch, for the message.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU has too little memory for batches of {batch_size}; run the same command with "
            "a smaller --batch_size. It goes on where it stopped."
        ) from error
