"""What a request may weigh, and what every answer says to browsers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

MOST_BODY = 2**20
"""Bytes of a request's body."""

MOST_QUERY = 4096
"""Bytes of what follows the question mark."""

MOST_DRAINED = 16 * MOST_BODY
"""Bytes of a body too large that are still taken, unread, so that its sender hears why."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADERS = (
    # the page's own files and this server's answers, nothing else, and no script in the page
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),  # another run may answer the next time
)


class Guard:
    """Refuses what is too large before it is read into memory, and adds headers to all answers.

    Args:
        app: What answers the rest.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        if len(scope.get("query_string", b"")) > MOST_QUERY:
            refusal = _refusal(
                414, f"the query is longer than {MOST_QUERY} bytes; send a shorter one."
            )
            await refusal(scope, receive, with_headers)
            return
        body = None if _declared(scope) > MOST_DRAINED else await _read(receive)
        if body is None:
            refusal = _refusal(
                413, f"the body is larger than {MOST_BODY} bytes; send a smaller one."
            )
            await refusal(scope, receive, with_headers)
            return
        await self.app(scope, _again(body, receive), with_headers)


def _declared(scope: MutableMapping[str, Any]) -> int:
    given = dict(scope["headers"]).get(b"content-length", b"0")
    return int(given) if given.isdigit() else 0


async def _read(receive: Receive) -> Message | None:
    """A body as one message, however it was cut; None if it is too large."""
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # its sender is gone
            return message
        size += len(message.get("body", b""))
        if size <= MOST_BODY:
            body += message.get("body", b"")  # not kept by itself: it may be of one byte
        if not message.get("more_body", False):
            whole = {"type": "http.request", "body": bytes(body), "more_body": False}
            return whole if size <= MOST_BODY else None
        if size > MOST_DRAINED:
            return None


def _again(message: Message, receive: Receive) -> Receive:
    """Gives a message that was read once more, then what comes after it."""
    left = iter([message])

    async def replayed() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return replayed


def _refusal(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)
