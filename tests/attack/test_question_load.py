"""Whoever may ask asks for everything, at once, and leaves."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.attack.system import HEADER, System, attacked
from tests.waiting import until

pytestmark = pytest.mark.slow
ROWS = 250_000
HEAVY = "/api/query?measure=Quantity.SUM&measure=Quantity.MEAN&by=ID&by=Date&by=Product&totals=true"
MEMORY_BYTES = 500 << 20
"""What questions may add to the session's memory, for a cube of this size; whole answers would be several times as
much."""


@pytest.fixture(scope="module")
def large() -> Iterator[System]:
    """A session over many rows."""
    with attacked({"CUBEFEED_MEMORY": "1GB"}) as system:
        rows = "".join(f"{n},2021-05-{n % 28 + 1:02},product {n % 50},1\n" for n in range(ROWS))
        system.place.drop("large.csv", HEADER + rows)
        until(lambda: "product 1" in system.products(), what="the large file is loaded", patience_s=60)
        yield system


def ask(system: System, path: str = HEAVY) -> socket.socket:
    """Ask, and do not read."""
    parts = urlsplit(system.url)
    opened = socket.create_connection((parts.hostname, parts.port), timeout=20)
    opened.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    return opened


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_questions_whose_askers_leave_are_not_worked_on(large: System) -> None:
    owner, alone_s = large.owner_process, _cost_s(large)
    before = cpu_s(owner)
    for _ in range(3):
        questions = [ask(large) for _ in range(60)]
        for each in questions:
            each.close()
    large.assert_still_loading()
    with large.client() as client:
        assert client.get(HEAVY).status_code == 400  # it waits for no other
    assert cpu_s(owner) - before < 20 * alone_s, "most of the 180 were worked on"


def test_heavy_questions_at_once_are_refused_and_hold_up_nothing(large: System) -> None:
    owner = large.owner_process
    before, over, peaks, answers = owner.memory_info().rss, threading.Event(), [0], list[int]()

    def watch() -> None:
        while not over.wait(0.02):
            peaks[0] = max(peaks[0], owner.memory_info().rss)

    def attack() -> None:
        with large.client() as client:
            answers.append(client.get(HEAVY, timeout=60).status_code)

    attacking = [threading.Thread(target=attack) for _ in range(24)]
    watching = threading.Thread(target=watch)
    watching.start()
    for thread in attacking:
        thread.start()
    try:
        with large.client() as client:
            while any(thread.is_alive() for thread in attacking):
                assert client.get("/health", timeout=3).status_code == 200
        large.assert_still_loading()
    finally:
        for thread in attacking:
            thread.join()
        over.set()
        watching.join()
    assert len(answers) == 24 and set(answers) <= {400, 503, 504}
    assert peaks[0] - before < MEMORY_BYTES, f"{(peaks[0] - before) >> 20} MB more"


@pytest.mark.deep
def test_answers_that_nobody_reads_take_a_bounded_amount_of_memory(large: System) -> None:
    before = large.owner_process.memory_info().rss
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(ask(large, "/api/query?measure=Quantity.SUM&by=Product&by=Date"))
        with large.client() as client:
            assert client.get("/health").status_code == 200
        large.assert_still_loading()
        assert large.owner_process.memory_info().rss - before < MEMORY_BYTES
    large.assert_still_loading()


def _cost_s(system: System) -> float:
    """What one such question costs."""
    before = cpu_s(system.owner_process)
    with system.client() as client:
        answer: httpx.Response = client.get(HEAVY)
    assert answer.status_code == 400 and "more than 100,000 rows" in answer.json()["error"]
    return max(0.1, cpu_s(system.owner_process) - before)
