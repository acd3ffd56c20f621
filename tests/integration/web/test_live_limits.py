"""What a connection to the live page may take, over real sockets: at the limit it is served, beyond it is not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.observable import WatchedCube
from flows.model.tables import Column, Table
from flows.model.types import INTEGER
from flows.web import connections, hub, listener, protocol
from flows.web.headers import SECURE_HEADERS
from flows.web.hub import GIVEN_WAY, Hub
from flows.web.server import LiveServer

TABLE = Table("t", (Column("Key", INTEGER),), ("Key",))
LARGE = 8 << 20
"""More than the buffers of two sockets hold."""


@dataclass
class Served:
    """A server with a page's channel, and how to reach it."""

    url: str
    port: int
    hub: Hub

    def channel(self) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/live", proxy=None)

    def socket(self, *sent: bytes) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        for each in sent:
            opened.sendall(each)
        return opened

    def hello(self) -> str:
        return httpx.get(self.url, trust_env=False, timeout=20).text


@pytest.fixture
def served() -> Iterator[Served]:
    cube = DuckDbCube((TABLE,))
    pages = Hub(WatchedCube(cube), lambda: {"datasets": {}}, lambda _: False)

    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    async def large(request: Request) -> Response:
        return PlainTextResponse("x" * LARGE)

    routes = [Route("/", hello), Route("/large", large), WebSocketRoute("/live", pages.serve)]
    server = LiveServer(Starlette(routes=routes), host="127.0.0.1", port=0)
    server.start()
    try:
        yield Served(server.url, server.port, pages)
    finally:
        server.stop()
        cube.close()


def closes(opened: socket.socket) -> bool:
    """Whether the other side ends a connection; what it sends before is read."""
    try:
        while opened.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def status(served: Served, target: str = "/", headers: dict[str, str] | None = None, body: bytes = b"") -> int:
    answer = httpx.request(
        "GET", f"{served.url}{target}", headers=headers or {}, content=body, trust_env=False, timeout=20
    )
    assert answer.status_code == 200 or {"error", "next", "most"} <= answer.json().keys()
    assert {name.lower() for name in SECURE_HEADERS} <= set(answer.headers) or answer.status_code == 200
    return answer.status_code


def test_a_url_may_be_so_long(served: Served) -> None:
    assert status(served, "/" + "?" + "x" * (protocol.URL_BYTES - 2)) == 200
    assert status(served, "/" + "?" + "x" * (protocol.URL_BYTES - 1)) == 414


def test_headers_may_be_so_large_and_so_many(served: Served) -> None:
    own = dict.fromkeys(("accept", "accept-encoding", "connection", "user-agent"), "x")
    size = sum(len(name) + 1 for name in own) + len("host") + len(served.url) - len("http://") + len("large")
    assert status(served, headers={**own, "large": "x" * (protocol.HEAD_BYTES - size)}) == 200
    assert status(served, headers={**own, "large": "x" * (protocol.HEAD_BYTES - size + 1)}) == 431
    many = {f"h{number}": "x" for number in range(protocol.HEADERS - 5)}
    assert status(served, headers={**own, **many}) == 200
    assert status(served, headers={**own, **many, "more": "x"}) == 431


def test_a_head_that_never_ends_is_refused_at_its_limit(served: Served) -> None:
    begun = b"GET / HTTP/1.1\r\nHost: x\r\nlong: "
    with served.socket(begun, b"x" * (protocol.URL_BYTES + protocol.HEAD_BYTES)) as opened:
        assert opened.recv(100).startswith(b"HTTP/1.1 431")
        assert closes(opened)


def test_a_body_is_thrown_away_and_ends_the_connection_where_it_is_large(served: Served) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with served.socket(head + b"x" * protocol.BODY_BYTES) as opened:
        assert opened.recv(100).startswith(b"HTTP/1.1 200")
        opened.sendall(b"x")
        assert closes(opened)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\xf0garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_a_line_in_no_log(
    served: Served, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with served.socket(sent) as opened:
        assert closes(opened)
    assert served.hello() == "hello" and caplog.messages == []


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"])
def test_a_connection_that_asks_nothing_or_only_begins_to_ask_is_ended(
    served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    with served.socket(sent) as opened:
        assert closes(opened)


@pytest.mark.parametrize("sent", [b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /large HTTP/1.0\r\n\r\n"])
def test_who_does_not_read_the_answer_is_ended(served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_S", 0.2)
    with served.socket(sent) as opened:
        opened.settimeout(0.2)
        with contextlib.suppress(OSError):
            for _ in range(100):  # it neither reads nor goes, and notices the end by what it sends
                opened.sendall(b"\r\n")
                with contextlib.suppress(TimeoutError):
                    opened.recv(1, socket.MSG_PEEK | socket.MSG_OOB)
            pytest.fail("it was never ended")
    assert served.hello() == "hello"


def test_as_many_pages_are_open_as_may_be_and_for_one_more_the_oldest_gives_way(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_PAGES", 2)
    with served.channel() as oldest, served.channel() as second:
        assert served.hello() == "hello" and len(served.hub.pages) == 2
        with served.channel() as newest:
            with pytest.raises(ConnectionClosed) as closed:
                oldest.recv(timeout=20)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == GIVEN_WAY
            for page in (second, newest):
                assert page.ping().wait(20)
    assert hub.most_pages() == 2


def test_pages_of_one_other_computer_leave_connections_to_who_asks_from_there(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "is_loopback", lambda _: False)
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 4)
    with contextlib.ExitStack() as opened:
        pages = []
        for _ in range(5):
            pages.append(opened.enter_context(served.channel()))
            assert served.hello() == "hello"
        for page in pages[:-2]:
            with pytest.raises(ConnectionClosed) as closed:
                page.recv(timeout=20)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == GIVEN_WAY
        for page in pages[-2:]:
            assert page.ping().wait(20)


def test_a_page_may_send_so_much_and_is_cut_off_beyond(served: Served) -> None:
    frame = "x" * 1000
    with served.channel() as page:
        for _ in range(protocol.RECEIVED_BYTES // 1008):
            page.send(frame)
        assert page.ping().wait(20)
        with contextlib.suppress(ConnectionClosed):
            for _ in range(4):
                page.send(frame)
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=20)


def test_a_page_may_send_a_message_of_such_a_size(served: Served) -> None:
    with served.channel() as page:
        page.send("x" * protocol.MESSAGE_BYTES)
        assert page.ping().wait(20)
        page.send("x" * (protocol.MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=20)


def test_text_that_is_none_gets_a_line_in_no_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with served.channel() as page:
        page.send(b"\xff\xfe", text=True)
        assert page.ping().wait(20)
    assert caplog.messages == []


def test_no_connection_is_taken_while_few_files_can_be_opened(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with served.socket() as idle:
        assert served.hello() == "hello"
        with monkeypatch.context() as few:
            few.setattr(listener, "most_files", lambda: 0)
            with served.socket() as refused:
                assert closes(refused) and closes(idle)
    assert served.hello() == "hello" and caplog.messages == []
