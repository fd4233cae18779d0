"""Which operations would make the host wait for a GPU, seen on a CPU."""

from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

BY_CONTENT = {
    "_local_scalar_dense",  # item(), bool(), float()
    "is_nonzero",
    "equal",
    "bincount",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "repeat_interleave",
}
"""Operations that read numbers, or whose shape depends on them."""

COPIES = {"tolist", "numpy", "cpu", "to", "tensor", "as_tensor"}
"""Functions that copy to the host or from it; ``to`` only where it is given the word ``cpu``."""


class Waits:
    """Notes the operations inside, forward and backward, that would make the host wait.

    What it does not see: kernels that wait of themselves, and operations that Python never calls.

    Attributes:
        found: Their names, in the order they came.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._modes = ExitStack()

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._modes.enter_context(_Functions(self.found))
        self._modes.enter_context(_Operations(self.found))
        return self

    def __exit__(self, *error: object) -> None:
        """Watch no more."""
        self._modes.close()


class _Operations(TorchDispatchMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Note the operation, then do it."""
        name = operation.overloadpacket.__name__
        known_size = name == "repeat_interleave" and "output_size" in (kwargs or {})
        if name in BY_CONTENT and not known_size:
            self.found.append(name)
        if name in ("index", "index_put", "index_put_", "_index_put_impl_") and any(
            isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)
            for index in args[1]
        ):
            self.found.append(f"{name} of a mask")
        return operation(*args, **(kwargs or {}))


class _Functions(TorchFunctionMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Note the function, then call it."""
        name = getattr(function, "__name__", "")
        given = (*args[1:], *(kwargs or {}).values())
        if name in COPIES and (name != "to" or "cpu" in [x for x in given if isinstance(x, str)]):
            self.found.append(name)
        return function(*args, **(kwargs or {}))
