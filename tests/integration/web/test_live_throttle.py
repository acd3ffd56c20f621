"""Wrong tokens: slowed by address, logged in bounds, and no way to keep the right one out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from flows.web import throttle as room
from flows.web.auth import Access, Guard
from flows.web.cookies import Cookies
from flows.web.throttle import ADDRESSES, FREE, LOG_S, RECOVERY_S, TokenThrottle
from flows.web.token import make_token

TOKEN = make_token()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at(address: str) -> dict[str, Any]:
    return {"client": (address, 1)}


def test_whoever_mistypes_is_not_held_and_whoever_goes_on_is_until_it_is_forgotten(clock: Clock) -> None:
    throttle = TokenThrottle(clock)
    for _ in range(FREE):
        throttle.record(at("192.0.2.1"))
    assert not throttle.is_throttled(at("192.0.2.1"))
    throttle.record(at("192.0.2.1"))
    assert throttle.is_throttled(at("192.0.2.1")) and not throttle.is_throttled(at("192.0.2.2"))
    for _ in range(10_000):
        throttle.record(at("192.0.2.1"))
    clock.now += RECOVERY_S
    assert not throttle.is_throttled(at("192.0.2.1"))  # however many there were


def test_an_ipv6_network_counts_as_one_and_what_is_no_address_too(clock: Clock) -> None:
    throttle = TokenThrottle(clock)
    for number in range(FREE + 1):
        throttle.record(at(f"2001:db8::{number:x}"))
        throttle.record(at("unknown"))
    assert throttle.is_throttled(at("2001:db8::ffff")) and not throttle.is_throttled(at("2001:db8:0:1::"))
    assert throttle.is_throttled(at("unknown"))


def test_so_many_addresses_are_remembered_and_no_more(clock: Clock) -> None:
    throttle = TokenThrottle(clock)
    for _ in range(FREE + 1):
        throttle.record(at("192.0.2.1"))
    for number in range(ADDRESSES - 1):
        throttle.record(at(f"10.0.{number >> 8}.{number & 255}"))
    assert throttle.is_throttled(at("192.0.2.1"))
    throttle.record(at("10.1.0.0"))
    assert not throttle.is_throttled(at("192.0.2.1")) and len(throttle._wrong) == ADDRESSES


def test_a_flood_of_guesses_is_a_handful_of_lines_that_name_the_address(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = TokenThrottle(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(13_000):
            throttle.record(at("192.0.2.1"))
        clock.now += LOG_S
        throttle.record(at("evil\x1b[31m\nline"))
    assert len(caplog.messages) == 6 and "10,000" in caplog.messages[4] and "192.0.2.1" in caplog.messages[0]
    assert caplog.messages[5].isprintable()


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def _guard() -> Guard:
    return Guard(_hello, Access(cookies=Cookies(TOKEN, "one")))


async def _ask(guard: Guard, token: str, *, receive: Any = None) -> int:
    """The status of an answer to a bearer."""
    sent: list[Message] = []
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers, **at("192.0.2.1")}

    async def send(message: Message) -> None:
        sent.append(message)

    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    await guard({**scope, "scheme": "http"}, receive or stays, send)
    return int(sent[0]["status"])


async def test_after_too_many_the_right_token_gets_in_all_the_same_and_as_slowly_as_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "HELD_S", 0.05)
    guard, loop = _guard(), asyncio.get_running_loop()
    assert {await _ask(guard, "wrong") for _ in range(FREE + 20)} == {401}
    floods = [asyncio.create_task(_ask(guard, f"wrong {number}")) for number in range(500)]
    began = loop.time()
    assert await _ask(guard, TOKEN) == 200
    assert loop.time() - began >= 0.05
    await asyncio.gather(*floods)


async def test_so_many_are_held_and_no_more_so_that_others_find_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PER_ADDRESS", 10)
    monkeypatch.setattr(room, "HELD_S", 3600.0)
    guard = _guard()
    for _ in range(FREE + 1):
        guard._throttle.record(at("192.0.2.1"))
    held = [asyncio.create_task(_ask(guard, "wrong")) for _ in range(10 // room.SHARE)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await _ask(guard, "wrong") == 401 and await _ask(guard, TOKEN) == 200
    assert not any(task.done() for task in held)
    for task in held:
        task.cancel()


async def test_nothing_is_held_for_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = _guard()
    for _ in range(FREE + 1):
        guard._throttle.record(at("192.0.2.1"))
    monkeypatch.setattr(room, "HELD_S", 3600.0)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async with asyncio.timeout(5):
        assert await _ask(guard, "wrong", receive=gone) == 401
