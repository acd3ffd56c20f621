"""The owner's HTTP server: the live page and the read API. Loopback by default; nothing here writes.

It has an event loop in a thread of its own. In the session's loop it could answer nothing while the session opens and
closes what it needs, which are no coroutines; what strangers send, and pages that are slow, would hold up the data; and
on the main thread uvicorn takes SIGTERM and Ctrl-C, which end the session in order, for itself (`capture_signals` in
https://github.com/Kludex/uvicorn/blob/main/uvicorn/server.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from flows.cube.observable import WatchedCube
from flows.store.reports import Reports
from flows.web.api import Api
from flows.web.auth import Access, Guard
from flows.web.connections import Connections
from flows.web.headers import SecureHeaders
from flows.web.hub import Hub, OverviewSource
from flows.web.listener import AT_ONCE, is_without_room, listen
from flows.web.metrics import Metrics
from flows.web.page import page_routes
from flows.web.protocol import MESSAGE_BYTES, BoundedProtocol
from flows.web.proxy import ForwardedHeaders, Proxies
from flows.web.reports import report_route
from flows.web.source import Source

PAGE = "the live page"


class WorkOutcome(Protocol):
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

    async def run_heartbeat(self, name: str) -> None:
        """Show for ever that the running loop turns."""


class Live:
    """The live page and the read API of one session.

    Args:
        source: what is shown.
        cube: the cube behind it.
        overview: what the page shows around the pivots, in JSON types.
        access: who may read.
        reports: the reports of business days that are kept.
        watch: what notices failures.
        proxies: the reverse proxies that are believed.
    """

    def __init__(
        self,
        source: Source,
        cube: WatchedCube,
        overview: OverviewSource,
        access: Access,
        reports: Reports,
        watch: Watch,
        proxies: Proxies = Proxies(),  # noqa: B008  # it is frozen
    ) -> None:
        self._watch = watch
        self.hub = Hub(cube, overview, source.is_ready)
        names = [table.name for table in cube.model]
        self.metrics = Metrics(source.status, lambda: len(self.hub.pages), names)
        self.api = Api(source, others=[self.metrics.endpoint], fail=watch.fail)
        routes = [
            *page_routes(),
            report_route(reports, names),
            *self.api.routes,
            WebSocketRoute("/live", self.hub.serve),
        ]
        guarded = Guard(Starlette(routes=routes, lifespan=self._lifespan), access)
        self.app: ASGIApp = SecureHeaders(ForwardedHeaders(guarded, proxies))

    def record(self, outcome: WorkOutcome) -> None:
        """Show and count what was worked on; called in the thread that does the work, and returns at once."""
        self.hub.mark_changed()
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
        await self._watch.run_heartbeat(PAGE)


class LiveServer:
    """Runs an ASGI application in a thread of its own.

    Args:
        counts_in_total: whether an address stands for many people, such as that of a reverse proxy.

    Raises:
        StateError: it cannot listen there.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, port: int, counts_in_total: Callable[[str], bool] = lambda _: False
    ) -> None:
        connections = Connections(counts_in_total)
        self._socket = listen(host, port, connections)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, bounds=connections),  # type: ignore[arg-type]  # called, and nothing else
            backlog=AT_ONCE,
            log_level="error",  # its warnings are of what others send, a line each
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,  # it costs more than the wire to a browser on the same computer
            server_header=False,
            proxy_headers=False,  # uvicorn would believe whoever is on this computer
        )
        self._server = _Server(config, connections)
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
        """Answer what is under way, close the channels of the pages, then stop."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()


class _Server(uvicorn.Server):
    """Ends connections that keep it waiting, once a second."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._note_exception)
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._connections.sweep()
        return await super().on_tick(counter)

    def _note_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if is_without_room(context.get("exception")):
            self._connections.refuse()
        else:
            loop.default_exception_handler(context)
