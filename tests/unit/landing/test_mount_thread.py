"""Calls that touch a landing directory: those that hang hold up nobody for long; those that are slow do not hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from flows.errors import LandingHangs
from flows.landing.mount_thread import MountThread, note_progress

QUIET_S = 0.05


@pytest.fixture
def mount() -> Iterator[MountThread]:
    mount = MountThread("sales")
    yield mount
    mount.stop()


class Gate:
    """A call that hangs until it is let through."""

    def __init__(self) -> None:
        self.begun, self.open, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(20)
        self.ended.set()
        return "through"


def test_a_call_brings_its_result_or_raises_what_it_raised(mount: MountThread) -> None:
    assert mount.call(lambda: threading.current_thread().daemon) is True
    with pytest.raises(SystemExit):
        mount.call(lambda: exec("raise SystemExit(3)"))
    assert mount.call(lambda: "again") == "again"


def test_while_a_call_hangs_the_others_fail_at_once_and_are_not_made_later(mount: MountThread) -> None:
    gate, made = Gate(), threading.Event()
    with pytest.raises(LandingHangs, match="landing directory of sales has not answered for 0 s"):
        mount.call(gate, quiet_s=QUIET_S)
    for _ in range(1000):
        with pytest.raises(LandingHangs):
            mount.call(made.set, quiet_s=QUIET_S)
    gate.open.set()
    assert gate.ended.wait(20)
    while True:  # the thread is between the end of the call and the next one
        try:
            assert mount.call(lambda: 1, quiet_s=QUIET_S) == 1
            break
        except LandingHangs:
            continue
    assert not made.is_set()


def test_a_call_that_makes_progress_does_not_hang(mount: MountThread) -> None:
    def move() -> int:
        ends = time.monotonic() + 1.5
        steps = 0
        while time.monotonic() < ends:
            note_progress()
            steps += 1
        return steps

    assert mount.call(move, quiet_s=1.0) > 0  # far more than a busy machine lets a thread wait


def test_one_who_does_not_wait_is_woken_when_the_call_is_over() -> None:
    woken, gate = threading.Event(), Gate()
    mount = MountThread("sales", woken.set)
    try:
        call = mount.begin_call(gate)
        assert not call.wait(0)
        assert not woken.is_set()
        gate.open.set()
        assert woken.wait(20) and call.wait(0) and call.result() == "through"
    finally:
        mount.stop()


def test_the_end_waits_for_no_call_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.landing.mount_thread.STOP_S", 0.1)
    gate, mount = Gate(), MountThread("sales")
    mount.begin_call(gate)
    assert gate.begun.wait(20)
    mount.stop()
    assert not gate.ended.is_set()
    gate.open.set()
    assert gate.ended.wait(20)
