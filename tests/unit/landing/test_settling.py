"""When a file counts as complete, on a clock that the test turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.datasets.sales import Sales
from flows.landing import settling
from flows.landing.events import Hint
from flows.landing.file_clock import TICK_S
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.reading.file_reader import FileContent, read_bytes, read_file
from tests.unit.landing.box import CUT, SETTLE_S, WHOLE, Box


@pytest.mark.parametrize(
    ("hint", "body", "completeness", "seconds"),
    [
        (Hint.UNKNOWN, WHOLE, Completeness(), SETTLE_S),
        (Hint.UNKNOWN, CUT, Completeness(), settling.NO_NEWLINE_S),
        (Hint.COMPLETE, WHOLE, Completeness(), TICK_S),
        (Hint.COMPLETE, CUT, Completeness(), settling.NO_NEWLINE_S),
        (Hint.COMPLETE, WHOLE, Completeness(manifest=".json"), SETTLE_S),
        (Hint.OPEN, WHOLE, Completeness(), settling.OPEN_S),
        (Hint.OPEN, CUT, Completeness(), settling.OPEN_S),
        (Hint.UNKNOWN, b"", Completeness(), settling.EMPTY_S),
        (Hint.COMPLETE, b"", Completeness(), settling.EMPTY_S),
        (Hint.OPEN, CUT, Completeness(marker=".done"), TICK_S),
        (Hint.UNKNOWN, b"", Completeness(marker=".done"), TICK_S),
    ],
)
def test_a_file_is_complete_when_it_was_unchanged_for_so_long(
    make: Callable[..., Box], hint: Hint, body: bytes, completeness: Completeness, seconds: float
) -> None:
    box = make(completeness=completeness)
    box.put("a.csv", body, hint)
    for suffix in completeness.companions:
        (box.directory / f"a.csv{suffix}").write_bytes(b"")
    box.hear("a.csv", hint)
    box.rescan()
    box.pass_s(seconds - 0.001)
    assert box.taken() == []
    assert (due := box.next_due_s()) is not None and due <= 0.02
    box.pass_s(0.001 + 1e-6)
    assert box.taken() == ["a.csv"]


def test_each_change_starts_the_wait_again(make: Callable[..., Box]) -> None:
    box = make()
    for length in range(1, 5):
        box.put("a.csv", WHOLE * length)
        box.pass_s(0.9)
        assert box.taken() == []
    box.pass_s(0.2)
    assert box.taken() == ["a.csv"]


def test_a_file_that_changed_since_the_last_listing_waits_on(make: Callable[..., Box]) -> None:
    box = make()
    (box.directory / "a.csv").write_bytes(WHOLE)
    box.rescan()
    box.pass_s(SETTLE_S)
    (box.directory / "a.csv").write_bytes(WHOLE * 2)
    (box.directory / "b.csv").write_bytes(WHOLE)
    assert box.taken() == []
    (box.directory / "b.csv").unlink()
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]
    box.put("c.csv")
    (box.directory / "c.csv").unlink()
    box.pass_s(SETTLE_S)
    assert box.taken() == []


def test_the_end_of_writing_is_believed_and_less_telling_events_do_not_undo_it(make: Callable[..., Box]) -> None:
    box = make()
    box.put("a.csv", WHOLE, Hint.OPEN)
    box.pass_s(2)
    assert box.taken() == []
    box.hear("a.csv", Hint.COMPLETE)
    box.hear("a.csv", Hint.UNKNOWN)
    assert box.taken() == ["a.csv"]


def test_what_is_said_of_a_companion_says_nothing_of_the_file(make: Callable[..., Box]) -> None:
    box = make(completeness=Completeness(manifest=".json"))
    box.put("a.csv", WHOLE, Hint.OPEN)
    box.put("a.csv.json", b"{}", Hint.COMPLETE)
    box.pass_s(2)
    assert box.taken() == []
    assert box.list_waiting() == {b"a.csv": "to settle"}


def test_a_time_in_the_future_does_not_delay_a_file(make: Callable[..., Box]) -> None:
    box = make()
    box.file_clock.trusted_age_s = 0.0
    (box.directory / "a.csv").write_bytes(WHOLE)
    os.utime(box.directory / "a.csv", (2**33, 2**33))
    box.rescan()
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]


@pytest.mark.parametrize("jump_s", [-365 * 86400, 365 * 86400], ids=["back", "ahead"])
def test_a_clock_that_was_set_makes_no_file_old(
    make: Callable[..., Box], monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    box = make()
    box.file_clock.trusted_age_s = 0.0
    (box.directory / "a.csv").write_bytes(WHOLE)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    box.rescan()
    assert box.taken() == []
    box.pass_s(SETTLE_S)
    assert box.taken() == ["a.csv"]


def test_a_file_from_the_future_is_read_without_waiting_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(WHOLE)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 365 * 86400)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it was waited for"))
    landed = SettledFile(b"a.csv", Signature.of(file.stat()), "load")
    read = read_file(Dataset(schema=Sales, landing=tmp_path), landed, arrived=True)
    assert isinstance(read, FileContent) and read.body == WHOLE


def test_a_large_file_is_read_in_pieces_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.reading.file_reader._PIECE_BYTES", 7)
    for size in (0, 1, 6, 7, 8, 14, 15, 1000):
        (tmp_path / "a").write_bytes(bytes(number % 251 for number in range(size)))
        file = os.open(tmp_path / "a", os.O_RDONLY)
        try:
            assert read_bytes(file, size) == (tmp_path / "a").read_bytes()
            assert read_bytes(file, 9) == b""
        finally:
            os.close(file)
