"""How often `up` starts again what has died."""

from __future__ import annotations

import time

import pytest

from flows.installation.processes import LONGEST_WAIT_S, SHORT_LIFE_S, SLOW_S, TRIES, Pace


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        patch.setattr(time, "monotonic", lambda: self.now)


def test_what_dies_soon_is_started_again_ever_later_and_then_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pace, waits = Clock(monkeypatch), Pace(), list[float]()
    for _ in range(TRIES + 2):
        pace.begin()
        assert not pace.due
        waits.append(pace.wait_s)
        clock.now += pace.wait_s
        assert pace.due
    assert waits == [1.0, 2.0, 4.0, 8.0, SLOW_S, SLOW_S, SLOW_S]
    assert pace.hopeless and pace.tries == TRIES + 2 and max(waits[:4]) <= LONGEST_WAIT_S


def test_what_has_lived_for_a_while_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pace = Clock(monkeypatch), Pace()
    for _ in range(TRIES):
        pace.begin()
        clock.now += pace.wait_s
    clock.now += SHORT_LIFE_S + 1
    pace.begin()
    assert not pace.hopeless and (pace.tries, pace.wait_s) == (1, 1.0)
