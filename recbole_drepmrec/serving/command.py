"""``recbole-drepmrec serve RUN``."""

import math
from contextlib import ExitStack
from typing import Any

import joblib
import torch

from recbole_drepmrec.arguments import Parser, parsed, run_parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.libraries import library


def run(arguments: list[str]) -> None:
    """Serve a finished run until SIGINT or SIGTERM.

    Args:
        arguments: ``RUN [--host H --port P ...]``.

    Raises:
        UserError: Something that was given is wrong, or a package is missing.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    _check(options)
    for name in ("fastapi", "uvicorn"):
        library(name, name, "serve")
    from recbole_drepmrec.serving.app import create_app  # late: they import them
    from recbole_drepmrec.serving.server import address_of, listening, serve
    from recbole_drepmrec.serving.swap import Current

    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # of each question: they run side by side
        current = Current(options.run)
        taken = stack.enter_context(listening(options.host, options.port))
        what = current.served.recommender.bundle
        print(
            f"serving {what.model} on {what.dataset} ({current.served.run}) at "
            f"{address_of(taken)}; Ctrl-C stops",
            flush=True,
        )
        current.keep_fresh(options.watch)
        app = create_app(current, options.threads)
        serve(app, taken, current.ask, options.grace, options.access_log)


def _check(options: Any) -> None:
    for name, least in (("threads", 1), ("grace", 1), ("watch", 0)):
        given = getattr(options, name)
        if not least <= given < math.inf:
            raise UserError(f"--{name} is {given}, expected at least {least}.")


def _parser() -> Parser:
    parser = run_parser("serve", "a finished run, saved/RUN_ID, or a link to one")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine only)")
    add("--port", type=int, default=8000, help="port to listen at, 0 for a free one (8000)")
    add(
        "--threads",
        type=int,
        default=joblib.cpu_count(),
        help="questions worked on at the same time (one for each core)",
    )
    add(
        "--watch",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="look so often whether RUN has become another, and serve that then (0: never; SIGHUP "
        "has it read at once)",
    )
    add(
        "--grace",
        type=int,
        default=30,
        metavar="SECONDS",
        help="how long requests in flight may take once it is stopped (30)",
    )
    add("--access_log", action="store_true", help="a line of the log for each request")
    return parser
