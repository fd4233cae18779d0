"""Downloads from a server on this machine: whole, broken off, resumed, refused."""

import hashlib
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from recbole_drepmrec.data.importers.remote import download
from recbole_drepmrec.errors import UserError
from tests.data.importers.conftest import CONTENT, Handler, Server

SUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.b"


def _left(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_whole_file(server: Server, path: Path) -> None:
    download(server.url, path, SUM.upper())
    assert path.read_bytes() == CONTENT
    assert _left(path) == ["file.b"]
    download(server.url, path, SUM)
    assert len(server.asked) == 1  # it was there


def test_a_transfer_that_breaks_off_is_gone_on_with(server: Server, path: Path) -> None:
    server.break_after = [1000, 0, 500]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-", "bytes=1000-", "bytes=1500-"]


def test_a_later_run_resumes(server: Server, path: Path) -> None:
    server.break_after = [1000, 0, 0]
    with pytest.raises(UserError, match=r"broke off after 1000 of 102400 bytes.*goes on where"):
        download(server.url, path, SUM, attempts=2, wait=0)
    assert _left(path) == ["file.b.part", "file.b.part.tag"]
    server.asked.clear(), server.break_after.clear()
    download(server.url, path, SUM)
    assert server.asked == ["bytes=1000-"]
    assert path.read_bytes() == CONTENT
    assert _left(path) == ["file.b"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, path: Path) -> None:
    server.break_after = [1000, 0]
    with pytest.raises(UserError):
        download(server.url, path, attempts=1, wait=0)
    server.break_after.clear()
    server.content, server.tag = CONTENT[::-1], '"v2"'
    download(server.url, path)
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("ranges", "tag"), [(False, '"v1"'), (True, "")])
def test_a_server_that_cannot_resume(server: Server, path: Path, ranges: bool, tag: str) -> None:
    server.ranges, server.tag = ranges, tag
    server.break_after = [1000]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole_already(server: Server, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / "file.b.part").write_bytes(CONTENT)
    (path.parent / "file.b.part.tag").write_text(server.tag)
    download(server.url, path, SUM)
    assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long(server: Server, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / "file.b.part").write_bytes(CONTENT + b"x")
    (path.parent / "file.b.part.tag").write_text(server.tag)
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum(server: Server, path: Path) -> None:
    with pytest.raises(UserError, match=f"sha256 checksum {SUM[7:]}, expected 00"):
        download(server.url, path, "sha256:00")
    assert _left(path) == []
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="expected"):
        download(server.url, path, SUM)
    assert path.read_bytes() == b"mine"


def test_not_found_is_said_at_once_and_a_busy_server_is_asked_again(
    server: Server, path: Path
) -> None:
    server.errors = [404]
    with pytest.raises(UserError, match="404 Not Found.*by hand"):
        download(server.url, path, wait=0)
    assert len(server.asked) == 1
    server.errors = [503, 500]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_offline(path: Path, server: Server) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        address = f"http://127.0.0.1:{closed.server_address[1]}/x"
    with pytest.raises(UserError, match=r"failed: .*refused.*Check the network"):
        download(address, path, attempts=2, wait=0)
    assert _left(path) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://x/y", "x", ""])
def test_other_addresses(path: Path, url: str) -> None:
    with pytest.raises(UserError, match="no http or https address"):
        download(url, path)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port/x", "http://a b/"])
def test_malformed_addresses(path: Path, url: str) -> None:
    with pytest.raises(UserError, match="failed"):
        download(url, path, attempts=1)


def test_a_folder_that_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        download(server.url, tmp_path / "new" / "file.b")
