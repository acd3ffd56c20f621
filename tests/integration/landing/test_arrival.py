"""Every way in which files arrive, with either observer."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.landing.events import Hint
from flows.landing.tree import MAX_STEPS
from flows.model.completeness import Completeness
from flows.model.files import shown
from flows.model.findings import Finding
from flows.model.merge import ChangeSet
from flows.model.policies import Unload
from flows.settings import Observer
from flows.store.requests import RequestBox
from tests.integration.live_feed import LiveFeed, live, sales

type Start = Callable[..., LiveFeed]

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


def pause(seconds: float) -> None:
    """What a slow writer does between two writes."""
    time.sleep(seconds)


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


def test_a_rename_from_a_temporary_name_inside_loads_once(start: Start) -> None:
    living = start(pattern="*")
    part = living.put("a.csv.part", sales(1))
    pause(0.2)
    with part.open("ab") as opened:
        opened.write(b"2,2021-05-01,phone,2\n")
    part.rename(living.landing / "a.csv")
    living.wait_for({1: 1, 2: 2})
    assert [row.file for row in living.files()] == ["a.csv"]
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_rename_from_outside_loads_once(start: Start, tmp_path: Path) -> None:
    living = start()
    (tmp_path / "a.csv").write_bytes(sales(1, 2))
    (tmp_path / "a.csv").rename(living.landing / "a.csv")
    living.wait_for({1: 1, 2: 2})
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_rename_over_another_file_brings_its_version_and_takes_its_place(start: Start) -> None:
    living = start()
    for name, body in {"p.csv": sales(10, 11), "r.csv": sales(50), "q.csv": sales(99)}.items():
        living.put(name, body)
        living.wait_for_state(name, "loaded")
    assert living.quantities() == {1: 99, 2: 11}
    moved = living.file("q.csv")
    os.replace(living.landing / "q.csv", living.landing / "p.csv")
    living.wait_for({1: 50})  # r.csv arrived after p.csv
    living.wait_until(lambda: living.state_of("q.csv") is None)
    now = living.file("p.csv")
    assert moved is not None and now is not None
    assert (now.version, now.state, now.current) == (moved.version, "loaded", True)


def test_a_rename_to_a_new_name_loads_nothing_again(start: Start) -> None:
    living = start(when_deleted=Unload())
    file = living.put("a.csv", sales(1, 2))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    before = living.file("a.csv")
    file.rename(living.landing / "b.csv")
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of("b.csv") == "loaded")
    after = living.file("b.csv")
    assert before is not None and after is not None and after.version == before.version
    assert living.quantities() == {1: 1, 2: 2, 9: 9}


def every_state(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> list[dict[int, int]]:
    """What the cube shows after each change from now on."""
    states: list[dict[int, int]] = []
    apply = living.feed.cube.apply

    def recorded(change: ChangeSet) -> int:
        rows = apply(change)
        states.append(living.quantities())
        return rows

    monkeypatch.setattr(living.feed.cube, "apply", recorded)
    return states


@pytest.mark.parametrize("how", ["rename", "copy", "into a directory"])
def test_a_renamed_file_s_rows_never_leave_the_cube_however_long_the_new_name_settles(
    start: Start, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    living = start(when_deleted=Unload(), settle_s=0.7, recursive=True)
    file = living.put("a.csv", sales(1, 2))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    states = every_state(living, monkeypatch)
    target = living.landing / ("new/b.csv" if how == "into a directory" else "b.csv")
    target.parent.mkdir(exist_ok=True)
    if how == "copy":
        target.write_bytes(file.read_bytes())
        file.unlink()
    else:
        file.rename(target)
    name = os.path.relpath(target, living.landing)
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of(name) == "loaded")
    assert living.quantities() == {1: 1, 2: 2, 9: 9}
    assert all(state == {1: 1, 2: 2, 9: 9} for state in states)


def test_a_renamed_file_s_rows_stay_while_its_new_name_waits_for_its_marker(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start(when_deleted=Unload(), completeness=Completeness(marker=".done"))
    for name, first in {"a.csv": 1, "other.csv": 9}.items():
        living.put(name, sales(first, start=first))
        living.put(f"{name}.done", b"")
    living.wait_for({1: 1, 9: 9})
    states = every_state(living, monkeypatch)
    (living.landing / "a.csv").rename(living.landing / "b.csv")
    living.wait_until(lambda: living.waits("b.csv") == "its marker b.csv.done")
    for _ in range(5):
        pause(0.1)
        living.inbox.rescan()
    living.put("b.csv.done", b"")
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of("b.csv") == "loaded")
    assert all(state == {1: 1, 9: 9} for state in states)


def test_a_renamed_file_that_never_gets_its_marker_is_gone_in_the_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.landing.missing_files.HEIR_S", 0.5)
    living = start(when_deleted=Unload(), completeness=Completeness(marker=".done"))
    for name, first in {"a.csv": 1, "other.csv": 9}.items():
        living.put(name, sales(first, start=first))
        living.put(f"{name}.done", b"")
    living.wait_for({1: 1, 9: 9})
    (living.landing / "a.csv").rename(living.landing / "b.csv")
    living.wait_for({9: 9})


def test_a_new_file_over_an_existing_name_is_a_correction(start: Start, tmp_path: Path) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    (tmp_path / "new.csv").write_bytes(sales(5))
    os.replace(tmp_path / "new.csv", living.landing / "a.csv")
    living.wait_for({1: 5})


def test_a_hard_link_loads_and_a_second_one_shares_its_rows(start: Start, tmp_path: Path) -> None:
    living = start()
    (tmp_path / "a.csv").write_bytes(sales(1))
    os.link(tmp_path / "a.csv", living.landing / "a.csv")
    living.wait_for({1: 1})
    os.link(tmp_path / "a.csv", living.landing / "b.csv")
    living.wait_for_state("b.csv", "loaded")
    assert living.quantities() == {1: 1}


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


def test_nested_directories_are_searched_where_the_dataset_says_so(start: Start, tmp_path: Path) -> None:
    (tmp_path / "landing" / "old").mkdir(parents=True)
    (tmp_path / "landing" / "old" / "a.csv").write_bytes(sales(1))
    living = start(recursive=True)
    living.wait_for({1: 1})
    (living.landing / "new" / "deep").mkdir(parents=True)
    living.put("new/deep/b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    (tmp_path / "batch" / "inner").mkdir(parents=True)
    (tmp_path / "batch" / "inner" / "c.csv").write_bytes(sales(3, start=3))
    (tmp_path / "batch").rename(living.landing / "batch")
    living.wait_for({1: 1, 2: 2, 3: 3})
    (living.landing / ".hidden").mkdir()
    living.put(".hidden/d.csv", sales(4, start=4))
    living.put("old/e.csv", sales(5, start=5))
    living.wait_for({1: 1, 2: 2, 3: 3, 5: 5})
    (living.landing / "batch").rename(living.landing / "renamed")
    living.wait_for_state("renamed/inner/c.csv", "loaded")
    assert living.state_of("batch/inner/c.csv") is None
    living.look()
    assert living.quantities() == {1: 1, 2: 2, 3: 3, 5: 5}


def test_a_nested_directory_that_is_removed_takes_its_rows_along(start: Start) -> None:
    living = start(recursive=True, when_deleted=Unload())
    (living.landing / "day").mkdir()
    living.put("day/a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    shutil.rmtree(living.landing / "day")
    living.wait_for({2: 2})


def test_nested_directories_are_left_alone_otherwise(start: Start) -> None:
    living = start()
    (living.landing / "nested").mkdir()
    living.put("nested/a.csv", sales(1))
    (living.landing / "directory.csv").mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({2: 2})
    living.look()
    assert [row.file for row in living.files()] == ["b.csv"]
    assert living.inbox.list_waiting() == {}


def test_links_are_followed_to_files_inside_only(start: Start, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_bytes(sales(666, start=6))
    living = start(recursive=True)
    store = living.landing / ".store"
    store.mkdir()
    (store / "1.csv").write_bytes(sales(1))
    (living.landing / "inside.csv").symlink_to(".store/1.csv")
    (living.landing / "out.csv").symlink_to(outside / "secret.csv")
    (living.landing / "loop").symlink_to(".")
    (living.landing / "directory").symlink_to(outside)
    (living.landing / "round.csv").symlink_to("round.csv")
    (living.landing / "nowhere.csv").symlink_to("missing.csv")
    living.wait_for({1: 1})
    living.look()
    out = "the link leads out of the landing directory; deliver the file, or a copy"
    far = f"the link leads through more than {MAX_STEPS} names; deliver the file, or link to it straight"
    assert living.status()["left_out"] == {"out.csv": out, "round.csv": far}
    assert [row.file for row in living.files()] == ["inside.csv"]
    (store / "2.csv").write_bytes(sales(2))
    (living.landing / ".new").symlink_to(".store/2.csv")
    (living.landing / ".new").rename(living.landing / "inside.csv")
    living.wait_for({1: 2})
    (living.landing / ".new").symlink_to(outside / "secret.csv")
    (living.landing / ".new").rename(living.landing / "inside.csv")
    living.wait_until(lambda: "inside.csv" in living.status()["left_out"])
    living.look()
    assert living.quantities() == {1: 2}


def test_a_nested_directory_that_becomes_a_link_is_not_followed(start: Start, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.csv").write_bytes(sales(666))
    living = start(recursive=True)
    (living.landing / "day").mkdir()
    living.put("day/a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    shutil.rmtree(living.landing / "day")
    (living.landing / "day").symlink_to(tmp_path / "outside")
    living.inbox.check_paths({b"day/a.csv": Hint.COMPLETE})
    living.wait_until(lambda: living.outcome_states("day/a.csv")[-1:] == ["gone"])
    assert living.quantities() == {1: 1, 2: 2}
    assert living.inbox.list_waiting() == {}


def test_the_landing_directory_may_be_a_link_itself(start: Start, tmp_path: Path) -> None:
    for volume in ("one", "two"):
        (tmp_path / volume).mkdir()
    (tmp_path / "landing").symlink_to("one")
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    (tmp_path / "landing").unlink()
    (tmp_path / "landing").symlink_to("two")
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    living.put("c.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2, 3: 3})


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


def test_a_file_waits_for_a_marker_that_is_not_older(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"), pattern="*")
    living.put("a.csv", sales(1))
    living.wait_until(lambda: living.waits("a.csv") == "its marker a.csv.done")
    living.put("a.csv.done", b"")
    living.wait_for({1: 1})
    pause(0.02)
    living.put("a.csv", sales(2))
    living.wait_until(lambda: living.waits("a.csv") == "a newer marker")
    assert living.quantities() == {1: 1}
    (living.landing / "a.csv.done").touch()
    living.wait_for({1: 2})
    (living.landing / "a.csv.done").unlink()
    living.look()
    assert [row.file for row in living.files()] == ["a.csv"]
    assert living.inbox.list_waiting() == {}


def test_a_marker_says_that_a_file_is_complete_whatever_else_it_looks_like(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"), settle_s=60.0)
    with (living.landing / "a.csv").open("wb", buffering=0) as opened:
        opened.write(sales(1).rstrip(b"\n"))
        living.put("a.csv.done", b"")
        living.wait_for({1: 1})


def test_a_name_too_long_to_have_a_marker_waits_and_hinders_nobody(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"))
    living.put(NAMES["255 bytes"], sales(1))
    living.put("b.csv", sales(2, start=2))
    living.put("b.csv.done", b"")
    living.wait_for({2: 2})
    assert (living.waits(NAMES["255 bytes"]) or "").startswith("its marker ")


def manifest_of(body: bytes, **wrong: Any) -> bytes:
    return json.dumps({"rows": body.count(b"\n") - 1, "sha256": hashlib.sha256(body).hexdigest()} | wrong).encode()


def test_a_file_waits_for_its_manifest_and_is_loaded_when_it_agrees(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"), pattern="*")
    bodies = {f"{number}.csv": sales(number, start=number) for number in range(1, 5)}
    for name, body in bodies.items():
        living.put(name, body)
    living.wait_until(lambda: living.waits("1.csv") == "its manifest 1.csv.json")
    living.put("1.csv.json", manifest_of(bodies["1.csv"]))
    living.put("2.csv.json", b'{"rows": 1, "comment": "by hand"}')
    living.put(
        "3.csv.json", b'\xef\xbb\xbf{"sha256": "%s"}' % hashlib.sha256(bodies["3.csv"]).hexdigest().upper().encode()
    )
    living.wait_for({1: 1, 2: 2, 3: 3})
    assert living.inbox.list_waiting() == {b"4.csv": "its manifest 4.csv.json"}
    (living.landing / "1.csv.json").unlink()
    living.look()
    assert living.inbox.list_waiting() == {b"4.csv": "its manifest 4.csv.json"}
    assert {row.file for row in living.files()} == {"1.csv", "2.csv", "3.csv"}


SHAPE = 'a manifest such as {"rows": 7, "sha256": "…"}, either or both'
MISMATCHES = [
    (b'{"rows": 3}', "2 rows", "3 rows, as the manifest says"),
    (b'{"sha256": "00", "rows": 2}', "sha256 {sha256}", "00, as the manifest says"),
    (b"rows=2", "rows=2", SHAPE),
    (b'{"rows": "2"}', '{"rows": "2"}', SHAPE),
    (b'{"row": 2}', '{"row": 2}', SHAPE),
    (b"[" * 100_000, "[" * 200, SHAPE),
    (b'{"sha256": "\\ud800"}', "sha256 {sha256}", "\\ud800, as the manifest says"),
    (b"", "", SHAPE),
    (rb'{"sha256": "\ud800"}', "sha256 {sha256}", r"\ud800, as the manifest says"),  # half a character, in no encoding
]
"""Manifests of files with 2 rows, and the finding that each leads to."""


def test_a_file_that_differs_from_its_manifest_is_refused_until_one_of_them_changes(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"))
    bodies = [sales(1, 2, start=start) for start in range(1, 110, 10)]
    for number, (manifest, _, _) in enumerate(MISMATCHES):
        living.put(f"{number}.csv.json", manifest)
        living.put(f"{number}.csv", bodies[number])
    living.wait_until(lambda: [row.state for row in living.files()] == ["quarantined"] * len(MISMATCHES))
    for number, (_, raw, expected) in enumerate(MISMATCHES):
        found = living.file(f"{number}.csv")
        assert found is not None
        raw = raw.format(sha256=hashlib.sha256(bodies[number]).hexdigest()) if "sha256 " in raw else raw
        assert found.first_finding == Finding("manifest", raw=raw, expected=expected)
        assert found.refused == 2
    assert living.quantities() == {}
    living.put("0.csv.json", manifest_of(bodies[0]))
    living.put("1.csv.json", manifest_of(bodies[9]))
    living.put("1.csv", bodies[9])
    living.wait_for({1: 1, 2: 2, 91: 1, 92: 2})


def test_a_correction_that_is_not_what_its_manifest_says_leaves_the_old_rows(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"))
    living.put("a.csv.json", manifest_of(sales(1, 2)))
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    living.put("a.csv", sales(5))
    living.wait_for_state("a.csv", "quarantined")
    assert living.quantities() == {1: 1, 2: 2}
    assert living.status()["stale"] == 1
    living.put("a.csv.json", manifest_of(sales(5)))
    living.wait_for({1: 5})
    living.put("a.csv", sales(1, 2))
    living.wait_for_state("a.csv", "quarantined")
    living.put("a.csv.json", manifest_of(sales(1, 2)))
    living.wait_for({1: 1, 2: 2})
    assert living.status()["stale"] == 0


def test_a_landing_directory_that_does_not_exist_yet_is_waited_for(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flows.landing.monitor")
    living = start(make_landing=False)
    living.wait_until(lambda: living.status()["problem"] == "the directory does not exist")
    living.wait_until(lambda: "waiting, because the directory does not exist" in caplog.text)
    living.landing.mkdir()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


@pytest.mark.parametrize(("make", "problem"), [
    (lambda at: at.write_bytes(b"ID"), "a file is in its place"),
    (lambda at: at.symlink_to("nowhere"), "the directory is a link that leads nowhere"),
    (lambda at: at.symlink_to(at), "the directory cannot be read (Too many levels of symbolic links)"),
    (lambda at: os.mkfifo(at), "a file is in its place"),
], ids=["a file", "a link to nowhere", "a link to itself", "a pipe"])  # fmt: skip
def test_what_is_no_directory_is_waited_for_in_plain_words(
    start: Start, make: Callable[[Path], object], problem: str
) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    shutil.rmtree(living.landing)
    make(living.landing)
    living.wait_until(lambda: living.status()["problem"] == problem)
    assert any(f"waiting, because {problem}" in complaint for complaint in living.complaints())
    assert living.quantities() == {1: 1}
    living.landing.unlink()
    living.landing.mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})


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


def test_a_landing_directory_that_is_removed_and_made_again_is_watched_again(start: Start) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    shutil.rmtree(living.landing)
    living.wait_until(lambda: living.status()["problem"] == "the directory does not exist")
    assert living.quantities() == {1: 1}
    living.landing.mkdir()
    living.put("a.csv", sales(1))
    living.wait_until(lambda: living.status()["problem"] is None)
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})


def test_a_landing_directory_replaced_in_an_instant_is_watched_again(start: Start) -> None:
    living = start()
    for number in range(1, 6):
        shutil.rmtree(living.landing)
        living.landing.mkdir()
        living.put(f"{number}.csv", sales(number, start=number))
        living.wait_for({each: each for each in range(1, number + 1)})


def test_a_landing_directory_moved_away_and_replaced_is_watched_again(start: Start, tmp_path: Path) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.landing.rename(tmp_path / "old")
    living.landing.mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    living.put("c.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2, 3: 3})


def test_an_empty_landing_directory_unloads_nothing(start: Start) -> None:
    living = start(when_deleted=Unload())
    for number in (1, 2):
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2})
    for number in (1, 2):
        (living.landing / f"{number}.csv").unlink()
    living.inbox.rescan()
    living.wait_until(lambda: "empty" in (living.status()["problem"] or ""))
    assert living.quantities() == {1: 1, 2: 2}
    living.put("1.csv", sales(1))
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


def whole(path: Any, directory: int | None) -> Any:
    """The path that a call means which names a file in a directory that is open."""
    if directory is None or not isinstance(path, bytes):
        return path
    return os.path.normpath(os.path.join(os.readlink(os.fsencode(f"/proc/self/fd/{directory}")), path))


class Failing:
    """Makes calls that concern one path fail as a broken mount does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, number: int) -> None:
        self.on = False
        for name in ("open", "stat", "lstat"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name), os.fsencode(path), number))

    def _wrapped(self, call: Callable[..., Any], broken: bytes, number: int) -> Callable[..., Any]:
        def wrapped(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> Any:
            if self.on and whole(path, dir_fd) == broken:
                raise OSError(number, os.strerror(number))
            return call(path, *args, dir_fd=dir_fd, **kwargs)

        return wrapped


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE], ids=["EIO", "ESTALE"])
def test_a_landing_directory_that_cannot_be_read_unloads_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    living = start(when_deleted=Unload())
    for name, first in {"a.csv": 1, "b.csv": 2}.items():
        living.put(name, sales(first, start=first))
    living.wait_for({1: 1, 2: 2})
    failing = Failing(monkeypatch, living.landing, number)
    failing.on = True
    living.wait_until(lambda: os.strerror(number) in (living.status()["problem"] or ""))
    (living.landing / "b.csv").unlink()
    pause(0.25)
    assert living.quantities() == {1: 1, 2: 2}
    failing.on = False
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


