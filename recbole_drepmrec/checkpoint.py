"""Checkpoints of tensors and plain data, so that reading a stranger's file runs no code."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file

FORMAT = 1
SPARSE, DENSE = "scipy_sparse", "numpy_array"


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: Where it goes; an older checkpoint there is replaced.
        state: Nested dicts, lists and tuples of tensors, arrays, sparse matrices and plain values.

    Raises:
        UserError: The file cannot be written.
        TypeError: The state holds something that is neither tensor nor plain data.
    """
    with atomic_file(path) as temporary:
        try:
            torch.save({"format": FORMAT, **_encode(state)}, temporary)
        except RuntimeError as error:  # how torch reports a full disk
            raise OSError(str(error).splitlines()[0]) from error


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what ``write_checkpoint`` wrote; nothing in the file can run code.

    Args:
        path: The checkpoint.
        device: Where its tensors go.

    Raises:
        UserError: The file is missing, damaged, or not one of our checkpoints.
    """
    if not path.is_file():
        raise UserError(f"the checkpoint {path} does not exist.")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UserError(
            f"{path} is damaged or not a checkpoint of recbole-drepmrec, which hold tensors and "
            f"plain data only ({type(error).__name__})."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path} is not a checkpoint of recbole-drepmrec, format {FORMAT}.")
    decoded: dict[str, Any] = _decode(state)
    return decoded


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


def _encode(value: Any) -> Any:
    """Arrays and sparse matrices, which several of RecBole's models keep, as tensors."""
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_encode(item) for item in value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"kind": DENSE, "data": torch.from_numpy(np.ascontiguousarray(np.asarray(value)))}
    if sp.issparse(value):
        return _encode_sparse(value)
    if isinstance(value, Tensor | str | int | float | bool | None):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


def _encode_sparse(matrix: Any) -> dict[str, Any]:
    coo = matrix.tocoo()
    parts = {name: torch.from_numpy(getattr(coo, name).copy()) for name in ("data", "row", "col")}
    return {"kind": SPARSE, "format": matrix.format, "shape": tuple(matrix.shape), **parts}


def _decode(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if value.get("kind") == DENSE:
        return value["data"].cpu().numpy()
    if value.get("kind") == SPARSE:
        data, row, col = (value[name].cpu().numpy() for name in ("data", "row", "col"))
        return sp.coo_matrix((data, (row, col)), shape=value["shape"]).asformat(value["format"])
    return {key: _decode(item) for key, item in value.items()}
