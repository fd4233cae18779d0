"""Graphs kept on disk, under a name made of all that they depend on."""

import ctypes
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.graph.sparse import Graph

_logger = logging.getLogger(__name__)


def content_hash(*parts: Tensor | str | int | float | bool) -> str:
    """SHA-256 of all the parts in their order, type, dtype and shape included.

    Args:
        parts: Tensors of any shape and plain values.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(f"tensor {part.dtype} {tuple(part.shape)}\n".encode())
            _update_with_bytes(digest, part)
        else:
            # repr escapes line ends, so no two lists of parts can run into each other
            digest.update(f"{type(part).__name__} {part!r}\n".encode())
    return digest.hexdigest()


def cached_graph(folder: Path | None, key: str, build: Callable[[], Graph]) -> Graph:
    """Read the graph of this key from the folder, or build it and keep it there.

    A file that cannot be read is reported as a warning and built again.

    Args:
        folder: Folder of ``<key>.safetensors`` files; None keeps nothing.
        key: ``content_hash`` of all that the graph depends on.
        build: Makes the graph.

    Raises:
        UserError: The file could not be written.
    """
    if folder is None:
        return build()
    path = folder / f"{key}.safetensors"
    kept = _read(path)
    if kept is not None:
        return kept
    graph = build()
    _write(path, graph)
    return graph


def _update_with_bytes(digest: "hashlib._Hash", tensor: Tensor) -> None:
    tensor = tensor.detach().cpu().contiguous()
    if tensor.numel():
        # a window on the tensor's memory: features can be too large to copy
        digest.update((ctypes.c_ubyte * tensor.nbytes).from_address(tensor.data_ptr()))


def _read(path: Path) -> Graph | None:
    try:
        parts = load(path.read_bytes())
        n_rows, n_cols = parts["shape"].long().tolist()
        return Graph(parts["rows"], parts["cols"], parts["weights"], (n_rows, n_cols))
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        _logger.warning("cannot read the cached graph %s (%s); building it again", path, error)
        return None


def _write(path: Path, graph: Graph) -> None:
    parts = {"rows": graph.rows, "cols": graph.cols, "weights": graph.weights}
    parts["shape"] = torch.tensor(graph.shape)
    # copies, because safetensors refuses rows and cols that are one tensor; and bytes first,
    # because a full disk is then an OSError of Python, not an error of safetensors
    content = save({name: part.contiguous().clone() for name, part in parts.items()})
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
