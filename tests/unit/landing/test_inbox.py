"""When a file counts as complete, and when as gone: the inbox's rules, on a clock that the test turns."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.datasets.sales import Sales
from flows.landing import missing_files as missing
from flows.landing import pending_files, settling
from flows.landing.events import Hint
from flows.landing.file_states import ClaimedFiles
from flows.landing.inbox import Inbox
from flows.landing.settling import TICK_S
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.policies import Unload
from flows.reading.file_reader import FileContent, read_bytes, read_file

WHOLE, CUT = b"ID\n1\n", b"ID\n1"
SETTLE_S = 1.0


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Box(Inbox):
    """An inbox over a real directory, which does not believe the times of its files."""

    def __init__(self, root: Path, *, recorded: dict[bytes, Signature] | None = None, **options: Any) -> None:
        self.turn = Clock()
        self.directory = root
        super().__init__(
            Dataset(schema=Sales, landing=root, **options),
            recorded or {},
            settle_s=SETTLE_S,
            trusted_age_s=inf,
            clock=self.turn,
        )

    def put(self, name: str, body: bytes = WHOLE, hint: Hint = Hint.UNKNOWN) -> None:
        """Write a file, and hear of it."""
        (self.directory / name).write_bytes(body)
        self.hear(name, hint)

    def hear(self, name: str, hint: Hint = Hint.UNKNOWN) -> None:
        self.check_paths({name.encode(): hint})

    def take(self, *, max_files: int = 100, max_bytes: int = 1 << 20) -> ClaimedFiles:
        return self.claim_ready(self.find_ready(max_files=max_files, max_bytes=max_bytes))

    def taken(self) -> list[str]:
        """The names of the files that are complete now."""
        return [landed.path.decode() for landed in self.take().settled]

    def load(self, *names: str) -> None:
        """Let files be complete, and recorded."""
        for name in names:
            self.put(name)
        self.turn.now += SETTLE_S
        self.record({landed.path: landed.signature for landed in self.take().settled}, ())
        self.rescan()

    def pass_s(self, seconds: float) -> None:
        self.turn.now += seconds


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Box]:
    return lambda **options: Box(tmp_path, **options)


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


def test_a_file_is_gone_when_it_was_missing_for_a_while(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (box.directory / "a.csv").unlink()
    box.hear("a.csv")
    box.pass_s(missing.GONE_S / 2)
    assert box.take().deleted == ()
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == (b"a.csv",)
    box.hear("a.csv")
    assert box.take().deleted == ()
    box.record({}, [b"a.csv"])
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == ()
    assert box.list_waiting() == {}


def test_a_file_that_comes_back_in_time_is_not_gone(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (box.directory / "a.csv").rename(box.directory / "away")
    box.hear("a.csv")
    box.pass_s(missing.GONE_S / 2)
    (box.directory / "away").rename(box.directory / "a.csv")
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == ()


def test_only_a_new_name_that_still_settles_keeps_a_file_from_being_gone(make: Callable[..., Box]) -> None:
    box = make()
    box.settling.settle_s = 1.5
    box.load("a.csv", "b.csv", "c.csv")
    box.pass_s(1)
    box.record({landed.path: landed.signature for landed in box.take().settled}, ())
    (box.directory / "a.csv").unlink()
    (box.directory / "b.csv").rename(box.directory / "new.csv")
    box.rescan()
    box.pass_s(missing.GONE_S)
    box.put("busy.csv")
    assert box.take().deleted == (b"a.csv",)
    box.pass_s(0.5)
    found = box.take()
    assert [landed.path for landed in found.settled] == [b"new.csv"]
    assert found.missing == (b"b.csv",)


def test_the_last_files_of_a_directory_are_never_gone_where_that_would_unload_them(make: Callable[..., Box]) -> None:
    box = make(when_deleted=Unload())
    box.load("a.csv", "b.csv")
    for name in ("a.csv", "b.csv"):
        (box.directory / name).unlink()
        box.hear(name)
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert "empty" in str(box.problem)


def test_a_directory_that_was_seen_with_files_was_emptied_where_their_rows_stay(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    for name in ("a.csv", "b.csv"):
        (box.directory / name).unlink()
        box.hear(name)
    box.pass_s(missing.GONE_S * 2)
    assert set(box.take().deleted) == {b"a.csv", b"b.csv"}
    assert box.problem is None


def test_an_empty_directory_that_was_never_seen_with_its_files_may_be_an_unmounted_one(
    make: Callable[..., Box], tmp_path: Path
) -> None:
    before = make()
    before.load("a.csv")
    (before.directory / "a.csv").unlink()
    box = make(recorded=before._recorded)
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert "empty, as an unmounted one is, and 1 file was there" in str(box.problem)
    tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-unmounted"))
    tmp_path.mkdir()
    before.rescan()
    before.pass_s(missing.GONE_S * 2)
    assert before.take().deleted == () and "empty" in str(before.problem)


def test_another_file_system_without_any_of_the_files_says_nothing_of_them(
    make: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (tmp_path / "away").mkdir()
    for name in ("a.csv", "b.csv"):
        (box.directory / name).rename(tmp_path / "away" / name)
    box.put("c.csv")
    real, root = os.fstat, os.stat(box.root).st_ino

    def fstat(file: int) -> Any:
        found = real(file)
        return SimpleNamespace(st_dev=-1, st_ino=found.st_ino) if found.st_ino == root else found

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fstat)
        box.rescan()
        box.pass_s(missing.GONE_S * 2)
        assert box.take().deleted == ()
        assert "another file system" in str(box.problem)
        (tmp_path / "away" / "a.csv").rename(box.directory / "a.csv")
        box.rescan()
        assert box.problem is None
        box.pass_s(missing.GONE_S * 2)
        assert box.take().deleted == (b"b.csv",)


@pytest.mark.parametrize("mount_point", ["left", "removed"])
def test_a_file_system_that_was_mounted_below_and_is_not_any_more_says_nothing_of_its_files(
    make: Callable[..., Box], mount_point: str
) -> None:
    box = make(recursive=True, when_deleted=Unload())
    shop = box.directory / "shop"
    shop.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "cubefeed-test", shop], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        box.load("a.csv", "b.csv", "shop/c.csv")
        box.rescan()
    finally:
        subprocess.run(["umount", shop], check=True)
    if mount_point == "removed":
        shop.rmdir()
    (box.directory / "b.csv").unlink()
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert str(box.problem).startswith("shop/ is on another file system now, with none of its 1 files; nothing is")
    shop.mkdir(exist_ok=True)
    (shop / "c.csv").write_bytes(b"ID\n2\n")
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert (box.take().deleted, box.problem) == ((b"b.csv",), None)


def test_a_directory_that_was_removed_with_its_files_is_gone(make: Callable[..., Box]) -> None:
    box = make(recursive=True, when_deleted=Unload())
    (box.directory / "shop").mkdir()
    box.load("a.csv", "shop/c.csv")
    box.rescan()
    (box.directory / "shop" / "c.csv").unlink()
    (box.directory / "shop").rmdir()
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert (box.take().deleted, box.problem) == ((b"shop/c.csv",), None)


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
