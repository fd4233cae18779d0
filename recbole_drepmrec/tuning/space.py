"""Search spaces: what may be tried of each key, read from RecBole's ``.hyper`` files.

A line is ``KEY KIND VALUES``, read as RecBole's ``HyperTuning`` reads it, but never run::

    n_layers choice [1, 2, 3]
    dropout uniform 0.0,0.5
    learning_rate loguniform -9,-4
    embedding_size quniform 32,128,32

The bounds of ``loguniform`` are natural logarithms: above, 0.000123 to 0.0183. ``quniform`` takes
multiples of its last number; of whole numbers only, it gives whole numbers. Bounds that are no
multiples are rounded to the nearest one, as hyperopt, which RecBole uses, rounds all that it draws.
"""

import ast
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.literals import literal

EXAMPLE = "expected `KEY KIND VALUES`, such as `learning_rate choice [0.001, 0.01]`"
DIGITS = 12
"""Of a multiple: 3 * 0.1 is meant to be 0.3."""


@dataclass(frozen=True)
class Choice:
    """A key that takes one of some values."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is among them; True is not 1."""
        switch = isinstance(value, bool)
        return any(isinstance(one, bool) is switch and value == one for one in self.values)

    def examples(self) -> tuple[Any, ...]:
        """Values that have to be allowed if all are to be."""
        return self.values

    def grid(self) -> tuple[Any, ...] | None:
        """All values, if they can be counted."""
        return self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Range:
    """A key that takes a number between two bounds.

    Attributes:
        low: The lowest value.
        high: The highest value.
        log: Whether its logarithm is uniform, instead of the number.
        step: Distance of neighbouring values; None for any number.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def holds(self, value: Any) -> bool:
        """Whether a value lies within the bounds, and on a step where there are some."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (
            self.step is None or value in (self.grid() or ())
        )

    def examples(self) -> tuple[Any, ...]:
        """The bounds."""
        return (self.low, self.high)

    def grid(self) -> tuple[Any, ...] | None:
        """All values, if they can be counted."""
        if self.step is None:
            return None
        first, last = round(self.low / self.step), round(self.high / self.step)
        return tuple(multiple(number, self.step) for number in range(first, last + 1))

    def __str__(self) -> str:
        text = f"{self.low:.6g} to {self.high:.6g}"
        if self.step is not None:
            return f"{text} in steps of {self.step:g}"
        return f"{text}, uniform in its logarithm" if self.log else text


Dimension = Choice | Range
Space = Mapping[str, Dimension]
"""What may be tried of each key."""


def multiple(number: int, step: float) -> float:
    """``number * step`` without the noise of binary fractions; whole if the step is."""
    return number * step if isinstance(step, int) else round(number * step, DIGITS)


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """All settings of a space without continuous keys."""
    values = [dimension.grid() or () for dimension in space.values()]
    return (dict(zip(space, one, strict=True)) for one in itertools.product(*values))


def size(space: Space) -> float:
    """How many settings a space has."""
    grids = [dimension.grid() for dimension in space.values()]
    return math.prod(math.inf if values is None else len(values) for values in grids)


def identity(setting: Mapping[str, Any]) -> str:
    """A text that two settings share if they are the same."""
    return json.dumps(setting, sort_keys=True)


def space_lines(path: Path) -> list[str]:
    """The lines of a ``.hyper`` file that name a key; ``#`` begins a comment line.

    Args:
        path: The file.

    Raises:
        UserError: It cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the search space {path} cannot be read: {error}.") from error
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def parse_space(lines: Iterable[str], source: str) -> dict[str, Dimension]:
    """Read a search space.

    Args:
        lines: Those of ``space_lines``.
        source: Where they come from, to begin a message with.

    Raises:
        UserError: A line is not in order, or names a key for the second time.
    """
    space: dict[str, Dimension] = {}
    for line in lines:
        words = line.split(None, 2)
        if len(words) < 3:
            raise UserError(f"{source}: `{line}` is too short; {EXAMPLE}.")
        key, kind, text = words
        if key in space:
            raise UserError(f"{source}: `{key}` has two lines; leave one of them out.")
        try:
            space[key] = _dimension(kind, text)
        except UserError as error:
            raise UserError(f"{source}: `{line}`: {error}") from error
    return space


def _dimension(kind: str, text: str) -> Dimension:
    if kind == "choice":
        return Choice(_choices(text))
    counts = {"uniform": 2, "loguniform": 2, "quniform": 3}
    if kind not in counts:
        raise UserError(f"there is no kind '{kind}', expected one of choice, {', '.join(counts)}.")
    numbers = _numbers(text, counts[kind])
    low, high = numbers[:2]
    if low >= high:
        raise UserError(f"{low} is not below {high}; the lower bound comes first.")
    if kind == "quniform":
        return _steps(low, high, numbers[2])
    if kind == "uniform":
        return Range(low, high)
    try:
        return Range(math.exp(low), math.exp(high), log=True)
    except OverflowError as error:
        raise UserError("its bounds are logarithms, and the upper one is too high.") from error


def _steps(low: float, high: float, step: float) -> Range:
    if step <= 0:
        raise UserError(f"the step is {step}, expected a number above 0.")
    if all(number.is_integer() for number in (low, high, step)):
        low, high, step = int(low), int(high), int(step)
    # of a bound in the middle of two multiples, the one that lies within
    numbers = math.floor(low / step + 0.5), math.ceil(high / step - 0.5)
    first, last = (multiple(number, step) for number in numbers)
    if first >= last:
        raise UserError(
            f"no two multiples of {step} are nearest to a number between {low} and {high}."
        )
    return Range(first, last, step=step)


def _choices(text: str) -> tuple[Any, ...]:
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        values = None
    if not isinstance(values, list | tuple) or not values:
        raise UserError("expected values in brackets, texts in quotes, such as [1, 2] or ['a'].")
    try:
        # RecBole has lists as texts, such as '[64, 32]', which its configuration reads
        texts = [json.dumps(literal(value), allow_nan=False) for value in values]
    except (TypeError, ValueError) as error:
        raise UserError(f"a value is none that a configuration has: {error}.") from error
    if len(set(texts)) < len(texts):
        raise UserError("a value stands there twice.")
    return tuple(json.loads(value) for value in texts)


def _numbers(text: str, count: int) -> list[float]:
    words = text.replace(" ", "").split(",")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise UserError(f"expected {count} numbers with commas between them.")
    return numbers
