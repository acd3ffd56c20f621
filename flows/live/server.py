"""The owner's HTTP server: the live page and the read API. Loopback by default; nothing here writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from flows.errors import StateError
from flows.live.api import Api, Source
from flows.live.connections import BoundedProtocol
from flows.live.guard import Access, Guard
from flows.live.headers import Headed
from flows.live.hub import Hub, News
from flows.live.metrics import Metrics
from flows.live.page import page_routes
from flows.live.proxy import Forwarded, Proxies
from flows.live.reports import report_route
from flows.live.watched import WatchedCube
from flows.store.reports import Reports

PAGE = "the live page"
MAX_HEARD_BYTES = 1024
"""Pages have nothing to say; one that sends more than this at once is cut off."""

BACKLOG = 128
"""Connections that wait to be taken; all of them are taken at once, before any is let go of."""


class Happened(Protocol):
    """What became of a piece of work, as far as it is counted here."""

    @property
    def dataset(self) -> str: ...
    @property
    def batch(self) -> int | None: ...
    @property
    def took_s(self) -> float: ...
    @property
    def detection_s(self) -> tuple[float, ...]: ...


class Watch(Protocol):
    """What notices that a part of the session has failed, or stands still."""

    def fail(self, where: str, error: BaseException) -> None:
        """A part has failed."""

    def guard(self, name: str) -> AbstractContextManager[None]:
        """Whatever the block raises is a failure."""

    async def keep_turning(self, name: str) -> None:
        """Show for ever that the running loop turns."""


class Live:
    """The live page and the read API of one session.

    Args:
        source: what is shown.
        cube: the cube behind it.
        news: what the page shows around the pivots, in JSON types.
        access: who may read.
        reports: the reports of business days that are kept.
        watch: what notices failures.
        proxies: the reverse proxies that are believed.
    """

    def __init__(
        self,
        source: Source,
        cube: WatchedCube,
        news: News,
        access: Access,
        reports: Reports,
        watch: Watch,
        proxies: Proxies = Proxies(),  # noqa: B008  # it is frozen
    ) -> None:
        self._watch = watch
        self.hub = Hub(cube, news, source.is_ready)
        names = [table.name for table in cube.model]
        self.metrics = Metrics(source.status, lambda: len(self.hub.pages), names)
        self.api = Api(source, fail=watch.fail)
        routes = [
            *page_routes(),
            report_route(reports, names),
            *self.api.routes,
            self.api.route("/metrics", lambda _: self.metrics.reply()),
            WebSocketRoute("/live", self.hub.serve),
        ]
        guarded = Guard(Starlette(routes=routes, lifespan=self._lifespan), access)
        self.app: ASGIApp = Headed(Forwarded(guarded, proxies))

    def hear(self, outcome: Happened) -> None:
        """Something was worked on; called in the thread that does the work, and returns at once."""
        self.hub.poke()
        if outcome.batch is not None:
            self.metrics.observe(outcome.dataset, commit_s=outcome.took_s, detection_s=outcome.detection_s)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._guarded(work)) for work in (self.hub.run, self._keep_turning)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.api.close()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        with self._watch.guard(PAGE):
            await work()

    async def _keep_turning(self) -> None:
        await self._watch.keep_turning(PAGE)


class LiveServer:
    """Runs an ASGI application in a thread of its own.

    Raises:
        StateError: it cannot listen there.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            backlog=BACKLOG,
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            ws_max_size=MAX_HEARD_BYTES,
            ws_per_message_deflate=False,  # it costs more than the wire to a browser on the same computer
            server_header=False,
            proxy_headers=False,  # uvicorn would believe whoever is on this computer
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="live-server", daemon=True)

    def start(self) -> None:
        """Serve, and return once requests are answered, or the server has ended."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def _run(self) -> None:
        self._server.run([self._socket])
        if not self._server.should_exit:
            raise RuntimeError("the server of the live page has ended by itself")

    def stop(self) -> None:
        """Answer what is under way, tell the pages that the session ends, then stop."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise StateError(
            f"The live page cannot listen there ({os.strerror(error.errno) if error.errno else error.strerror})",
            next_step="free the port, or name another one with --port",
            host=host,
            port=port,
        ) from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves it out for a socket made here
    return listening
