"""Which operations would make the host wait for a GPU, seen on a CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

READ_BACK = {
    "_local_scalar_dense": "a number is read",
    "is_nonzero": "a number is read",
    "equal": "a number is read",
    "bincount": "the highest number is read",
    "nonzero": "the shape depends on the content",
    "masked_select": "the shape depends on the content",
    "_unique2": "the shape depends on the content",
    "unique_dim": "the shape depends on the content",
    "unique_consecutive": "the shape depends on the content",
    "repeat_interleave": "the shape depends on the content",
    "_to_copy": "a copy to or from another device",
}
"""Operations that on a GPU end all that is under way first, and why."""


class Waits(TorchDispatchMode):
    """Notes the operations inside, forward and backward, that would make the host wait.

    Attributes:
        found: Name and reason, in the order they came.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Note the operation, then do it."""
        name = operation.overloadpacket.__name__
        reason = READ_BACK.get(name)
        if name == "repeat_interleave" and (kwargs or {}).get("output_size") is not None:
            reason = None
        if name == "_to_copy" and (kwargs or {}).get("device") is None:
            reason = None  # to another type
        if name in ("index", "index_put", "index_put_") and any(
            isinstance(index, Tensor) and index.dtype == torch.bool for index in args[1]
        ):
            reason = "a mask is an index: the shape depends on the content"
        if reason is not None:
            self.found.append(f"{name}: {reason}")
        return operation(*args, **(kwargs or {}))
