"""The application: the questions, the page, and how mistakes are said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from recbole_drepmrec import __version__
from recbole_drepmrec.errors import UnknownIdError, UserError
from recbole_drepmrec.serving.limits import Guard
from recbole_drepmrec.serving.page import page_router
from recbole_drepmrec.serving.routes import router
from recbole_drepmrec.serving.swap import Current

ABOUT = (
    "What a finished run recommends. Ids are raw ids, those of the data's interactions. Every "
    "answer names the run that gave it, as another may take its place at any time."
)


def create_app(current: Current, threads: int) -> FastAPI:
    """Make the application.

    Args:
        current: The run that is served.
        threads: Questions that are worked on at the same time; the others wait.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        yield
        current.end()

    app = FastAPI(
        title="recbole-drepmrec",
        description=ABOUT,
        version=__version__,
        docs_url=None,  # these pages fetch scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.current = current
    app.include_router(router)
    app.include_router(page_router())
    app.add_middleware(Guard)
    app.add_exception_handler(UserError, _mistake)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _fault)
    return app


async def _mistake(_: Request, error: Exception) -> JSONResponse:
    """What was asked for is not there: the request itself was checked before."""
    detail = str(error)
    if isinstance(error, UnknownIdError):
        cure = "/items finds items by title" if error.kind == "item" else "`history` takes items"
        detail = f"the {error.kind} '{error.first}' is unknown; {cure}."
    return _problem(404, detail)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """One line a mistake: where it is, and what was expected."""
    assert isinstance(error, RequestValidationError)
    lines = [
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors()
    ]
    return _problem(422, "; ".join(lines[:5]))


async def _fault(_: Request, error: Exception) -> JSONResponse:
    """A fault of ours; what it was is in the server's log only."""
    return _problem(500, "something went wrong here; the server's log says what.")


def _problem(status: int, detail: str) -> JSONResponse:
    # what was given may hold half a character, which no answer can
    sound = detail.encode("utf-8", "replace").decode("utf-8")
    return JSONResponse({"detail": sound[:2000]}, status)
