"""What is encoded and by what."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class UnreadableError(Exception):
    """An input that is there but cannot be used; the message says why."""


class Source(Protocol):
    """Inputs to encode, one an item."""

    @property
    def ids(self) -> Sequence[str]:
        """Raw item id of each row."""

    def load(self, row: int) -> Any:
        """The raw text or RGB image of a row.

        Raises:
            UnreadableError: It is broken.
        """

    def weight(self, row: int) -> int:
        """How long the input is: rows of like weight share a batch."""


class Encoder(Protocol):
    """Turns inputs into features.

    Attributes:
        prepare: Brings one raw input into the form that the model takes; processes that read
            ahead get a copy of it, and not of the model.
        notes: What is worth knowing of the model, a sentence each.
    """

    prepare: Callable[[Any], Any]
    notes: list[str]

    def encode(self, inputs: list[Any]) -> NDArray[np.float32]:
        """Encode a batch.

        Args:
            inputs: What ``prepare`` gave, n of them.

        Returns:
            Features, shape [n, d_m].
        """
