"""Search spaces: RecBole's format, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.tuning.space import Choice, Range, grid, parse_space, size, space_lines


def test_every_kind_is_read_as_recbole_reads_it() -> None:
    space = parse_space(
        [
            "layers choice [1, 2.5, None, True, 'sum', '[64,32]']",
            "dropout uniform 0.0, 0.5",
            "learning_rate loguniform -8,-3",
            "size quniform 32,100,32",
            "share quniform 0,0.5,0.1",
        ],
        "x",
    )
    assert space["layers"] == Choice((1, 2.5, None, True, "sum", [64, 32]))
    assert space["dropout"] == Range(0.0, 0.5)
    assert space["learning_rate"] == Range(math.exp(-8), math.exp(-3), log=True)
    assert space["size"].grid() == (32, 64, 96)
    assert all(isinstance(value, int) for value in space["size"].grid() or ())
    assert space["share"].grid() == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert size(space) == math.inf
    del space["dropout"], space["learning_rate"]
    assert size(space) == len(list(grid(space))) == 6 * 3 * 6
    assert next(grid(space)) == {"layers": 1, "size": 32, "share": 0.0}


@pytest.mark.parametrize(
    "bounds", ["10,100,32", "16,80,32", "20,100,32", "0.1,0.9,0.4", "0.07,0.5,0.1", "-1,1,0.4"]
)
def test_bounds_that_are_no_multiples_give_what_hyperopt_draws(bounds: str) -> None:
    """Hyperopt draws x uniformly and takes round(x / step) * step."""
    low, high, step = map(float, bounds.split(","))
    draws = np.linspace(low, high, 10_001)[1:-1]
    grid = parse_space([f"k quniform {bounds}"], "x")["k"].grid()
    assert grid is not None
    np.testing.assert_allclose(grid, np.unique(np.round(draws / step)) * step, atol=1e-12)


@pytest.mark.parametrize(
    ("line", "inside", "outside"),
    [
        ("k choice [1, 0.5]", [1, 1.0, 0.5], [True, 2, "1", None]),
        ("k choice [True]", [True], [1, False]),
        ("k uniform 0,1", [0, 1, 0.5], [True, -0.1, 1.1, "0.5", None]),
        ("k loguniform 0,1", [1, 2.7], [0, 2.8]),
        ("k quniform 0,1,0.25", [0, 0.25, 1], [0.3]),
    ],
)
def test_what_a_key_holds(line: str, inside: list[object], outside: list[object]) -> None:
    dimension = parse_space([line], "x")["k"]
    assert all(dimension.holds(value) for value in inside)
    assert not any(dimension.holds(value) for value in outside)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n_layers", "`n_layers` is too short; expected `KEY KIND VALUES`"),
        ("n_layers choice", "is too short"),
        ("k normal 0,1", "there is no kind 'normal', expected one of choice, uniform"),
        ("k choice 1, 2", None),
        ("k choice []", "expected values in brackets"),
        ("k choice [one, two]", "expected values in brackets"),
        ("k choice __import__('os').getcwd()", "expected values in brackets"),
        ("k choice {'a': 1}", "expected values in brackets"),
        ("k choice [1, 1]", "a value stands there twice"),
        ("k choice [1j]", "a value is none that a configuration has"),
        ("k uniform 1", "expected 2 numbers with commas between them"),
        ("k uniform a,b", "expected 2 numbers"),
        ("k uniform 0,inf", "expected 2 numbers"),
        ("k uniform 1,0", "1.0 is not below 0.0"),
        ("k loguniform 0,1000", "its bounds are logarithms, and the upper one is too high"),
        ("k quniform 0,1", "expected 3 numbers"),
        ("k quniform 0,1,0", "the step is 0.0, expected a number above 0"),
        ("k quniform 0,1,5", "no two multiples of 5 are nearest to a number between 0 and 1"),
    ],
)
def test_a_line_that_is_not_in_order(line: str, message: str | None) -> None:
    if message is None:  # a tuple, as RecBole takes it too
        assert parse_space([line], "x") == {"k": Choice((1, 2))}
        return
    with pytest.raises(UserError) as caught:
        parse_space([line], "FILE")
    assert message in str(caught.value)
    assert str(caught.value).startswith("FILE: ")


def test_a_key_has_one_line() -> None:
    with pytest.raises(UserError, match="`k` has two lines"):
        parse_space(["k choice [1]", "k choice [2]"], "x")


def test_lines_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.hyper"
    file.write_text("# a comment\n\n  k choice [1, 2]  \n")
    assert space_lines(file) == ["k choice [1, 2]"]
    with pytest.raises(UserError, match="cannot be read"):
        space_lines(tmp_path / "none.hyper")
