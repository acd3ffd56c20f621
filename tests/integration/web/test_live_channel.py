"""The page's channel of a real session, and connections beside it, over real HTTP."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from flows.web import connections
from tests.integration.live_feed import sales
from tests.integration.web.channel import Reader
from tests.integration.web.running_session import Session

SUM = "Quantity.SUM"


def test_the_channel_sends_and_takes_nothing(session: Session) -> None:
    page = Reader()
    with connect(session.channel, proxy=None) as channel:
        receive_cells(channel, page)
        assert page.kinds == ["snapshot"] and page.sums(of=SUM) == {(): 17}
        for message in ("{}", b"\x00" * 900, '{"kind": "snapshot"}'):
            channel.send(message)
        session.living.put("c.csv", sales(8, start=30, day="2021-05-03"))
        receive_cells(channel, page)
        assert page.kinds == ["snapshot", "delta"] and page.sums(of=SUM) == {(): 25}
        assert "cubefeed_live_pages 1.0" in session.get("/metrics").text
        channel.send("x" * 2000)
        with pytest.raises(ConnectionClosed):
            receive_cells(channel, page)
    assert session.living.quantities(by="Product") == {"phone": 25}


def test_a_page_that_does_not_read_slows_no_commit_and_catches_up(session: Session) -> None:
    page = Reader()
    with connect(session.channel, proxy=None, max_queue=1) as sleeping:
        receive_cells(sleeping, page)
        for number in range(80):
            session.living.put(f"s{number}.csv", sales(1, start=100 + number))
        session.living.wait_until(lambda: len(session.living.quantities()) == 83)
        while page.sums(of=SUM) != {(): 97}:
            receive_cells(sleeping, page)


def test_other_sites_and_other_names_are_refused_on_upgrades_too(session: Session) -> None:
    assert session.get("/api/status", Host="evil.example").status_code == 400
    assert session.get("/api/status", Origin="http://evil.example").status_code == 403
    assert session.get("/api/status", Origin="null").status_code == 403
    assert session.get("/api/status", Origin=session.url).status_code == 200
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "http://localhost:1"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(session.channel, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 403


def test_connections_that_ask_nothing_give_way_to_those_that_ask(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 10)
    port = int(session.url.rsplit(":", 1)[1])
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(40)]
        assert session.get(f"/api/query?measure={SUM}").json()["rows"] == [{SUM: 17}]
        assert [_is_closed(connection) for connection in idle[:30]] == [True] * 30


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side has let go of a connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def receive_cells(channel: Connection, page: Reader) -> None:
    """Take the next message about cells; the overview is skipped."""
    while True:
        message = channel.recv(timeout=20)
        if isinstance(message, bytes):
            return page.take(message)
