"""Fetches large files over HTTP: resumed where they broke off, checked, named when whole."""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import write_errors
from recbole_drepmrec.terminal import is_watched

CHUNK = 1024 * 1024
ATTEMPTS = 4
TIMEOUT = 30.0
"""Seconds without a byte after which a transfer counts as broken off."""

_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class _BrokenOffError(Exception):
    """A transfer that ended before its end."""


@dataclass(frozen=True)
class _Answer:
    """What the server is about to send: from which byte, and how many the whole file has."""

    start: int
    total: int | None
    validator: str


def download(
    url: str, path: Path, checksum: str | None = None, attempts: int = ATTEMPTS, wait: float = 1.0
) -> None:
    """Fetch ``url`` into ``path``; what is there in ``path.part`` is continued, not fetched again.

    A file that is already there is kept, if its checksum agrees.

    Args:
        url: An http or https address.
        path: Where the whole file goes; missing folders are created.
        checksum: What is expected, as ``sha256:HEX`` or ``md5:HEX``; None if none is known.
        attempts: How often to go on without anything new having arrived.
        wait: Seconds before the second attempt, doubled for each further one.

    Raises:
        UserError: There is no connection, the server refuses, the transfer keeps breaking off, the
            checksum differs, or the file cannot be written.
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise UserError(f"{url!r} is no http or https address; give one.")
    if path.exists():
        _check_sum(path, checksum, url)
        return
    part = path.with_name(f"{path.name}.part")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _fetch(url, path, part, attempts, wait)
    _check_sum(part, checksum, url)
    with write_errors(path):
        os.replace(part, path)
        _tag_file(part).unlink(missing_ok=True)


def _fetch(url: str, path: Path, part: Path, attempts: int, wait: float) -> None:
    """Go on until the file is whole, or ``attempts`` times in a row nothing new has come."""
    failed = 0
    while True:
        before = _size(part)
        try:
            return _transfer(url, part)
        except urllib.error.HTTPError as error:
            if error.code not in {408, 429, 500, 502, 503, 504}:
                raise _failed(url, path, f"the server says {error.code} {error.reason}") from error
            reason: Exception = error
        except (*_BROKEN, _BrokenOffError) as error:
            reason = error
        except ValueError as error:
            raise _failed(url, path, f"the address or the answer is malformed: {error}") from error
        failed = 1 if _size(part) > before else failed + 1
        if failed >= attempts:
            raise _failed(url, path, str(getattr(reason, "reason", reason))) from reason
        time.sleep(wait * 2 ** (failed - 1))


def _failed(url: str, path: Path, reason: str) -> UserError:
    return UserError(
        f"fetching {url} failed: {reason}. Check the network and run the same command again: it "
        f"goes on where it stopped. Or bring the file by hand, to {path}."
    )


def _transfer(url: str, part: Path) -> None:
    """Ask for the rest of the file and write it behind what is there."""
    have, tag = _size(part), _read_tag(part)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    if have and tag:  # without a tag, another version of the file could be glued to this one
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return
        part.unlink(missing_ok=True)
        raise _BrokenOffError("what was fetched before is longer than the file") from error
    with response:
        _write(response, _read_answer(response, have), part)


def _read_answer(response: Any, have: int) -> _Answer:
    headers = response.headers
    validator = headers.get("ETag") or headers.get("Last-Modified") or ""
    if validator.startswith("W/"):  # a weak tag does not promise the same bytes
        validator = headers.get("Last-Modified") or ""
    if response.status == 206:
        span, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.partition("-")[0] != str(have):
            raise ValueError(f"Content-Range {headers.get('Content-Range')!r} for byte {have}")
        return _Answer(have, int(total) if total.isdecimal() else None, validator)
    length = headers.get("Content-Length", "")
    return _Answer(0, int(length) if length.isdecimal() else None, validator)


def _write(response: Any, answer: _Answer, part: Path) -> None:
    label = part.name.removesuffix(".part")
    progress = tqdm(
        desc=label,
        total=answer.total,
        initial=answer.start,
        unit="B",
        unit_scale=True,
        disable=not is_watched(),
    )
    with progress, write_errors(part):
        _tag_file(part).write_text(answer.validator, encoding="utf-8")
        with part.open("ab" if answer.start else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                progress.update(len(chunk))
    if answer.total is not None and _size(part) != answer.total:
        raise _BrokenOffError(f"broke off after {_size(part)} of {answer.total} bytes")


def _read(response: Any) -> bytes:
    """Some bytes; what the network says is told apart from what the disk says."""
    try:
        return bytes(response.read1(CHUNK))
    except (*_BROKEN, OSError) as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error


def _check_sum(path: Path, expected: str | None, url: str) -> None:
    if expected is None:
        return
    kind, _, known = expected.lower().partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != known:
        if path.suffix == ".part":
            path.unlink()
            _tag_file(path).unlink(missing_ok=True)
        raise UserError(
            f"{path} from {url} has the {kind} checksum {found}, expected {known}; it is damaged "
            "or another version. Delete it if it is still there and run again; if it happens "
            "twice, the published file has changed."
        )


def _tag_file(part: Path) -> Path:
    """Where the server's name for this version of the file is kept."""
    return part.with_name(f"{part.name}.tag")


def _read_tag(part: Path) -> str:
    try:
        return _tag_file(part).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
