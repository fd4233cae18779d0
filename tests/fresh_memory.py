"""Memory that nobody has written to yet."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch


@contextmanager
def full_of_nan() -> Iterator[None]:
    """Every tensor that torch makes without values has NaN ones."""
    were_deterministic = torch.are_deterministic_algorithms_enabled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
        torch.use_deterministic_algorithms(True)
        try:
            assert torch.empty(1).isnan().all()
            yield
        finally:
            torch.use_deterministic_algorithms(were_deterministic)
