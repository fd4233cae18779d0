"""The cache never gives a wrong graph, and never leaves half a file."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import Graph, cached_graph, content_hash


def a_graph() -> Graph:
    return Graph(torch.tensor([0, 1]), torch.tensor([2, 0]), torch.tensor([0.5, 2.0]), (2, 3))


def never() -> Graph:
    raise AssertionError("the graph was built again")


def same(left: Graph, right: Graph) -> bool:
    return left.shape == right.shape and torch.equal(left.to_dense(), right.to_dense())


def test_a_second_call_reads_the_file_instead_of_building(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert same(cached_graph(folder, "key", a_graph), a_graph())
    assert same(cached_graph(folder, "key", never), a_graph())
    assert [path.name for path in folder.iterdir()] == ["key.safetensors"]


@pytest.mark.parametrize("n_edges", [0, 3])
def test_a_graph_whose_rows_and_columns_are_one_tensor_is_kept_too(
    tmp_path: Path, n_edges: int
) -> None:
    ids = torch.arange(n_edges)
    loops = Graph(ids, ids, torch.ones(n_edges), (4, 4))
    cached_graph(tmp_path, "key", lambda: loops)
    assert same(cached_graph(tmp_path, "key", never), loops)


def test_without_a_folder_nothing_is_kept() -> None:
    assert same(cached_graph(None, "key", a_graph), a_graph())
    with pytest.raises(AssertionError, match="built again"):
        cached_graph(None, "key", never)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign_bytes(path: Path) -> None:
    path.write_bytes(b"\x80\x04 not a graph" * 10)


def foreign_tensors(path: Path) -> None:
    save_file({"weight": torch.ones(2)}, path)


def ids_out_of_range(path: Path) -> None:
    ids, shape = torch.tensor([0, 7]), torch.tensor([2, 3])
    save_file({"rows": ids, "cols": ids.clone(), "weights": torch.ones(2), "shape": shape}, path)


@pytest.mark.parametrize(
    "spoil",
    [truncate, empty, foreign_bytes, foreign_tensors, ids_out_of_range],
)
def test_a_spoilt_file_is_reported_and_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    cached_graph(tmp_path, "key", a_graph)
    spoil(tmp_path / "key.safetensors")
    with caplog.at_level(logging.WARNING):
        assert same(cached_graph(tmp_path, "key", a_graph), a_graph())
    assert "key.safetensors" in caplog.text
    assert same(cached_graph(tmp_path, "key", never), a_graph())


def test_left_over_temporary_files_are_harmless(tmp_path: Path) -> None:
    (tmp_path / ".key.safetensors.1.tmp").write_bytes(b"half")
    cached_graph(tmp_path, "key", a_graph)
    assert same(cached_graph(tmp_path, "key", never), a_graph())


def test_a_folder_that_cannot_be_made_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        cached_graph(tmp_path / "file" / "folder", "key", a_graph)


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import Graph, cached_graph

ids = torch.zeros(100_000, dtype=torch.int64)
graph = Graph(ids, ids, torch.ones(100_000), (1, 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    cached_graph(Path(sys.argv[1]), "key", lambda: graph)
except UserError as error:
    print("UserError:", error)
"""


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "UserError: cannot write" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_same_content_has_the_same_key() -> None:
    table = torch.arange(6.0).view(2, 3)
    key = content_hash(table, "image", 10, True)
    assert content_hash(table.T.contiguous().T, "image", 10, True) == key
    assert len(key) == 64


def test_any_different_content_has_a_different_key() -> None:
    table = torch.arange(6.0).view(2, 3)
    changed = table.clone()
    changed[1, 2] = 5.000001
    parts: list[tuple[torch.Tensor | str | int | float | bool, ...]] = [
        (table,),
        (changed,),
        (table.view(3, 2),),
        (table.view(torch.int32),),
        (torch.empty(0, 3),),
        (torch.empty(0, 4),),
        (table, "ab"),
        ("ab", table),
        (table, "a", "b"),
        (table, "a\nstr b"),
        (table, 1),
        (table, 1.0),
        (table, "1"),
        (table, True),
    ]
    keys = [content_hash(*part) for part in parts]
    assert len(set(keys)) == len(keys)
