"""Which connection gives way where there are too many, and which one has kept the server waiting for too long."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from typing import Any

import pytest

from flows.web import connections
from flows.web.connections import Connection, Connections


class Wire(asyncio.Transport):
    """The server's end of a connection from an address."""

    def __init__(self, address: str = "127.0.0.1", *, unsent: int = 0) -> None:
        super().__init__({"peername": (address, 1)})
        self.unsent = unsent
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(connections, "MOST", 3)
    monkeypatch.setattr(connections, "LEAST", 1)
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 2)
    return now


def opened(held: Connections, clock: list[float], *wires: Wire) -> list[Connection]:
    entries = []
    for wire in wires:
        clock[0] += 1
        entries.append(held.take(wire))
    return entries


def ended(*wires: Wire) -> list[bool]:
    return [wire.is_aborted for wire in wires]


def test_as_many_as_are_allowed_stay_and_with_one_more_the_longest_idle_gives_way(clock: list[float]) -> None:
    held, wires = Connections(), [Wire() for _ in range(4)]
    first, second, _ = opened(held, clock, *wires[:3])
    assert ended(*wires) == [False] * 4
    first.begin()
    clock[0] += 5
    second.begin()
    second.end()
    opened(held, clock, wires[3])
    assert ended(*wires) == [False, False, True, False] and len(held) == 3


def test_where_all_others_are_answered_or_are_pages_the_new_one_goes(clock: list[float]) -> None:
    held, wires = Connections(), [Wire() for _ in range(4)]
    for entry in opened(held, clock, *wires[:2]):
        entry.begin()
    opened(held, clock, wires[2])[0].is_channel = True
    opened(held, clock, wires[3])
    assert ended(*wires) == [False, False, False, True]


def test_who_only_has_to_read_its_answer_gives_way(clock: list[float]) -> None:
    held, wires = Connections(), [Wire() for _ in range(4)]
    for entry in opened(held, clock, *wires[:3]):
        entry.begin()
    wires[1].unsent = 1
    held.bound_unsent()
    opened(held, clock, wires[3])
    assert ended(*wires) == [False, True, False, False]


@pytest.mark.parametrize(
    ("address", "kept"), [("192.0.2.1", 2), ("2001:db8::1", 2), ("127.0.0.1", 3), ("::1", 3), ("10.0.0.9", 3)]
)
def test_from_one_address_come_so_many_unless_it_stands_for_many_people(
    address: str, kept: int, clock: list[float]
) -> None:
    held, wires = Connections(lambda found: found == "10.0.0.9"), [Wire(address) for _ in range(3)]
    opened(held, clock, *wires[:2])
    assert len(held) == 2
    opened(held, clock, wires[2])
    assert len(held) == kept and ended(*wires) == [kept == 2, False, False]


@pytest.mark.parametrize(("is_idle", "limit_s"), [(True, connections.HEAD_S), (False, connections.REQUEST_S)])
def test_a_request_and_what_comes_before_it_take_so_long(is_idle: bool, limit_s: float, clock: list[float]) -> None:
    held, wire = Connections(), Wire()
    entry = opened(held, clock, wire)[0]
    entry.is_idle = is_idle
    clock[0] += limit_s
    held.sweep()
    assert ended(wire) == [False]
    clock[0] += 0.1
    held.sweep()
    assert ended(wire) == [True] and len(held) == 0


def test_who_reads_nothing_for_so_long_is_ended_and_who_reads_is_not(clock: list[float]) -> None:
    held, wires = Connections(), [Wire(unsent=100), Wire(unsent=100)]
    for entry in opened(held, clock, *wires):
        entry.is_channel = True
    for _ in range(30):
        held.sweep()
        clock[0] += 1
        wires[1].unsent -= 1
    held.sweep()
    assert ended(*wires) == [True, False]


def test_so_much_may_wait_to_be_read_and_then_those_that_read_nothing_go(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNSENT_BYTES", 200)
    held, wires = Connections(), [Wire(unsent=100), Wire(unsent=100), Wire()]
    for entry in opened(held, clock, *wires):
        entry.is_channel = True
    held.bound_unsent()
    clock[0] += connections.UNSENT_S + 0.1
    wires[1].unsent = 99
    held.bound_unsent()
    assert ended(*wires) == [False] * 3
    wires[2].unsent = 2
    held.bound_unsent()
    assert ended(*wires) == [True, False, False]


def test_connections_take_a_share_of_the_files_that_may_be_open_and_leave_some_to_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for files, most, first_refused in ((64, 16, 48), (16, 8, 12), (1024, 256, 896), (100_000, 256, 99_872)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert (connections.most_connections(), connections.most_files()) == (most, first_refused)
    unlimited: Any = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)
    assert connections.most_connections() == 256


def test_it_is_said_once_in_a_while_how_many_were_refused(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    held = Connections()
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            held.refuse()
            held.sweep()
        assert caplog.messages == []
        clock[0] += connections.REPORT_S + 1
        held.sweep()
        held.sweep()
    assert caplog.messages == ["50 connections of the live page refused or ended: too many at once, or too slow"]


def test_who_reads_as_fast_as_more_is_sent_is_not_ended_for_what_waits(clock: list[float]) -> None:
    held, reading, standing = Connections(), Wire(unsent=1000), Wire(unsent=1000)
    entries = opened(held, clock, reading, standing)
    for entry in entries:
        entry.begin()
    held.sweep()
    for _ in range(3):
        clock[0] += connections.STALLED_S - 1
        entries[0].progress()  # and as much was sent since: what waits is the same
        held.sweep()
    assert ended(reading, standing) == [False, True]
