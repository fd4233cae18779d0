"""Finds the libraries that bring models, the models in them, and where these run."""

import importlib
import importlib.metadata
import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from recbole_drepmrec.errors import UserError


def library(module: str, package: str, extra: str) -> Any:
    """Import a library that is no dependency of ours.

    Args:
        module: Its name in Python.
        package: Its name on PyPI.
        extra: Our extra that installs it.

    Raises:
        UserError: It is not installed, or does not work with the torch that is.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name not in (None, module, module.partition(".")[0]):
            why = f"cannot be imported, because {error.name} is missing"
        elif error.name is None:
            why = f"cannot be imported ({error})"
        else:
            why = "is not installed"
        command = f'pip install "recbole-drepmrec[{extra}]"'
        raise UserError(f"the package {package} {why}; run `{command}`.") from error
    except RuntimeError as error:  # what a torchvision for another torch says
        raise UserError(
            f"the package {package} cannot be imported ({error}); install versions of torch and "
            "torchvision that belong together."
        ) from error


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


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of these packages."""
    installed = {}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
