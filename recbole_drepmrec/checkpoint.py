"""Checkpoints of tensors and plain data, so that reading a stranger's file runs no code."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_drepmrec.state_file import read_state, write_state

WHAT, FORMAT = "checkpoint", 3


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: Where it goes; an older checkpoint there is replaced.
        state: As ``write_state`` takes it.

    Raises:
        UserError: The file cannot be written.
        TypeError: The state holds something that is neither tensor nor plain data.
    """
    write_state(path, WHAT, FORMAT, state)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what ``write_checkpoint`` wrote; nothing in the file can run code.

    Args:
        path: The checkpoint.
        device: Where its tensors go.

    Raises:
        UserError: The file is missing, damaged, or not one of our checkpoints.
    """
    return read_state(path, WHAT, FORMAT, device)


@contextmanager
def read_by_recbole() -> Iterator[None]:
    """Let RecBole's models that begin with another one's parameters read our checkpoints.

    NeuMF, ConvNCF, NAIS and RaCT ask ``torch.load`` for the file that their settings name.
    """
    original = torch.load
    torch.load = lambda file, map_location="cpu", **_: read_checkpoint(
        Path(file), torch.device(map_location)
    )
    try:
        yield
    finally:
        torch.load = original


def random_state() -> dict[str, Any]:
    """The state of every global random generator, as plain data and tensors."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (name, np.asarray(keys).astype(np.int64), position, has_gauss, cached),
        "python": (version, list(internal), gauss),
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Set every global random generator to what ``random_state`` returned."""
    torch.set_rng_state(state["torch"].cpu())
    if torch.cuda.is_available() and state["cuda"]:
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.astype(np.uint32), *rest))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
