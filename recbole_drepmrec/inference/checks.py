"""Sees that what a file claims fits together: a forged or damaged one fails when it is read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_drepmrec.errors import UserError

Shape = tuple[int | None, ...]
"""Length of each axis; None for any."""


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Say what does not fit in a file as the user's error.

    Args:
        path: The file.

    Raises:
        UserError: It lacks something, or something is of a wrong type or shape.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"{path} is damaged: {what}. Train again, or take the file from where it is whole."
        ) from error


def require(fits: bool, what: str) -> None:
    """Raise unless something fits.

    Args:
        fits: Whether it does.
        what: What does not, for the message.

    Raises:
        ValueError: It does not.
    """
    if not fits:
        raise ValueError(what)


def require_kind(value: Any, kind: type | tuple[type, ...], name: str) -> None:
    """Raise unless a value is of a type; a bool is no number.

    Args:
        value: The value.
        kind: Its type, or those that it may have.
        name: What it is called in the file.

    Raises:
        ValueError: It is of another type.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    require(fits, f"`{name}` is of type {type(value).__name__}")


def require_positive(value: Any, name: str) -> None:
    """Raise unless a value is a finite number above zero.

    Args:
        value: The value.
        name: What it is called in the file.

    Raises:
        ValueError: It is none.
    """
    require_kind(value, (int, float), name)
    require(0 < value < math.inf, f"`{name}` is {value}")


def require_numbers(value: Any, shape: Shape, name: str) -> None:
    """Raise unless a value is a tensor of finite floating-point numbers.

    Args:
        value: The value.
        shape: Its shape.
        name: What it is called in the file.

    Raises:
        ValueError: It is none.
    """
    fits = isinstance(value, Tensor) and value.is_floating_point()
    require(fits and _shaped(value.shape, shape), f"`{name}` are no numbers of shape {shape}")
    require(bool(value.isfinite().all()), f"`{name}` has numbers that are not finite")


def require_switches(value: Any, length: int, name: str) -> None:
    """Raise unless a value is a tensor of truth values.

    Args:
        value: The value.
        length: How many.
        name: What it is called in the file.

    Raises:
        ValueError: It is none.
    """
    fits = isinstance(value, Tensor) and value.dtype == torch.bool
    require(fits and _shaped(value.shape, (length,)), f"`{name}` are no {length} truth values")


def require_array(value: Any, kinds: str, shape: Shape, name: str) -> None:
    """Raise unless a value is a numpy array, of finite numbers if they are floating-point.

    Args:
        value: The value.
        kinds: The kinds of dtype that it may have, such as ``i`` for integers.
        shape: Its shape.
        name: What it is called in the file.

    Raises:
        ValueError: It is none.
    """
    fits = isinstance(value, np.ndarray) and value.dtype.kind in kinds
    require(fits and _shaped(value.shape, shape), f"`{name}` is no array of shape {shape}")
    finite = value.dtype.kind != "f" or bool(np.isfinite(value).all())
    require(finite, f"`{name}` has numbers that are not finite")


def _shaped(actual: tuple[int, ...], expected: Shape) -> bool:
    return len(actual) == len(expected) and all(
        length in (None, own) for own, length in zip(actual, expected, strict=True)
    )
