"""A forged or damaged file ends in one message when it is read, or does no harm."""

import copy
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference import Recommender, bundle, new_items
from recbole_drepmrec.inference.checks import require_array
from recbole_drepmrec.state_file import read_state, write_state
from tests.inference.conftest import Trained
from tests.inference.test_new_items import raw_rows

FORGED: list[Any] = [
    *(None, True, -1, 10**6, 0.5, "x", [], ["x"], {}, {"x": 1}),
    *(torch.zeros(3), torch.full((48, 64), torch.nan), np.array([9]), np.array(["u1", "u2"])),
]
"""What is put in the place of each part of a file."""


def changed(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The state with one part missing, longer, shorter, negative or another thing."""
    for path in paths({name: part for name, part in state.items() if name != "versions"}, ()):
        for what, change in changes():
            forged = copy.deepcopy(state)
            holder = forged
            for key in path[:-1]:
                holder = holder[key]
            try:
                change(holder, path[-1])
            except (LookupError, TypeError, ValueError, RuntimeError, AttributeError):
                continue  # this part cannot be changed so (a slice is a key from 3.12 on)
            yield f"{'/'.join(map(str, path))}: {what}", forged


def paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from paths(value[key], (*path, key))


def changes() -> Iterator[tuple[str, Callable[[Any, Any], None]]]:
    yield "missing", lambda holder, key: holder.pop(key)
    for value in FORGED:
        yield f"is {value!r}", lambda holder, key, value=value: holder.__setitem__(key, value)
    for what, change in (
        ("shorter", lambda value: value[:-1]),
        ("narrower", lambda value: value[:, :-1]),
        ("negative", lambda value: -1 - value),
        ("of another type", lambda value: value.astype(np.float64)),
    ):
        yield (
            what,
            lambda holder, key, change=change: holder.__setitem__(key, change(holder[key])),
        )


def use(file: Path) -> None:
    recommender = Recommender.load(file)
    users, items = recommender.users[:2].tolist(), recommender.items[:2].tolist()
    recommender.recommend(users, 3)
    recommender.recommend_history(items, 3)
    recommender.explain(users[0], items[0])
    recommender.title(items[0])


def make(file: Path) -> None:
    maker = new_items.read_item_maker(file)
    widths = {name: one.preparation["width"] for name, one in maker.modalities.items()}
    maker.parts({name: raw_rows(2, width) for name, width in widths.items()})


@pytest.mark.parametrize(
    ("name", "kind", "read"),
    [
        ("inference.safetensors", (bundle.WHAT, bundle.FORMAT), use),
        ("features.safetensors", (new_items.WHAT, new_items.FORMAT), make),
    ],
)
def test_whatever_is_changed(
    trained: Trained, tmp_path: Path, name: str, kind: tuple[str, int], read: Callable[[Path], None]
) -> None:
    whole = read_state(trained.run / name, *kind, torch.device("cpu"))
    file = tmp_path / name
    outcomes = {"refused": 0, "harmless": 0}
    for change, state in changed(whole):
        write_state(file, *kind, state)
        error = error_of(read, file)
        if error is None:
            outcomes["harmless"] += 1
            continue
        said = str(error)
        assert isinstance(error, UserError), f"{change}: {type(error).__name__}: {said}"
        assert said.startswith(str(file)), f"{change}: {said}"
        outcomes["refused"] += 1
    assert outcomes["refused"] > 5 * outcomes["harmless"], outcomes


def error_of(read: Callable[[Path], None], file: Path) -> Exception | None:
    try:
        read(file)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("weight", [0.2, 0.0, -0.2, math.nan, math.inf, True])
def test_how_popularity_counts_is_a_number_above_zero(
    trained: Trained, tmp_path: Path, weight: float
) -> None:
    state = read_state(trained.run / bundle.FILE, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    zeros = {name: torch.zeros_like(table) for name, table in state["fused"].items()}
    state["parts"]["popularity"] = zeros
    n_items = len(state["items"])
    lengths = torch.ones(n_items, 1)
    cosines = {"lengths": lengths, "block_weights": [1.0], "popularity_weight": weight}
    state |= {"history_map": None, "cosines": cosines}
    write_state(tmp_path / "file", bundle.WHAT, bundle.FORMAT, state)
    error = error_of(use, tmp_path / "file")
    assert (error is None) == (weight == 0.2)
    assert error is None or "is damaged: `popularity_weight` is" in str(error)


def test_one_that_makes_no_user_of_items_is_refused(trained: Trained, tmp_path: Path) -> None:
    state = read_state(trained.run / bundle.FILE, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    state |= {"history_map": None, "present": {}}
    write_state(tmp_path / "file", bundle.WHAT, bundle.FORMAT, state)
    with pytest.raises(UserError, match="neither `history_map` nor `present`"):
        Recommender.load(tmp_path / "file")


def test_a_part_that_is_called_as_the_whole_is_refused(trained: Trained, tmp_path: Path) -> None:
    """Else the vectors that score would not be looked at."""
    state = read_state(trained.run / bundle.FILE, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    state["parts"]["fused"] = {**state["fused"]}
    state["fused"]["items"] = state["fused"]["items"][:-1]
    write_state(tmp_path / "file", bundle.WHAT, bundle.FORMAT, state)
    with pytest.raises(UserError, match="is damaged: one of the parts is called 'fused'"):
        Recommender.load(tmp_path / "file")


def test_an_item_of_a_history_is_of_one_of_three_parts(trained: Trained, tmp_path: Path) -> None:
    state = read_state(trained.run / bundle.FILE, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    state["histories"]["split"][0] = 3
    write_state(tmp_path / "file", bundle.WHAT, bundle.FORMAT, state)
    with pytest.raises(UserError, match="`histories/split` are not all from 0 to 2"):
        Recommender.load(tmp_path / "file")


def test_arrays_of_numbers_are_finite() -> None:
    whole = np.ones((2, 3), np.float32)
    require_array(whole, "f", (2, None), "components")
    whole[1, 1] = np.nan
    with pytest.raises(ValueError, match="`components` has numbers that are not finite"):
        require_array(whole, "f", (2, None), "components")


@pytest.mark.parametrize("state", [[1], "x", None, 3])
def test_a_state_that_is_no_mapping(tmp_path: Path, state: Any) -> None:
    write_state(tmp_path / "file", bundle.WHAT, bundle.FORMAT, state)
    with pytest.raises(UserError, match=r"is damaged or no inference file .*TypeError"):
        Recommender.load(tmp_path / "file")


@pytest.mark.parametrize("text", ["[1]", "3", '"finished"', "{", "null"])
def test_a_record_that_is_none(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(text)
    assert main(["recommend", str(tmp_path)]) == 2
    assert f"{tmp_path} is no finished run" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["image", "half"])
def test_files_of_two_runs(trained: Trained, tmp_path: Path, missing: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    file = run / "inference.safetensors"
    state = read_state(file, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    if missing == "image":
        del state["parts"]["image"], state["present"]["image"]
    else:
        state["history_map"] = None
        for table in (state["fused"], *state["parts"].values()):
            table.update({key: table[key][:, :33] for key in ("users", "items")})
    write_state(file, bundle.WHAT, bundle.FORMAT, state)
    with pytest.raises(UserError, match="do not belong together"):
        Recommender.load(run).with_items(
            run, ["a"], {"text": raw_rows(1, 16), "image": raw_rows(1, 6)}
        )
