"""Downloads from a server on this machine: whole, broken off, resumed, refused."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recbole_drepmrec.data.importers import remote
from recbole_drepmrec.data.importers.remote import AMAZON_2014, download, download_amazon
from recbole_drepmrec.errors import UserError

CONTENT = bytes(range(256)) * 400
SUM = hashlib.sha256(CONTENT).hexdigest()


class _Server(ThreadingHTTPServer):
    """Serves CONTENT at any path; its attributes say how it misbehaves."""

    content = CONTENT
    tag = '"v1"'
    ranges = True
    break_after: list[int]  # bytes after which to hang up, one for each of the next requests
    errors: list[int]  # status codes to answer first
    asked: list[str | None]  # the Range of each request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.b"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        server, span = self.server, self.headers.get("Range")
        server.asked.append(span)
        if server.errors:
            self.send_error(server.errors.pop(0))
            return
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and server.ranges else 0
        if self.headers.get("If-Range", server.tag) != server.tag:
            start = 0
        size = len(server.content)
        if start >= size and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        until = start + server.break_after.pop(0) if server.break_after else size
        self.wfile.write(server.content[start:until])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    made.break_after, made.errors, made.asked = [], [], []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.b"


def _left(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_whole_file(server: _Server, path: Path) -> None:
    download(server.url, path, SUM.upper())
    assert path.read_bytes() == CONTENT
    assert _left(path) == ["file.b"]
    download(server.url, path, SUM)
    assert len(server.asked) == 1  # it was there


def test_a_transfer_that_breaks_off_is_gone_on_with(server: _Server, path: Path) -> None:
    server.break_after = [1000, 0, 500]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-", "bytes=1000-", "bytes=1500-"]


def test_a_later_run_resumes(server: _Server, path: Path) -> None:
    server.break_after = [1000, 0, 0]
    with pytest.raises(UserError, match=r"broke off after 1000 of 102400 bytes.*goes on where"):
        download(server.url, path, SUM, attempts=2, wait=0)
    assert _left(path) == ["file.b.part", "file.b.part.tag"]
    server.asked.clear(), server.break_after.clear()
    download(server.url, path, SUM)
    assert server.asked == ["bytes=1000-"]
    assert path.read_bytes() == CONTENT
    assert _left(path) == ["file.b"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: _Server, path: Path) -> None:
    server.break_after = [1000, 0]
    with pytest.raises(UserError):
        download(server.url, path, attempts=1, wait=0)
    server.break_after.clear()
    server.content, server.tag = CONTENT[::-1], '"v2"'
    download(server.url, path)
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("ranges", "tag"), [(False, '"v1"'), (True, "")])
def test_a_server_that_cannot_resume(server: _Server, path: Path, ranges: bool, tag: str) -> None:
    server.ranges, server.tag = ranges, tag
    server.break_after = [1000]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole_already(server: _Server, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / "file.b.part").write_bytes(CONTENT)
    (path.parent / "file.b.part.tag").write_text(server.tag)
    download(server.url, path, SUM)
    assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long(server: _Server, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / "file.b.part").write_bytes(CONTENT + b"x")
    (path.parent / "file.b.part.tag").write_text(server.tag)
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum(server: _Server, path: Path) -> None:
    with pytest.raises(UserError, match=f"SHA-256 {SUM}, expected 00"):
        download(server.url, path, "00")
    assert _left(path) == []
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="expected"):
        download(server.url, path, SUM)
    assert path.read_bytes() == b"mine"


def test_not_found_is_said_at_once_and_a_busy_server_is_asked_again(
    server: _Server, path: Path
) -> None:
    server.errors = [404]
    with pytest.raises(UserError, match="404 Not Found.*by hand"):
        download(server.url, path, wait=0)
    assert len(server.asked) == 1
    server.errors = [503, 500]
    download(server.url, path, SUM, wait=0)
    assert path.read_bytes() == CONTENT


def test_offline(path: Path, server: _Server) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as closed:
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


def test_a_folder_that_is_a_file(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        download(server.url, tmp_path / "new" / "file.b")


def test_the_table_of_amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[tuple[str, Path]] = []
    monkeypatch.setattr(remote, "download", lambda url, path: fetched.append((url, path)))
    assert set(AMAZON_2014) == {
        "Baby",
        "Sports_and_Outdoors",
        "Clothing_Shoes_and_Jewelry",
        "Electronics",
    }
    paths = download_amazon("Baby", tmp_path)
    assert [path.name for path in paths] == [
        "reviews_Baby_5.json.gz",
        "meta_Baby.json.gz",
        "image_features_Baby.b",
    ]
    assert all(url.startswith("https://snap.stanford.edu/data/amazon/") for url, _ in fetched)
    assert len(download_amazon("Electronics", tmp_path, images=False)) == 2
    with pytest.raises(UserError, match="'Books' has no known addresses"):
        download_amazon("Books", tmp_path)
