"""Files of one row, each with its own number as quantity, so that each that is missing or counts twice shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flows.datasets.sales import SALES
from flows.validation import cost
from flows.validation.cost import Cost
from tests.integration.live_feed import LiveFeed, sales


def numbers(count: int, start: int = 1) -> dict[int, int]:
    """The quantities that `count` files of one row show, each the number of its file."""
    return {number: number for number in range(start, start + count)}


def wait_for_all(living: LiveFeed, count: int, timeout_s: float = 60.0) -> None:
    """Wait until the files 1 to `count` are loaded, each once, and nothing waits."""
    living.wait_until(lambda: living.feed.cube.row_count("sales") == count, timeout_s)
    assert living.quantities() == numbers(count)
    states = [(file.file, file.state) for outcome in living.outcomes for file in outcome.files]
    states = [each for each in states if each[1] != "detected"]
    assert len(states) == len(set(states)) == count and {state for _, state in states} == {"loaded"}
    living.wait_until(lambda: not living.inbox.list_waiting())


@contextmanager
def at_once(living: LiveFeed) -> Iterator[None]:
    """What is written meanwhile is found by one listing."""
    with living.inbox._lock:
        yield
        living.inbox.rescan()


def room_for_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three files of one row fit into memory together."""
    one = Cost(SALES).worst(len(sales(99, start=99)), 2)
    monkeypatch.setattr(cost, "memory_bytes", lambda: cost.SHARE * 3 * one)
