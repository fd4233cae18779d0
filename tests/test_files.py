"""Files and folders that are either whole or not there."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file, atomic_folder


def test_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("x")
        assert not path.exists()
    assert [child.name for child in path.iterdir()] == ["a"]


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_filled_folder_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "mine").write_text("x")
    with pytest.raises(UserError, match="cannot write"), atomic_folder(path):
        pass
    assert [child.name for child in tmp_path.iterdir()] == ["folder"]
    assert (path / "mine").exists()


def test_a_file_in_the_way_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(UserError, match="Choose another place"),
        atomic_file(tmp_path / "file" / "child"),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space, or choose another"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Free some space, or choose another place"),
        (OSError("I/O error: No space left"), "Free some space, or choose another place"),
        (OSError(errno.EROFS, "Read-only file system"), "file system. Choose another place"),
        (OSError(errno.ENOENT, "No such file or directory"), "directory. Choose another place"),
        (PermissionError(errno.EACCES, "Permission denied"), "denied. Choose another place"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "directory. Choose another place"),
    ],
)
def test_only_a_full_disk_wants_space(tmp_path: Path, error: OSError, cure: str) -> None:
    with pytest.raises(UserError, match=re.escape(cure)), atomic_file(tmp_path / "file"):
        raise error


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    for write in (atomic_file, atomic_folder):
        with (
            pytest.raises(UserError, match="the folder /proc/no cannot be made .* Choose another"),
            write(Path("/proc/no/file")),
        ):
            pass


# A limit on the size of files is what a full disk looks like to a program.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from recbole_drepmrec.checkpoint import write_checkpoint
from recbole_drepmrec.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checkpoint(Path(sys.argv[1]), {"x": torch.zeros(1_000_000)})
except UserError as error:
    print(error)
"""


def test_a_full_disk_is_a_message_and_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_text("old")
    finished = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert f"cannot write {path}" in finished.stdout
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
