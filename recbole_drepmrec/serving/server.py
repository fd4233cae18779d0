"""Serves the application on a socket until it is told to stop; requests in flight are answered."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from recbole_drepmrec.errors import UserError

HANGUP = getattr(signal, "SIGHUP", None)
"""What asks for a renewal; not every system has it."""


class Server(uvicorn.Server):
    """Ends in order on SIGINT and SIGTERM, and renews the run on SIGHUP.

    Args:
        config: What is served, and how.
        renew: Called on SIGHUP, by the signal's handler.
    """

    def __init__(self, config: uvicorn.Config, renew: Callable[[], None]) -> None:
        super().__init__(config)
        self._renew = renew

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals; unlike uvicorn's, whose process then dies of them, and says so."""

        def hangup(_: int, __: FrameType | None) -> None:
            self._renew()

        handlers: dict[signal.Signals, Any] = {
            signal.SIGINT: self.handle_exit,
            signal.SIGTERM: self.handle_exit,
        }
        if HANGUP is not None:
            handlers[HANGUP] = hangup
        before = {one: signal.signal(one, handler) for one, handler in handlers.items()}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Args:
        host: A name or an address.
        port: Its number; 0 for a free one.

    Raises:
        UserError: The port is taken or not allowed, or there is no such host here.
    """
    if not 0 <= port < 2**16:
        raise UserError(f"--port is {port}, expected 0 (a free one) to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:  # an unknown host too
        raise UserError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; stop what listens "
            "there, or give another --port or --host."
        ) from error


def address_of(taken: socket.socket) -> str:
    """Where a browser finds it.

    Args:
        taken: The socket.
    """
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: Any, taken: socket.socket, renew: Callable[[], None], grace: int, access_log: bool
) -> None:
    """Answer until a signal says to stop.

    Args:
        app: The application.
        taken: The socket.
        renew: Called on SIGHUP.
        grace: Seconds that requests in flight have to end.
        access_log: Whether each request is a line of the log.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=access_log,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=grace,
    )
    Server(config, renew).run(sockets=[taken])
