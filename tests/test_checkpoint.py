"""Checkpoints: what goes in comes out, and nothing in a file is ever run."""

import json
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import load_file, save_file

from recbole_drepmrec.checkpoint import (
    FORMAT,
    random_state,
    read_checkpoint,
    restore_random_state,
    write_checkpoint,
)
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.state_file import HEADER, write_state

CPU = torch.device("cpu")


def test_round_trip(tmp_path: Path) -> None:
    state = {
        "tensor": torch.arange(3),
        "array": np.eye(2),
        "sparse": sp.csr_matrix([[0.0, 2.0], [0.0, 0.0]]),
        "nested": {"list": [1, "a", None], "pair": (True, 2.5)},
        "number": np.float64(0.25),
        "best": -np.inf,
        "no axis": np.array(3.5),
        "texts": np.array(["", "ünï\ncode", "b"], dtype=object),
        "by_number": {0: torch.ones(2), 1: {"step": 3}},
        "reversed": np.arange(4)[::-1],
        "$": "no mark",
    }
    write_checkpoint(tmp_path / "c", state)
    read = read_checkpoint(tmp_path / "c", CPU)
    assert read["tensor"].equal(state["tensor"])
    np.testing.assert_array_equal(read["array"], state["array"])
    assert read["no axis"].shape == ()
    assert read["sparse"].format == "csr"
    np.testing.assert_array_equal(read["sparse"].toarray(), state["sparse"].toarray())
    assert read["nested"] == state["nested"]
    assert read["number"] == 0.25
    assert read["best"] == -np.inf
    assert read["texts"].tolist() == state["texts"].tolist()
    assert read["by_number"][0].equal(torch.ones(2))
    assert read["by_number"][1] == {"step": 3}
    assert read["reversed"].tolist() == [3, 2, 1, 0]
    assert read["$"] == "no mark"


def test_tensors_that_share_memory_are_kept_apart(tmp_path: Path) -> None:
    whole = torch.arange(6.0).view(3, 2)
    state = {"whole": whole, "again": whole, "part": whole[1:], "turned": whole.T}
    write_checkpoint(tmp_path / "c", state)
    read = read_checkpoint(tmp_path / "c", CPU)
    for name, tensor in state.items():
        assert read[name].equal(tensor)


def test_a_checkpoint_is_as_readable_as_any_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_checkpoint(tmp_path / "c", {"x": 1})
    assert (tmp_path / "c").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_any_reader_of_safetensors_finds_the_tensors(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", {"state_dict": {"a.weight": torch.ones(2)}, "epoch": 3})
    assert load_file(tmp_path / "c")["state_dict/a.weight"].equal(torch.ones(2))


def test_anything_but_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold object"):
        write_checkpoint(tmp_path / "c", {"x": object()})
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """Touches a file when unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return (Path.touch, (self.witness,))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_strangers_pickle_is_never_run(tmp_path: Path, how: str) -> None:
    file, witness = tmp_path / "c", tmp_path / "ran"
    if how == "torch":
        torch.save({"format": FORMAT, "model": Bomb(witness)}, file)
    else:
        file.write_bytes(pickle.dumps(Bomb(witness)))
    with pytest.raises(UserError, match="tensors and plain data only"):
        read_checkpoint(file, CPU)
    assert not witness.exists()


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    file = tmp_path / "c"
    with pytest.raises(UserError, match="does not exist"):
        read_checkpoint(file, CPU)
    write_checkpoint(file, {"x": torch.zeros(1000)})
    whole = file.read_bytes()
    for damaged in (b"", whole[:5], whole[:500], whole[:-1], whole + b"x", b"\xff" * 8 + whole[8:]):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged or no checkpoint"):
            read_checkpoint(file, CPU)


FORGED = [
    {"what": "checkpoint", "format": FORMAT},
    {"what": "checkpoint", "format": FORMAT, "state": {"$": "tensor", "name": "nowhere"}},
    {"what": "checkpoint", "format": FORMAT, "state": {"$": "os.system"}},
    {"what": "checkpoint", "format": FORMAT, "state": {"$": "texts", "bytes": "x", "ends": "x"}},
    {
        "what": "checkpoint",
        "format": FORMAT,
        "state": {
            "$": "sparse",
            "format": "csr",
            "shape": [1, 1],
            "parts": {"data": "x", "row": "i", "col": "i"},
        },
    },
]


@pytest.mark.parametrize("header", FORGED)
def test_forged_files_are_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    tensors = {"x": torch.full((3,), 1e9), "i": torch.tensor([0, 1, 2])}
    save_file(tensors, tmp_path / "c", {HEADER: json.dumps(header)})
    with pytest.raises(UserError, match="is damaged or no checkpoint"):
        read_checkpoint(tmp_path / "c", CPU)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "c"
    save_file({"weights": torch.zeros(1)}, file)
    with pytest.raises(UserError, match=f"is no checkpoint of recbole-drepmrec, format {FORMAT}"):
        read_checkpoint(file, CPU)
    write_state(file, "checkpoint", 1, {"x": 1})
    with pytest.raises(UserError, match=f"is no checkpoint of recbole-drepmrec, format {FORMAT}"):
        read_checkpoint(file, CPU)


WRITER = """
import itertools, sys, torch
from pathlib import Path
from recbole_drepmrec.checkpoint import write_checkpoint

for number in itertools.count(int(sys.argv[2])):
    tensors = {str(n): torch.full((250_000,), number) for n in range(8)}
    write_checkpoint(Path(sys.argv[1]), {"number": number, "tensors": tensors})
"""


def test_a_writer_killed_at_any_moment_leaves_a_good_checkpoint(tmp_path: Path) -> None:
    """kill -9, again and again, while 16 MB are written over and over."""
    file = tmp_path / "c"
    numbers = [0]
    for delay in (0.0, 0.003, 0.01, 0.03, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(numbers[-1] + 1)])
        while not file.exists() or read_checkpoint(file, CPU)["number"] == numbers[-1]:
            assert writer.poll() is None
            time.sleep(0.001)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        read = read_checkpoint(file, CPU)
        assert read["number"] > numbers[-1]
        assert all((tensor == read["number"]).all() for tensor in read["tensors"].values())
        numbers.append(read["number"])


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "c"
    write_checkpoint(file, {"x": 1})
    with pytest.raises(TypeError):
        write_checkpoint(file, {"x": lambda: None})
    assert read_checkpoint(file, CPU)["x"] == 1
    assert list(tmp_path.iterdir()) == [file]


def test_random_generators_go_on_where_they_were(tmp_path: Path) -> None:
    def draw() -> tuple[Any, ...]:
        return torch.rand(1).item(), np.random.rand(), np.random.randn(), random.gauss(0, 1)

    draw()
    write_checkpoint(tmp_path / "c", {"random": random_state()})
    expected = draw()
    draw()
    restore_random_state(read_checkpoint(tmp_path / "c", CPU)["random"])
    assert draw() == expected
