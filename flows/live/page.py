"""The page and its files, all from this process: it works without the internet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

PERSPECTIVE = "perspective-anywidget"
"""The files of the installed perspective-python that hold its browser engine, its table and its charts."""
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self' blob: 'wasm-unsafe-eval'",  # Perspective imports parts of its own text as blobs
    "worker-src": "blob: data:",  # Perspective's engine starts its worker from its own text
    "connect-src": "'self' data: blob:",  # … and its WebAssembly from a data address
    "style-src": "'self' 'unsafe-inline'",  # its elements bring their styles with them
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What the browser is told with every answer: above all, to load nothing from elsewhere."""


def page_routes() -> list[Route]:
    """The page at `/` and its files under `/assets`.

    Perspective's files carry their version in the address and are kept for ever; our own are asked for again each
    time, and sent again only when they have changed.
    """
    engine = version("perspective-python")
    own = files("flows.live") / "assets"
    page = (own / "page.html").read_text(encoding="utf-8").replace("{perspective}", f"/assets/{engine}/{PERSPECTIVE}")
    routes = [Route("/", _text_route(page, "html"), methods=["GET"])]
    for name in ("page.js", "page.css", "look.js", "icon.svg"):
        text = (own / name).read_text(encoding="utf-8")
        routes.append(Route(f"/assets/{name}", _text_route(text, name.rpartition(".")[2]), methods=["GET"]))
    for kind in ("js", "css"):
        path = f"/assets/{engine}/{PERSPECTIVE}.{kind}"
        routes.append(Route(path, _file_route(_perspective(kind), _TYPES[kind]), methods=["GET"]))
    return routes


def _perspective(kind: str) -> Path:
    found = find_spec("perspective")  # not imported: its engine for the server side is not needed
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "widget" / "static" / f"{PERSPECTIVE}.{kind}"


def _text_route(text: str, kind: str) -> Callable[[Request], Response]:
    mark = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    headers = {"ETag": mark, "Cache-Control": "no-cache", **HEADERS}

    async def endpoint(request: Request) -> Response:
        if mark in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type=_TYPES[kind])

    return endpoint  # type: ignore[return-value]  # Starlette takes coroutine functions too


def _file_route(file: Path, media_type: str) -> Callable[[Request], Response]:
    async def endpoint(request: Request) -> Response:
        return FileResponse(file, media_type=media_type, headers={"Cache-Control": _FOR_EVER, **HEADERS})

    return endpoint  # type: ignore[return-value]  # as above
