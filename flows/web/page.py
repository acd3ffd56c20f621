"""The page and its files, all from this process: it works without the internet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from flows.web.headers import POLICY, policy
from flows.web.templates import page_templates

PERSPECTIVE = "perspective-anywidget"
"""The files of the installed perspective-python that hold its browser engine, its table and its charts."""
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
_FOR_EVER = "private, max-age=31536000, immutable"
_POLICY = policy(
    script_src="'self' blob: 'wasm-unsafe-eval'",  # Perspective imports parts of its own text as blobs
    worker_src="blob: data:",  # Perspective's engine starts its worker from its own text
    connect_src="'self' data: blob:",  # … and its WebAssembly from a data address
    style_src="'self' 'unsafe-inline'",  # its elements bring their styles with them
    img_src="'self' data: blob:",
    font_src="'self' data:",
)


def page_routes() -> list[Route]:
    """The page at `/` and its files under `/assets`.

    Perspective's files carry their version in the address and are kept for ever; our own are asked for again each
    time, and sent again only when they have changed.
    """
    engine = version("perspective-python")
    routes = [Route("/", _text_route(partial(_page, engine), "html"), methods=["GET"])]
    for name in ("page.js", "page.css", "layout.js", "overview.js", "icon.svg", "api.css"):
        route = _text_route(partial(_own, name), name.rpartition(".")[2])
        routes.append(Route(f"/assets/{name}", route, methods=["GET"]))
    for kind in ("js", "css"):
        path = f"/assets/{engine}/{PERSPECTIVE}.{kind}"
        routes.append(Route(path, _file_route(_perspective(kind), _TYPES[kind]), methods=["GET"]))
    return routes


def _perspective(kind: str) -> Path:
    found = find_spec("perspective")  # not imported: its engine for the server side is not needed
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "widget" / "static" / f"{PERSPECTIVE}.{kind}"


def _page(engine: str) -> str:
    template = page_templates().get_template("page.html.jinja")
    return template.render(perspective=f"assets/{engine}/{PERSPECTIVE}")


def _own(name: str) -> str:
    return (files("flows.web") / "assets" / name).read_text(encoding="utf-8")


def _text_route(read: Callable[[], str], kind: str) -> Callable[[Request], Response]:
    """Sends a text, which is made when somebody asks for it first: no start waits for it, nor does the loop."""

    @cache
    def marked_text() -> tuple[str, str]:
        text = read()
        return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'

    def endpoint(request: Request) -> Response:
        text, mark = marked_text()
        headers = {"ETag": mark, "Cache-Control": "no-cache", **({POLICY: _POLICY} if kind == "html" else {})}
        if mark in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type=_TYPES[kind])

    return endpoint


def _file_route(file: Path, media_type: str) -> Callable[[Request], Response]:
    async def endpoint(request: Request) -> Response:
        return FileResponse(file, media_type=media_type, headers={"Cache-Control": _FOR_EVER})

    return endpoint  # type: ignore[return-value]  # Starlette takes coroutine functions too
