"""How often `up` starts again what has died."""

from __future__ import annotations

import time

import pytest

from flows.installation.backoff import LONGEST_WAIT_S, SHORT_LIFE_S, SLOW_S, TRIES, Backoff


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        patch.setattr(time, "monotonic", lambda: self.now)


def test_what_dies_soon_is_started_again_ever_later_and_then_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, backoff, waits = Clock(monkeypatch), Backoff(), list[float]()
    for _ in range(TRIES + 2):
        backoff.mark_start()
        assert not backoff.due
        waits.append(backoff.wait_s)
        clock.now += backoff.wait_s
        assert backoff.due
    assert waits == [1.0, 2.0, 4.0, 8.0, SLOW_S, SLOW_S, SLOW_S]
    assert backoff.hopeless and backoff.tries == TRIES + 2 and max(waits[:4]) <= LONGEST_WAIT_S


def test_what_has_lived_for_a_while_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, backoff = Clock(monkeypatch), Backoff()
    for _ in range(TRIES):
        backoff.mark_start()
        clock.now += backoff.wait_s
    clock.now += SHORT_LIFE_S + 1
    backoff.mark_start()
    assert not backoff.hopeless and (backoff.tries, backoff.wait_s) == (1, 1.0)
