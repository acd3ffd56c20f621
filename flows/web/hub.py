"""The channels of open pages: the cells of every table, and the overview. One way, from here to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import anyio.to_thread
import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.cube.observable import WatchedCube
from flows.errors import CubefeedError, EngineFailed, TooSlow
from flows.runtime.boundaries import QuestionFailed, Scope, boundary
from flows.web import connections
from flows.web.proxy import PROXIED
from flows.web.table_view import TableView

log = logging.getLogger(__name__)

OVERVIEW_S = 2.0
"""How often pages get the overview; a page that gets nothing for several times as long connects again."""
OVERVIEW_PAUSE_S = 0.25
PAUSE_S = 0.02
"""The least time between two looks, so that commits in quick succession are seen together."""
READY_S = 0.5
"""How often a page looks whether a table that is being filled is complete."""
MAX_PAGES = 128
"""Pages that are open at a time; half of all connections at most, so that others can ask meanwhile. From one other
computer come half of what may come from there, for the same reason."""
GIVEN_WAY = 1013
"""The code with which a channel is closed whose place another page has taken: the page comes back when it is looked
at, or after a while. It means "try again later":
https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number"""

OverviewSource = Callable[[], dict[str, Any]]


class Page:
    """One open page. It has no queue: when it is ready for more, it takes what it has not seen, and where that is
    no longer kept, a snapshot. So it can be as slow as it likes."""

    def __init__(self, hub: Hub, address: str = "") -> None:
        self.address = address
        self.wake = asyncio.Event()
        self.gives_way = asyncio.Event()
        self._hub = hub
        self._seen: dict[str, int] = {}
        self._overview: bytes | None = None

    async def send(self, socket: WebSocket) -> None:
        """Send the page everything until it goes."""
        while True:
            self.wake.clear()
            overview = self._hub.overview
            if overview is not None and overview is not self._overview:
                self._overview = overview
                await socket.send_text(overview.decode())
            for view in self._hub.views:
                name = view.table.name
                self._seen[name], messages = view.since(self._seen.get(name, 0))
                for message in messages:
                    await socket.send_bytes(message)
            await self.wake.wait()


class Hub:
    """Serves all open pages from one loop. Nothing is held or asked while there are none.

    Args:
        cube: whose tables are shown.
        overview: how everything stands, in JSON types; called in a thread.
        is_ready: whether a table is complete, so that it can be shown.
    """

    def __init__(self, cube: WatchedCube, overview: OverviewSource, is_ready: Callable[[str], bool]) -> None:
        self.views: Sequence[TableView] = [TableView(cube, table) for table in cube.model]
        self.overview: bytes | None = None
        self.pages: dict[Page, None] = {}
        """Those that are open, the oldest first."""
        self._make_overview = overview
        self._is_ready = is_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._overview_due = asyncio.Event()
        cube.notify = lambda _: self.mark_changed()

    def mark_changed(self) -> None:
        """Something has changed; may be called from any thread, and returns at once."""
        loop = self._loop
        if loop is not None and self.pages:
            with contextlib.suppress(RuntimeError):  # the loop has ended in this moment
                loop.call_soon_threadsafe(self._wake_loops)

    async def serve(self, socket: WebSocket) -> None:
        """One page's channel, until either side ends it. What the page sends is dropped unread.

        Where too many are open, the oldest gives way, of the address from which most have come: so nobody can shut
        others out, and the page that somebody opens now is shown.
        """
        self._make_room(socket)
        await socket.accept()
        page = Page(self, _address(socket))
        self.pages[page] = None
        self._wake_loops()
        sending = asyncio.create_task(page.send(socket))
        ends = [sending, asyncio.create_task(_until_gone(socket)), asyncio.create_task(page.gives_way.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.pages.pop(page, None)
            self._wake_loops()
            for task in ends:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect):
                await sending
        if page.gives_way.is_set():
            with contextlib.suppress(WebSocketDisconnect):
                await socket.close(GIVEN_WAY, "another page has taken its place")

    def _make_room(self, socket: WebSocket) -> None:
        """Let go of pages until one more may be open, from everywhere and from where it comes."""
        while len(self.pages) >= most_pages():
            most, _ = Counter(page.address for page in self.pages).most_common(1)[0]
            self._let_go(most)
        address = _address(socket)
        if socket.scope.get(PROXIED) or not address or connections.is_loopback(address):
            return  # its connections count in total only
        while sum(page.address == address for page in self.pages) >= connections.MOST_PER_ADDRESS // 2:
            self._let_go(address)

    def _let_go(self, address: str) -> None:
        """Close the oldest page of those that have come from an address."""
        oldest = next(page for page in self.pages if page.address == address)
        del self.pages[oldest]
        oldest.gives_way.set()

    async def run(self) -> None:
        """Keep the views and the overview up to date while there are pages; until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._refresh_cells())
            loops.create_task(self._refresh_overview())

    async def _refresh_cells(self) -> None:
        while True:
            held_back = bool(self.pages) and not all(self._is_ready(view.table.name) for view in self.views)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), READY_S if held_back else None)
            self._changed.clear()
            for view in self.views:
                if self.pages and self._is_ready(view.table.name):
                    await anyio.to_thread.run_sync(refresh_view, view)
                else:
                    view.forget()
            self._wake()
            await asyncio.sleep(PAUSE_S)

    async def _refresh_overview(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._overview_due.wait(), OVERVIEW_S if self.pages else None)
            self._overview_due.clear()
            self.overview = await anyio.to_thread.run_sync(self._encode_overview) if self.pages else None
            self._wake()
            await asyncio.sleep(OVERVIEW_PAUSE_S)

    def _encode_overview(self) -> bytes | None:
        try:
            with boundary(Scope.QUESTION):
                return orjson.dumps({"kind": "overview", **self._make_overview()}, default=str)
        except (QuestionFailed, CubefeedError):
            log.exception("the pages cannot be sent the overview")
            return self.overview

    def _wake(self) -> None:
        for page in self.pages:
            page.wake.set()

    def _wake_loops(self) -> None:
        self._changed.set()
        self._overview_due.set()


def most_pages() -> int:
    """How many pages are open at most."""
    return min(MAX_PAGES, connections.most_connections() // 2)


def _address(socket: WebSocket) -> str:
    return socket.client.host if socket.client else ""


def refresh_view(view: TableView) -> None:
    """Bring the cells that pages show up to date; where that is not possible now, all is looked at again later."""
    try:
        with boundary(Scope.QUESTION):
            view.refresh()
    except (EngineFailed, TooSlow):
        view.forget()  # the cube is closed, new data needs the memory, or it takes too long: all is looked at again
    except (QuestionFailed, CubefeedError):
        log.exception("%s: the page cannot be brought up to date", view.table.name)
        view.forget()


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
