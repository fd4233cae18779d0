"""What reaches the application of a request's body, however it is cut."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

pytest.importorskip("fastapi")

from recbole_drepmrec.serving.limits import MOST_BODY, Guard

Message = MutableMapping[str, Any]


def passed(sent: list[Message]) -> tuple[list[Message], list[int]]:
    """The messages that the application is given, and the statuses that the guard answers."""
    waiting, given, statuses = iter(sent), list[Message](), list[int]()

    async def receive() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def application(scope: Message, receive: Any, send: Any) -> None:
        for _ in range(2):
            given.append(await receive())

    scope = {"type": "http", "headers": [], "query_string": b""}
    asyncio.run(Guard(application)(scope, receive, send))
    return given, statuses


def cut(body: bytes, size: int) -> list[Message]:
    starts = range(0, len(body), size)
    return [
        {
            "type": "http.request",
            "body": body[start : start + size],
            "more_body": start < starts[-1],
        }
        for start in starts
    ]


def test_a_body_in_bytes_is_one_message() -> None:
    """A list of them would take hundreds of times the limit."""
    whole = {"type": "http.request", "body": b"0123456789", "more_body": False}
    assert passed(cut(b"0123456789", 1)) == ([whole, {"type": "http.disconnect"}], [])


def test_the_limit_is_of_the_whole_body() -> None:
    assert passed(cut(b"x" * (MOST_BODY + 1), 50_000)) == ([], [413])
    [first, _], statuses = passed(cut(b"x" * MOST_BODY, 50_000))
    assert len(first["body"]) == MOST_BODY
    assert statuses == []


def test_a_sender_that_goes_away_is_no_whole_body() -> None:
    given, statuses = passed(cut(b"0123456789", 4)[:2])
    assert given[0] == {"type": "http.disconnect"}
    assert statuses == []
