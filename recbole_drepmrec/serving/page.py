"""The page to try a run by: three files of the package, which fetch nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path to the file of ``web/`` and what it is; nothing of a request goes into a file's name."""


def page_router() -> APIRouter:
    """Answers the page's paths, with files that are read once."""
    router = APIRouter(include_in_schema=False)
    for path, (name, kind) in FILES.items():
        content = files("recbole_drepmrec.serving").joinpath("web", name).read_bytes()
        router.add_api_route(path, _answer(content, kind), methods=["GET", "HEAD"])
    return router


def _answer(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Response(content, media_type=kind)

    return answer