def test_of_a_nested_directory_that_cannot_be_read_nothing_is_unloaded_and_the_others_go_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start(when_deleted=Unload(), recursive=True)
    for number in (1, 2, 3):
        (living.landing / str(number)).mkdir()
        living.put(f"{number}/a.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2, 3: 3})
    failing = Failing(monkeypatch, living.landing / "2", errno.EIO)
    failing.on = True
    living.inbox.rescan()
    assert "2 in it cannot be read" in (living.inbox.problem or "")
    for number in (1, 3):
        living.put(f"{number}/b.csv", sales(number, start=10 + number))
    living.wait_for({1: 1, 2: 2, 3: 3, 11: 1, 13: 3})
    (living.landing / "1" / "a.csv").unlink()
    living.wait_for({2: 2, 3: 3, 11: 1, 13: 3})
    assert "2 in it cannot be read" in (living.inbox.problem or "")
    (living.landing / "2" / "a.csv").unlink()
    pause(0.25)
    assert living.quantities() == {2: 2, 3: 3, 11: 1, 13: 3}
    failing.on = False
    living.inbox.rescan()
    living.wait_for({3: 3, 11: 1, 13: 3})
    living.wait_until(lambda: living.inbox.problem is None)


def test_a_file_that_cannot_be_looked_at_is_not_gone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    living = start(when_deleted=Unload())
    for number in (1, 2, 3):
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2, 3: 3})
    real = os.scandir

    class Broken:
        """An entry of a directory whose inode cannot be read."""

        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.is_dir = entry.name, entry.is_dir

        def is_file(self, *, follow_symlinks: bool) -> bool:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    @contextmanager
    def scandir(path: Any) -> Iterator[Any]:
        with real(path) as entries:
            yield (Broken(entry) if entry.name == "2.csv" else entry for entry in entries)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        living.inbox.rescan()
        assert living.inbox.problem == "2.csv cannot be looked at (Input/output error)"
        (living.landing / "3.csv").unlink()
        living.put("4.csv", sales(4, start=4))
        living.wait_for({1: 1, 2: 2, 4: 4})
    living.inbox.rescan()
    living.wait_for({1: 1, 2: 2, 4: 4})


def test_a_file_that_cannot_be_read_is_tried_again_and_hinders_nobody(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    real = os.open
    broken = os.fsencode(living.landing / "a.csv")

    def refuse(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
        if whole(path, dir_fd) == broken:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *args, dir_fd=dir_fd, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        living.landing.joinpath("a.csv").write_bytes(sales(1))
        living.put("b.csv", sales(2, start=2))
        living.wait_for({2: 2})
        living.wait_until(lambda: living.waits("a.csv") == "another try: it cannot be read (Permission denied)")
        tries = len(living.outcome_states("a.csv"))
        pause(0.25)
        assert len(living.outcome_states("a.csv")) <= tries + 2
    living.wait_for({1: 1, 2: 2})


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
