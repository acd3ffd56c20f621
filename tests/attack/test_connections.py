"""Whoever reaches the page's port opens connections without end, says half a request, never reads, or never stops."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.attack.system import HEADER, System
from tests.waiting import until

pytestmark = pytest.mark.slow
UPGRADE = (
    "GET /live HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LOG_BYTES = 4_000
"""What an attack may add to the session's log, whatever it does: a few lines."""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """The attacker may open more files than the session."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def files_of(system: System, most: int) -> Iterator[None]:
    """The session may have so many files open."""
    pid = system.owner_process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def opened(system: System, count: int, sent: str = "", *, timeout_s: float = 10.0) -> Iterator[Sequence[socket.socket]]:
    """So many connections, over each of which the same was sent; what the session does with them, it does."""
    parts = urlsplit(system.url)
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                made.append(stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout_s)))
                made[-1].sendall(sent.format(host=parts.netloc).encode())
        yield made


def still_open(connections: Sequence[socket.socket]) -> int:
    """How many of them the session holds."""
    count = 0
    for each in connections:
        each.setblocking(False)
        try:
            while each.recv(1 << 16):
                pass
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


def output(system: System) -> int:
    return system.running.log.stat().st_size


def cpu_s(system: System) -> float:
    times = system.owner_process.cpu_times()
    return float(times.user + times.system)


def channel(system: System):  # type: ignore[no-untyped-def]  # a context manager of websockets
    return connect(f"{system.url.replace('http', 'ws')}/live", proxy=None, max_size=None)


def test_silent_connections_take_no_open_file_from_the_data(system: System) -> None:
    before = output(system)
    with files_of(system, 1024), opened(system, 1_600) as silent:
        assert len(silent) > 1_000
        system.assert_still_loading()
        assert system.owner_process.num_fds() < 1024 * 3 / 4
        assert still_open(silent) <= 256
    assert output(system) - before < LOG_BYTES


def test_every_file_loads_where_hardly_any_file_can_be_opened(system: System) -> None:
    before = output(system)
    with files_of(system, system.owner_process.num_fds() + 32), opened(system, 300):
        for number in range(200):
            system.place.drop(f"edge_{number}.csv", f"{HEADER}{number},2021-07-01,edge {number},1\n")
        wanted = {f"edge {number}" for number in range(200)}
        until(lambda: wanted <= system.products(), what="all files are loaded", every_s=0.2)
        system.assert_still_loading()
    log = system.running.output[before:]
    assert "Too many open files" not in log and "degraded" not in log


def test_where_no_file_can_be_opened_at_all_the_log_does_not_grow(system: System) -> None:
    before = output(system)
    with files_of(system, system.owner_process.num_fds() // 2), opened(system, 400, timeout_s=0.1) as silent:
        assert len(silent) > 100
        silent[0].settimeout(3.0)
        spent = cpu_s(system)
        with contextlib.suppress(TimeoutError):
            silent[0].recv(1)  # nobody answers
        assert cpu_s(system) - spent < 1.5, "it turns without end"
    assert output(system) - before < LOG_BYTES
    system.assert_still_loading()


@pytest.mark.parametrize(
    "sent",
    [
        "GET / HTTP/1.1\r\nHost:",
        pytest.param("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET /", marks=pytest.mark.deep),
    ],
)
def test_half_a_request_keeps_nobody_out(system: System, sent: str) -> None:
    before = output(system)
    with opened(system, 600, sent), system.client() as client:
        assert client.get("/").status_code == 200
        system.assert_still_loading()
    assert output(system) - before < LOG_BYTES


@pytest.mark.deep
def test_half_a_request_is_given_up_on(system: System) -> None:
    with opened(system, 100, "GET / HTTP/1.1\r\nHost:") as half:
        assert still_open(half) == 100
        until(lambda: still_open(half) == 0, what="all are closed", patience_s=20)
    system.assert_still_loading()


def test_pages_that_never_read_keep_no_page_out(system: System) -> None:
    before = output(system)
    with opened(system, 400, UPGRADE) as idle:
        with channel(system) as page:
            assert any(isinstance(page.recv(timeout=20), bytes) for _ in range(5)), "it is shown the cube"
            system.assert_still_loading()
        until(lambda: still_open(idle) <= 200, what="the connections over the limit are closed")
    assert output(system) - before < LOG_BYTES


def test_a_flood_of_frames_is_cut_off(system: System) -> None:
    before, cut, over = output(system), [0], threading.Event()

    def flood() -> None:
        while not over.is_set():
            try:
                with channel(system) as page:
                    while not over.is_set():
                        page.send("x" * 20)
            except (WebSocketException, OSError):
                cut[0] += 1

    flooding = [threading.Thread(target=flood) for _ in range(3)]
    for thread in flooding:
        thread.start()
    try:
        until(lambda: cut[0] > 3, what="they are cut off")
        for _ in range(3):
            system.assert_still_loading()
    finally:
        over.set()
        for thread in flooding:
            thread.join()
    assert output(system) - before < LOG_BYTES


@pytest.mark.parametrize(
    "sent", ["\x16\x03\x01 hello\r\n\r\n", "GET / HTTP/1.1\r\nHost: {host}\r\nlarge: " + "x" * 30_000]
)
@pytest.mark.deep
def test_what_is_no_request_gets_no_line_in_the_log(system: System, sent: str) -> None:
    before = output(system)
    with opened(system, 300, sent) as made:
        until(lambda: still_open(made) == 0, what="all are closed")
    assert output(system) - before < LOG_BYTES
    system.assert_still_loading()
