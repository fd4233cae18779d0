"""Checkpoints: what goes in comes out, and nothing in a file is ever run."""

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recbole_drepmrec.checkpoint import (
    random_state,
    read_checkpoint,
    restore_random_state,
    write_checkpoint,
)
from recbole_drepmrec.errors import UserError

CPU = torch.device("cpu")


def test_round_trip(tmp_path: Path) -> None:
    state = {
        "tensor": torch.arange(3),
        "array": np.eye(2),
        "sparse": sp.csr_matrix([[0.0, 2.0], [0.0, 0.0]]),
        "nested": {"list": [1, "a", None], "pair": (True, 2.5)},
        "number": np.float64(0.25),
    }
    write_checkpoint(tmp_path / "c.pt", state)
    read = read_checkpoint(tmp_path / "c.pt", CPU)
    assert read["tensor"].equal(state["tensor"])
    np.testing.assert_array_equal(read["array"], state["array"])
    assert read["sparse"].format == "csr"
    np.testing.assert_array_equal(read["sparse"].toarray(), state["sparse"].toarray())
    assert read["nested"] == state["nested"]
    assert read["number"] == 0.25


def test_anything_but_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold object"):
        write_checkpoint(tmp_path / "c.pt", {"x": object()})
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """Touches a file when unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return (Path.touch, (self.witness,))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_strangers_pickle_is_never_run(tmp_path: Path, how: str) -> None:
    file, witness = tmp_path / "c.pt", tmp_path / "ran"
    if how == "torch":
        torch.save({"format": 1, "model": Bomb(witness)}, file)
    else:
        file.write_bytes(pickle.dumps(Bomb(witness)))
    with pytest.raises(UserError, match="tensors and plain data only"):
        read_checkpoint(file, CPU)
    assert not witness.exists()


def test_damaged_missing_and_foreign_files(tmp_path: Path) -> None:
    file = tmp_path / "c.pt"
    with pytest.raises(UserError, match="does not exist"):
        read_checkpoint(file, CPU)
    write_checkpoint(file, {"x": torch.zeros(1000)})
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match="is damaged or not a checkpoint"):
        read_checkpoint(file, CPU)
    torch.save({"weights": torch.zeros(1)}, file)
    with pytest.raises(UserError, match="is not a checkpoint of recbole-drepmrec"):
        read_checkpoint(file, CPU)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "c.pt"
    write_checkpoint(file, {"x": 1})
    with pytest.raises(TypeError):
        write_checkpoint(file, {"x": lambda: None})
    assert read_checkpoint(file, CPU)["x"] == 1
    assert list(tmp_path.iterdir()) == [file]


def test_random_generators_go_on_where_they_were(tmp_path: Path) -> None:
    def draw() -> tuple[Any, ...]:
        return torch.rand(1).item(), np.random.rand(), np.random.randn(), random.gauss(0, 1)

    draw()
    write_checkpoint(tmp_path / "c.pt", {"random": random_state()})
    expected = draw()
    draw()
    restore_random_state(read_checkpoint(tmp_path / "c.pt", CPU)["random"])
    assert draw() == expected
