"""What an inbox offers, and when again, on a clock that the test turns."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from flows.landing import pending_files, settling
from flows.landing.events import Hint
from flows.model.completeness import Completeness
from flows.model.files import Signature
from tests.unit.landing.box import SETTLE_S, WHOLE, Box


def test_a_file_at_work_is_not_offered_again_and_a_later_change_is(make: Callable[..., Box]) -> None:
    box = make()
    box.put("a.csv")
    box.pass_s(SETTLE_S)
    (landed,) = box.take().settled
    box.rescan()
    assert box.taken() == []
    box.put("a.csv", WHOLE * 2)
    box.pass_s(SETTLE_S)
    assert box.taken() == []
    box.record({b"a.csv": landed.signature}, ())
    assert box.taken() == ["a.csv"]


def test_a_change_that_was_read_already_is_not_offered_again(make: Callable[..., Box]) -> None:
    box = make()
    box.put("a.csv")
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]
    box.put("a.csv", WHOLE * 2)
    box.record({b"a.csv": Signature.of(os.stat(box.directory / "a.csv"))}, ())
    box.pass_s(SETTLE_S)
    assert box.taken() == []
    assert box.list_waiting() == {}


def test_a_file_that_could_not_be_read_is_left_alone_for_a_while(make: Callable[..., Box]) -> None:
    box = make()
    box.put("a.csv")
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]
    box.release({b"a.csv": "it cannot be read"})
    box.rescan()
    box.pass_s(pending_files.RETRY_S - 0.1)
    assert box.taken() == []
    assert box.list_waiting() == {b"a.csv": "another try: it cannot be read"}
    box.pass_s(0.2)
    assert box.taken() == ["a.csv"]


def test_a_file_that_changed_while_it_was_read_only_has_to_settle(make: Callable[..., Box]) -> None:
    box = make()
    box.put("a.csv")
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]
    (box.directory / "a.csv").write_bytes(WHOLE * 2)
    box.release({b"a.csv": "it changed while it was read"})
    assert box.taken() == []
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]


def test_files_that_wait_for_a_companion_are_looked_at_now_and_then_only(make: Callable[..., Box]) -> None:
    box = make(completeness=Completeness(marker=".done"))
    box.put("a.csv")
    assert box.taken() == []
    due = box.next_due_s()
    assert due is not None and due == pytest.approx(settling.COMPANION_S)


def test_a_marker_without_an_event_is_found_all_the_same(make: Callable[..., Box]) -> None:
    box = make(completeness=Completeness(marker=".done"))
    box.put("a.csv")
    assert box.taken() == []
    (box.directory / "a.csv.done").write_bytes(b"")
    box.pass_s(settling.COMPANION_S)
    assert box.taken() == ["a.csv"]


def test_files_are_taken_in_the_order_of_their_times_and_at_least_one(make: Callable[..., Box]) -> None:
    box = make()
    for number, name in enumerate(["c.csv", "a.csv", "b.csv"]):
        (box.directory / name).write_bytes(WHOLE * 10)
        os.utime(box.directory / name, ns=(number // 2, number // 2))
    box.rescan()
    box.pass_s(SETTLE_S)
    assert [landed.path for landed in box.take(max_bytes=1).settled] == [b"a.csv"]
    assert [landed.path for landed in box.take(max_files=1).settled] == [b"c.csv"]
    assert [landed.path for landed in box.take().settled] == [b"b.csv"]


def test_a_problem_makes_no_waiting_file_forgotten(make: Callable[..., Box], monkeypatch: pytest.MonkeyPatch) -> None:
    box = make()
    box.put("a.csv", WHOLE, Hint.OPEN)

    def refuse(path: Any) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        box.rescan()
    assert box.problem == "the directory cannot be read (Input/output error)"
    box.rescan()
    box.pass_s(settling.OPEN_S - 0.1)
    assert box.taken() == []
    box.pass_s(0.2)
    assert box.taken() == ["a.csv"]
