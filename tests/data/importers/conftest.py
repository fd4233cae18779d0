"""A web server on this machine, for what is fetched."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
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


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's attributes say."""

    server: Server

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
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.break_after, made.errors, made.asked = [], [], []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()
