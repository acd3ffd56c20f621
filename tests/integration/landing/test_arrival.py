"""Every way in which files arrive, with either observer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.model.completeness import Completeness
from flows.model.files import shown
from flows.model.policies import Unload
from flows.settings import Observer
from flows.store.requests import RequestBox
from tests.integration.live_feed import Start, live, pause, sales

TEMPORARY = [
    "sales.csv.part", "sales.csv.partial", "sales.csv.tmp", "sales.csv.TMP", "sales.csv.temp", "sales.csv~",
    "sales.csv.~1~", "~sales.csv", "~$sales.csv", ".~lock.sales.csv#", "#sales.csv#", ".#sales.csv",
    ".sales.csv.swp", "sales.csv.swx", "sales.csv.bak", ".sales.csv.Xa81bQ", ".sales.csv", "._sales.csv",
    "sales.csv.crdownload", "sales.csv.opdownload", "sales.csv.download", "sales.csv.filepart",
    "sales.csv._COPYING_", "sales.csv.inprogress", "sales.csv.writing", "sales.csv_.gstmp", "sales.csv.aria2",
    "sales.csv.!ut", "sales.csv.!qB", "sales.csv.sb-0a1b2c3d-Xy9zQw", ".goutputstream-K3RT51", ".nfs00000000012a",
    ".syncthing.sales.csv.tmp", ".azDownload-77-sales.csv",
]  # fmt: skip
"""Of browsers, editors, office programs, rsync, WinSCP, wget, aria2, rclone, HDFS, Flink, gsutil, azcopy, torrents."""


@contextmanager
def slowly(file: Path, mode: str = "wb") -> Iterator[Callable[[bytes], None]]:
    """A writer that keeps its file open and rests for a moment after each write."""
    with file.open(mode, buffering=0) as opened:

        def write(part: bytes) -> None:
            opened.write(part)
            pause(0.06)

        yield write


def test_a_slow_writer_is_waited_for(start: Start) -> None:
    living = start(settle_s=0.25)
    whole = sales(*range(1, 7))
    with slowly(living.landing / "a.csv") as write:
        for line in whole.splitlines(keepends=True):
            write(line)
    living.wait_for({number: number for number in range(1, 7)})
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_writer_slower_than_the_settle_time_is_loaded_and_then_corrected(start: Start) -> None:
    living = start()
    with (living.landing / "a.csv").open("wb", buffering=0) as file:
        file.write(sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        file.write(b"3,2021-05-01,phone,3\n")
        living.wait_for({1: 1, 2: 2, 3: 3})
        file.write(b"4,2021-05-01,phone,4\n")
    living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})


def test_a_pause_in_the_middle_of_a_number_is_waited_for(start: Start) -> None:
    living = start()
    with slowly(living.landing / "a.csv") as write:
        write(sales(1).rstrip(b"\n"))
        write(b"00")
        write(b"0\n")
    living.wait_for({1: 1000})
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_number_that_is_continued_much_later_is_corrected(start: Start) -> None:
    living = start()
    file = living.put("a.csv", sales(1).rstrip(b"\n"))
    living.wait_for({1: 1})
    with file.open("ab") as opened:
        opened.write(b"000\n")
    living.wait_for({1: 1000})


def test_each_of_several_appends_is_loaded(start: Start) -> None:
    living = start()
    file = living.put("a.csv", sales(1))
    for number in range(2, 5):
        living.wait_for({earlier: earlier for earlier in range(1, number)})
        with file.open("ab") as opened:
            opened.write(f"{number},2021-05-01,phone,{number}\n".encode())
    living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})


def test_a_file_that_is_closed_and_opened_again_is_whole_in_the_end(start: Start) -> None:
    living = start()
    file = living.put("a.csv", sales(1, 2))
    with slowly(file, "ab") as write:
        write(b"3,2021-05-01,phone,3\n")
        write(b"4,2021-05-01,phone,4\n")
    living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
    assert "quarantined" not in living.outcome_states("a.csv")


def test_a_file_truncated_and_written_again_in_place_keeps_its_rows_until_it_is_complete(start: Start) -> None:
    living = start()
    file = living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    with file.open("r+b", buffering=0) as opened:
        opened.truncate(0)
        living.wait_until(lambda: living.waits("a.csv"))
        pause(0.2)
        assert living.quantities() == {1: 1, 2: 2}
        opened.write(sales(7))
    living.wait_for({1: 7})
    assert living.outcome_states("a.csv") == ["loaded", "loaded"]


def test_a_change_of_the_same_size_with_its_time_put_back_is_seen(start: Start) -> None:
    living = start()
    file = living.put("a.csv", sales(10))
    living.wait_for({1: 10})
    before = file.stat()
    file.write_bytes(sales(20))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    living.wait_for({1: 20})
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_two_versions_of_one_size_in_one_moment_end_with_the_last(start: Start) -> None:
    living = start()
    for number in range(10, 20):
        living.put("a.csv", sales(number))
        living.put("a.csv", sales(number + 50))
        living.wait_for({1: number + 50})


def test_temporary_names_of_copy_tools_never_load_and_their_final_names_do(start: Start) -> None:
    assert len(TEMPORARY) >= 16
    living = start(pattern="*")
    for number, name in enumerate(TEMPORARY, start=1):
        living.put(name, sales(number, start=number))
    living.put("other.csv", sales(7, start=1000))
    living.wait_for({1000: 7})
    living.look()
    assert living.inbox.list_waiting() == {}
    assert [row.file for row in living.files()] == ["other.csv"]
    for number, name in enumerate(TEMPORARY, start=1):
        (living.landing / name).rename(living.landing / f"{number}.csv")
    living.wait_for({1000: 7} | {number: number for number in range(1, len(TEMPORARY) + 1)})
    assert not [row.file for row in living.files() if row.state != "loaded"]


def test_a_file_of_0_bytes_is_loaded_when_it_is_filled(start: Start) -> None:
    living = start()
    file = living.put("a.csv", b"")
    living.wait_until(lambda: living.waits("a.csv") == "content: the file is empty")
    file.write_bytes(sales(1))
    living.wait_for({1: 1})
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_file_that_stays_empty_is_reported_and_still_loaded_when_it_is_filled(start: Start) -> None:
    living = start()
    file = living.put("a.csv", b"")
    living.wait_for_state("a.csv", "quarantined")
    row = living.file("a.csv")
    assert row is not None and row.first_finding is not None and row.first_finding.rule == "empty"
    file.write_bytes(sales(1))
    living.wait_for({1: 1})


NAMES = {
    "with spaces": b"my sales of may .csv",
    "a newline": b"first line\nsecond line.csv",
    "composed": "donn\u00e9es.csv".encode(),
    "decomposed": "donne\u0301es.csv".encode(),
    "another script": "\u58f2\u4e0a \U0001f4c8.csv".encode(),
    "255 bytes": b"x" * 251 + b".csv",
    "not UTF-8": b"caf\xe9 \xff.csv",
    "markup": b"[red]sales[bold].csv",
    "a dash": b"--help.csv",
    "controls": b"\x1b[31m\t\r.csv",
    "only the suffix": b"csv.csv",
}


def test_any_name_that_the_file_system_allows_is_loaded_and_shown(start: Start) -> None:
    living = start()
    for number, name in enumerate(NAMES.values(), start=1):
        living.put(name, sales(number, start=number))
    living.wait_for({number: number for number in range(1, len(NAMES) + 1)})
    assert {row.file for row in living.files()} == {shown(name) for name in NAMES.values()}
    assert all(row.file.isprintable() for row in living.files())
    for number, name in enumerate(NAMES.values(), start=1):
        living.put(name, sales(number + 100, start=number))
    living.wait_for({number: number + 100 for number in range(1, len(NAMES) + 1)})


def test_a_pattern_in_one_normal_form_takes_names_in_both(start: Start) -> None:
    living = start(pattern="donn\u00e9?s.csv")
    living.put("donn\u00e9es.csv", sales(1))
    living.put("donne\u0301es.csv", sales(2, start=2))
    living.put("donnees.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2})
    living.look()
    assert len(living.files()) == 2


@pytest.mark.parametrize("jump_s", [-365 * 86400, 365 * 86400], ids=["back", "ahead"])
def test_a_clock_that_jumps_a_year_holds_no_file_up(start: Start, monkeypatch: pytest.MonkeyPatch, jump_s: int) -> None:
    living = start(when_deleted=Unload())
    file = living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    file.write_bytes(sales(2))
    living.put("b.csv", sales(3, start=3))
    os.utime(living.put("c.csv", sales(4, start=4)), (2**33, 2**33))
    living.wait_for({1: 2, 3: 3, 4: 4})
    file.unlink()
    living.wait_for({3: 3, 4: 4})
    assert all(seconds >= 0 for outcome in living.outcomes for seconds in outcome.detection_s)


@pytest.mark.parametrize("time_s", [2**62, 2**34, -(2**62)])
def test_a_file_of_any_time_is_loaded_once(start: Start, time_s: int) -> None:
    living = start()
    file = living.landing / ".a.csv.part"
    file.write_bytes(sales(1))
    os.utime(file, ns=(0, time_s * 10**9))  # a file system keeps the nearest time that it knows
    file.rename(living.landing / "a.csv")
    living.wait_for({1: 1})
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    assert {row.version for row in living.files()} == {1, 2}


def test_a_file_that_was_only_asked_about_is_loaded_when_it_is_complete(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"))
    living.put("a.csv", sales(1))
    box = RequestBox(living.feed.ledger)
    try:
        request = box.leave("sales", "load", {"paths": ["a.csv"], "dry_run": True})
        box.wait(request, timeout_s=10, owner_alive=lambda: True)
    finally:
        box.close()
    assert living.quantities() == {}
    living.put("a.csv.done", b"")
    living.wait_for({1: 1})


def test_a_pipe_under_a_data_file_s_name_hinders_nobody(start: Start) -> None:
    living = start()
    os.mkfifo(living.landing / "a.csv")
    living.put("b.csv", sales(2, start=2))
    living.wait_for({2: 2})
    living.look()
    assert living.status()["left_out"] == {"a.csv": "it is not a regular file"}


def test_a_deleted_file_is_unloaded_although_another_one_never_rests(start: Start) -> None:
    living = start(when_deleted=Unload(), settle_s=0.5)
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    (living.landing / "a.csv").unlink()
    deadline = time.monotonic() + 5
    with (living.landing / "busy.csv").open("wb", buffering=0) as busy:
        while living.quantities() != {2: 2}:
            assert time.monotonic() < deadline
            busy.write(b"x")
            pause(0.05)


def test_what_arrives_changes_and_goes_while_nobody_watches_is_seen_at_the_next_start(
    quick: None, observer: Observer, tmp_path: Path
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        for number in range(1, 5):
            living.put(f"{number}.csv", sales(number, start=number))
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
    (living.landing / "1.csv").unlink()
    (living.landing / "2.csv").rename(living.landing / "two.csv")
    living.put("3.csv", sales(30, start=3))
    living.put("5.csv", sales(5, start=5))
    with live(tmp_path, observer, when_deleted=Unload()) as again:
        again.wait_for({2: 2, 3: 30, 4: 4, 5: 5})
        again.look()
        assert again.outcome_states("4.csv") == []
        assert "loaded" not in again.outcome_states("2.csv")
