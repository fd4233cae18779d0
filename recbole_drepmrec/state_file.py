"""One file of tensors and plain data: safetensors, with the plain data as JSON in its header.

Reading such a file runs no code, whoever wrote it. The header's entry ``recbole-drepmrec`` is JSON;
what is no JSON stands there as ``{"$": KIND, ...}``, and a tensor by its name in the file, which
is its path in the state: any reader of safetensors finds ``state_dict/user_embedding.weight``.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file

HEADER = "recbole-drepmrec"
"""Name of the header's entry."""

KIND = "$"
"""Marks, in the JSON, what is more than JSON."""


def write_state(path: Path, what: str, format_number: int, state: dict[str, Any]) -> None:
    """Write a state whole or not at all.

    Args:
        path: Where it goes; an older file there is replaced.
        what: What kind of file this is, such as ``checkpoint``.
        format_number: Raised whenever files of this kind change.
        state: Nested dicts, lists and tuples of tensors, arrays of numbers or texts, sparse
            matrices and plain values.

    Raises:
        UserError: The file cannot be written.
        TypeError: The state holds something that is neither tensor nor plain data.
    """
    encoder = _Encoder()
    tree = encoder.encode(state, "")
    header = {"what": what, "format": format_number, "state": tree}
    text = json.dumps(header, allow_nan=False)
    with atomic_file(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        try:
            save_file(encoder.tensors, temporary, {HEADER: text})
            temporary.chmod(mode)  # as any file of this user's; safetensors makes it private
        except SafetensorError as error:  # how it reports a full disk
            raise OSError(str(error)) from error


def read_state(path: Path, what: str, format_number: int, device: torch.device) -> dict[str, Any]:
    """Read what ``write_state`` wrote; nothing in the file can run code.

    Args:
        path: The file.
        what: The kind of file that is expected.
        format_number: The format that is expected.
        device: Where its tensors go.

    Raises:
        UserError: The file is missing, damaged, of another kind or of another format.
    """
    if not path.is_file():
        raise UserError(f"the {what} {path} does not exist.")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            names = set(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
        if (header.get("what"), header.get("format")) == (what, format_number):
            state = _decode(header["state"], tensors)
            if isinstance(state, dict):
                return state
            raise TypeError(f"its state is {type(state).__name__}")
    except Exception as error:  # whatever a damaged or forged file makes go wrong
        raise UserError(
            f"{path} is damaged or no {what} of recbole-drepmrec, which hold tensors and "
            f"plain data only ({type(error).__name__}); take it away, or make it again."
        ) from error
    found = header.get("format")
    if header.get("what") == what and isinstance(found, int):
        raise UserError(
            f"{path} is no {what} of recbole-drepmrec, format {format_number}, but of format "
            f"{found}; use the version that wrote it, or train again with this one."
        )
    raise UserError(
        f"{path} is no {what} of recbole-drepmrec, format {format_number}; give one, or the folder "
        "of its run."
    )


class _Encoder:
    """Turns a state into JSON, and gathers its tensors on the way.

    Attributes:
        tensors: Name in the file to tensor, each with memory of its own, on the host.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._memory: set[int] = set()

    def encode(self, value: Any, path: str) -> Any:
        """The JSON of a value.

        Args:
            value: Any part of a state.
            path: Where it stands in the state.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return {KIND: "float", "value": str(value)}
        if isinstance(value, str | int | float | bool | None):
            return value
        if isinstance(value, dict):
            return self._mapping(value, path)
        if isinstance(value, list | tuple):
            items = [self.encode(item, f"{path}/{n}") for n, item in enumerate(value)]
            return items if isinstance(value, list) else {KIND: "tuple", "items": items}
        if isinstance(value, Tensor) and value.layout == torch.strided:
            return {KIND: "tensor", "name": self._keep(value, path)}
        return self._array(value, path)

    def _mapping(self, value: dict[Any, Any], path: str) -> Any:
        if all(isinstance(key, str) for key in value) and KIND not in value:
            return {key: self.encode(item, f"{path}/{key}") for key, item in value.items()}
        pairs = [
            [self.encode(key, path), self.encode(item, f"{path}/{key}")]
            for key, item in value.items()
        ]
        return {KIND: "dict", "items": pairs}

    def _array(self, value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "UO":
            return self._texts(value, path)
        if isinstance(value, np.ndarray):
            plain = torch.from_numpy(np.asarray(value, order="C"))
            return {KIND: "array", "name": self._keep(plain, path)}
        if not sp.issparse(value):
            raise TypeError(f"a state file cannot hold {type(value).__name__}")
        return self._sparse(value, path)

    def _sparse(self, value: Any, path: str) -> Any:
        coo = value.tocoo()
        parts = {
            part: self._keep(torch.from_numpy(getattr(coo, part)), f"{path}/{part}")
            for part in ("data", "row", "col")
        }
        shape = list(value.shape)
        return {KIND: "sparse", "format": value.format, "shape": shape, "parts": parts}

    def _texts(self, texts: NDArray[Any], path: str) -> Any:
        """A vector of texts as one run of bytes, and where each ends."""
        if texts.ndim != 1 or not all(isinstance(text, str) for text in texts):
            raise TypeError("a state file cannot hold an array of objects other than texts")
        encoded = [text.encode() for text in texts]
        ends = torch.tensor([len(text) for text in encoded], dtype=torch.int64).cumsum(0)
        joined = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()
        return {
            KIND: "texts",
            "bytes": self._keep(torch.from_numpy(joined), f"{path}/bytes"),
            "ends": self._keep(ends, f"{path}/ends"),
        }

    def _keep(self, tensor: Tensor, path: str) -> str:
        """Keep a tensor under a name of its own; safetensors takes no shared memory."""
        host = tensor.detach().cpu().contiguous()
        memory = host.untyped_storage().data_ptr()
        if memory in self._memory or host.untyped_storage().nbytes() != host.nbytes:
            host = host.clone()
            memory = host.untyped_storage().data_ptr()
        self._memory.add(memory)
        name = path.removeprefix("/")
        while name in self.tensors:
            name += "'"
        self.tensors[name] = host
        return name


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if KIND not in value:
        return {key: _decode(item, tensors) for key, item in value.items()}
    return _DECODERS[value[KIND]](value, tensors)


def _decode_sparse(value: Any, tensors: dict[str, Tensor]) -> Any:
    data, row, col = (
        tensors[value["parts"][part]].cpu().numpy() for part in ("data", "row", "col")
    )
    matrix = sp.coo_matrix((data, (row, col)), shape=tuple(value["shape"]))
    return matrix.asformat(value["format"])


def _decode_texts(value: Any, tensors: dict[str, Tensor]) -> NDArray[Any]:
    joined = tensors[value["bytes"]].cpu().numpy().tobytes()
    ends = tensors[value["ends"]].tolist()
    texts = np.empty(len(ends), dtype=object)
    texts[:] = [joined[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
    return texts


_DECODERS: dict[str, Any] = {
    "float": lambda value, _: float(value["value"]),
    "tuple": lambda value, tensors: tuple(_decode(value["items"], tensors)),
    "dict": lambda value, tensors: {
        _decode(key, tensors): _decode(item, tensors) for key, item in value["items"]
    },
    "tensor": lambda value, tensors: tensors[value["name"]],
    "array": lambda value, tensors: tensors[value["name"]].cpu().numpy(),
    "sparse": _decode_sparse,
    "texts": _decode_texts,
}
