"""Real full disks under each part of the state: who waits and says so, who goes on, and that room mends it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.datasets.sales import SALES
from flows.day_report.build import complete_report, keep_report
from flows.errors import DiskFull, RequestFailed
from flows.ingest import compaction
from flows.ingest import disk_warnings as app_disks
from flows.ingest.bootstrap import open_feed
from flows.ingest.business_days import Days
from flows.ingest.compaction import compact
from flows.ingest.dataset_state import DatasetState
from flows.settings import Settings
from flows.store.crashes import Crashes
from flows.store.disk import Mount, mounts_in_use
from flows.store.ledger_file import open_ledger
from flows.store.owner import Owner
from flows.store.restore import restore_ledger
from flows.store.segment_rows import read_segment
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import SETTLE_S, LiveFeed, ask, sales
from tests.integration.small_disk import FILLER, PAGE, SmallDisk, small_disk
from tests.unit.store.test_crashes import A, deaths, die_with

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick", "soon_again")]

TWO = """
from dataclasses import replace
from cubefeed import SkipRows
from flows.datasets.sales import SALES
SALES = replace(SALES, landing={root!r} + "/landing", bad_rows=SkipRows(up_to=0.9))
OTHERS = replace(SALES, name="others", landing={root!r} + "/others")
"""
PREPARING = """
def prepare(rows):
    with open({root!r} + "/scratch/file", "wb") as file:
        file.write(b"x" * 100)
    return rows
SALES = replace(SALES, prepare=prepare)
"""
WITH_A_BAD_ROW = sales(2, start=2) + b"3,2021-05-01,phone,many\n"
DISKS = ("ledger", "segments", "quarantine", "reports", "backups")
PATIENCE_S = 20.0

type Disks = dict[str, SmallDisk]


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What found a full disk is tried again soon."""
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_S", 0.1)
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_MOST_S", 0.2)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    """Each part of the state on a disk of its own; the ledger is alone on that of the state directory."""
    with ExitStack() as stack:
        state = tmp_path / "state"
        places = {name: state / name for name in DISKS} | {"ledger": state}
        yield {name: stack.enter_context(small_disk(place)) for name, place in places.items()}


@contextmanager
def two_datasets(root: Path, declared: str = TWO) -> Iterator[LiveFeed]:
    """The sales, and others of which no row is ever refused."""
    for name in ("landing", "others"):
        (root / name).mkdir(exist_ok=True)
    declaration = root / "declaration.py"
    declaration.write_text(declared.format(root=str(root)), encoding="utf-8")
    datasets = f"{declaration}:SALES,{declaration}:OTHERS"
    settings = Settings(state=root / "state", datasets=datasets, observer="polling", settle_s=SETTLE_S)
    with open_feed(settings) as opened:
        living = LiveFeed(opened, root / "landing")
        living.start()
        try:
            yield living
        finally:
            living.stop()


def fill_all(disks: Disks, names: tuple[str, ...]) -> None:
    """Fill these disks up; a ledger's log that could be written again at its beginning is cut off before."""
    if "ledger" in names:
        with closing(sqlite3.connect(disks["ledger"].path / "ledger.db")) as ledger:
            ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for name in names:
        disks[name].fill()


def others(living: LiveFeed) -> int:
    return living.feed.cube.row_count("others")


def wait_for_degraded(living: LiveFeed, *names: str) -> None:
    living.wait_until(lambda: all(living.feed.datasets[name].degraded for name in names), PATIENCE_S)


def assert_whole(root: Path) -> None:
    """Nothing is half written: what the ledger names is there as it says, and nothing lies beside it."""
    state = root / "state"
    assert [file for file in state.rglob(".*") if "partial" in file.name or "before" in file.name] == []
    ledger = open_ledger(state / "ledger.db")
    try:
        known = {fact.file: fact for name in ("sales", "others") for fact in ledger.segments(name).values()}
    finally:
        ledger.close()
    for file in (state / "segments").glob("*.parquet"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == known[file.name].sha256
        assert read_segment(file).height == known[file.name].rows
    assert known.keys() == {file.name for file in (state / "segments").glob("*.parquet")}
    for folder in (state / "quarantine").glob("*/*"):
        assert json.loads((folder / "report.json").read_text())["refused"] == 1
        assert (folder / "refused").read_bytes().endswith(b"many\n")


@pytest.mark.parametrize(
    ("full", "words", "others_wait"),
    [
        (("segments",), "no room for a segment", True),
        (("ledger",), "no room for the ledger", True),
        (("quarantine",), "no room for refused rows", False),
        (DISKS, "no room for", True),
    ],
    ids=["segments", "ledger", "quarantine", "all"],
)
def test_who_writes_to_a_full_disk_waits_and_says_so_and_loads_once_there_is_room(
    tmp_path: Path,
    disks: Disks,
    full: tuple[str, ...],
    words: str,
    others_wait: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        fill_all(disks, full)
        living.put("b.csv", WITH_A_BAD_ROW)
        wait_for_degraded(living, "sales")
        output = living.status()["degraded"]
        assert words in output and "needed=" in output and "free=" in output and "tried again" in output
        assert any(words in complaint for complaint in living.complaints())
        logged = [record for record in caplog.records if words in record.getMessage()]
        assert logged and not any(record.exc_info for record in logged)  # the message says all there is to say
        (tmp_path / "others" / "c.csv").write_bytes(sales(5))
        if others_wait:
            wait_for_degraded(living, "others")
        else:
            living.wait_until(lambda: others(living) == 1)
            assert living.feed.datasets["others"].degraded is None
        assert living.quantities() == {1: 1}
        for name in full:
            disks[name].make_room()
        living.wait_for({1: 1, 2: 2})
        living.wait_until(lambda: others(living) == 1)
        living.wait_until(lambda: not any(state.degraded for state in living.feed.datasets.values()))
        assert living.complaints() == []
    assert_whole(tmp_path)
    with two_datasets(tmp_path) as living:
        assert living.quantities() == {1: 1, 2: 2} and others(living) == 1


def test_a_file_whose_prepare_finds_a_full_disk_waits_and_is_not_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "scratch") as disk, two_datasets(tmp_path, TWO + PREPARING) as living:
        disk.fill()
        living.put("a.csv", sales(1))
        wait_for_degraded(living, "sales")
        assert "No space left" in str(living.dataset_state.degraded) and living.files() == []
        disk.make_room()
        living.wait_for({1: 1})


def test_a_request_that_is_being_answered_when_the_ledger_has_no_room_is_answered_once_there_is_some(
    tmp_path: Path, disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        verify = Days.verify
        verified: list[str] = []

        def fill_and_verify(days: Days, state: DatasetState, **options: bool) -> dict[str, Any]:
            fill_all(disks, ("ledger",))
            verified.append(state.dataset.name)
            return verify(days, state, **options)

        monkeypatch.setattr(Days, "verify", fill_and_verify)
        with ThreadPoolExecutor(1) as executor:
            answer = executor.submit(ask, living, "verify")
            living.wait_until(lambda: verified)
            (tmp_path / "others" / "c.csv").write_bytes(sales(5))
            wait_for_degraded(living, "others")
            assert living.quantities() == {1: 1} and not answer.done()
            disks["ledger"].make_room()
            assert answer.result()["verify"]["rows"] == 1
        living.wait_until(lambda: others(living) == 1)
        assert verified == ["sales"], "it was carried out again"


@pytest.mark.parametrize("full", ["segments", "quarantine", "reports", "backups"])
def test_a_session_starts_and_answers_while_a_disk_is_full_and_goes_on_with_room(
    tmp_path: Path, disks: Disks, full: str
) -> None:
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
    fill_all(disks, (full,))
    (tmp_path / "landing" / "b.csv").write_bytes(WITH_A_BAD_ROW)
    with two_datasets(tmp_path) as living:
        assert living.quantities()[1] == 1
        if full in ("segments", "quarantine"):
            wait_for_degraded(living, "sales")
        disks[full].make_room()
        living.wait_for({1: 1, 2: 2})
    assert_whole(tmp_path)


def test_a_disk_that_will_soon_be_full_is_a_warning_and_no_complaint(
    tmp_path: Path, disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_disks, "LOOK_S", 0.0)
    with small_disk(tmp_path / "landing") as landing, two_datasets(tmp_path) as living:
        before = living.warnings()
        landing.fill()
        disks["reports"].fill(leave_bytes=1 << 20)
        disks["segments"].fill(leave_bytes=1 << 18)
        new = [warning for warning in living.warnings() if warning not in before]
        assert [warning.partition(" is nearly full: ")[2] for warning in new] == [
            "262.1 kB of 4.2 MB free",
            "1.0 MB of 4.2 MB free",
            "0 bytes of 4.2 MB free",
        ]
        for warning, use in zip(new, ("segments", "reports", "landing of sales"), strict=True):
            assert f"({use})" in warning
        assert living.complaints() == []


def test_a_landing_mount_that_hangs_holds_up_no_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, answers = mounts_in_use, threading.Event()

    def hang(places: Mapping[str, Path]) -> list[Mount]:
        if "landing" in places:
            answers.wait(PATIENCE_S)
        return measure(places)

    monkeypatch.setattr(app_disks, "mounts_in_use", hang)
    monkeypatch.setattr(app_disks, "LOOK_S", 0.0)
    with small_disk(tmp_path / "landing") as landing:
        disks = app_disks.Disks({"state": tmp_path}, {"landing": landing.path})
        try:
            assert [disk["uses"] for disk in disks.as_json()] == [["state"]]
            answers.set()
            deadline = time.monotonic() + PATIENCE_S
            while len(disks.as_json()) < 2:
                assert time.monotonic() < deadline
        finally:
            disks.close()


@pytest.mark.parametrize("new", [True, False], ids=["new state", "former state"])
def test_a_start_for_which_the_ledger_has_no_room_says_so_and_the_next_one_goes_on(
    tmp_path: Path, disks: Disks, new: bool
) -> None:
    if not new:
        with two_datasets(tmp_path) as living:
            living.put("a.csv", sales(1))
            living.wait_for({1: 1})
    disks["ledger"].fill()
    with pytest.raises(DiskFull, match=r"The disk is full.* free .* or more there"), two_datasets(tmp_path):
        pass
    disks["ledger"].make_room()
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})


@pytest.mark.parametrize("room_bytes", [4096, 4096 * 7, 4096 * 13, 4096 * 22])
def test_a_start_with_little_room_starts_or_says_that_there_is_none(
    tmp_path: Path, disks: Disks, room_bytes: int
) -> None:
    disks["ledger"].fill(leave_bytes=room_bytes)
    settings = Settings(state=tmp_path / "state", landing=tmp_path / "landing")
    with suppress(DiskFull), open_feed(settings) as opened:
        opened.feed.rebuild()
    disks["ledger"].make_room()
    with open_feed(settings) as opened:
        opened.feed.rebuild()


def test_an_owner_for_whose_name_there_is_no_room_is_no_owner_and_the_name_before_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state") as disk:
        state = StateDirectory(tmp_path / "state")
        with state.owned():
            state.announce(Owner(os.getpid(), "duckdb"))
            disk.fill()
            with pytest.raises(DiskFull, match=r"no room for the name of the owner .* or more there"):
                state.announce(Owner(os.getpid(), "atoti"))
            owner = state.owner()
            assert owner is not None and owner.engine == "duckdb"
            assert sorted(file.name for file in disk.path.iterdir()) == [FILLER, "lock", "owner.json"]


@pytest.mark.parametrize("full", ["segments", "ledger"])
def test_a_compaction_for_which_there_is_no_room_changes_nothing(
    tmp_path: Path, disks: Disks, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    monkeypatch.setattr(compaction, "FEW", 2)
    with two_datasets(tmp_path) as living:
        for number in range(1, 4):
            living.put(f"{number}.csv", sales(number, start=number))
            living.wait_for({each: each for each in range(1, number + 1)})
        before = sorted(file.name for file in disks["segments"].path.glob("*.parquet"))
        fill_all(disks, (full,))
        with pytest.raises(DiskFull):
            compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments)
        disks[full].make_room()
        assert sorted(file.name for file in disks["segments"].path.glob("*.parquet")) == before
        assert compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments).merged == 3
    assert_whole(tmp_path)
    with two_datasets(tmp_path) as living:
        assert living.quantities() == {1: 1, 2: 2, 3: 3}


def test_a_changed_declaration_for_whose_segments_there_is_no_room_waits_and_others_go_on(
    tmp_path: Path, disks: Disks
) -> None:
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        (tmp_path / "others" / "c.csv").write_bytes(sales(5))
        living.wait_until(lambda: others(living) == 1)
    disks["segments"].fill()
    with two_datasets(tmp_path, TWO + "SALES = replace(SALES, revision=2)\n") as living:
        wait_for_degraded(living, "sales")
        assert "no room for a segment" in str(living.dataset_state.degraded)
        assert others(living) == 1 and living.feed.datasets["others"].degraded is None
        disks["segments"].make_room()
        living.wait_for({1: 1, 2: 2})
    assert_whole(tmp_path)


def test_a_report_for_which_there_is_no_room_fails_and_the_page_before_stays(tmp_path: Path, disks: Disks) -> None:
    state = tmp_path / "state"
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        report = complete_report(state, ask(living, "report", date="2021-05-01")["report"])
        page = Path(keep_report(state, report)[0])
        before = page.read_bytes()
        disks["reports"].fill()
        with pytest.raises(DiskFull, match="no room for a report"):
            keep_report(state, report)
        assert page.read_bytes() == before
        living.put("b.csv", sales(2, start=2))
        living.wait_for({1: 1, 2: 2})
        disks["reports"].make_room()
        keep_report(state, complete_report(state, ask(living, "report", date="2021-05-01")["report"]))
        assert page.read_bytes() != before
    assert sorted(file.name for file in page.parent.iterdir()) == ["2021-05-01.html", "2021-05-01.json"]


def test_a_restore_for_which_there_is_no_room_leaves_the_ledger_as_it_is_and_takes_no_older_one(
    tmp_path: Path, disks: Disks
) -> None:
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        ask(living, "close-day")
        for number in range(400):
            (tmp_path / "others" / f"{number:03d}.csv").write_bytes(sales(1, start=number + 1))
        living.wait_until(lambda: others(living) == 400)
    ledger = disks["ledger"].path / "ledger.db"
    before, tables = ledger.read_bytes(), [SALES.table, replace(SALES, name="others").table]
    outcomes = set[str | None]()
    for room_bytes in range(8 * PAGE, 2 * len(before), len(before) // 6):
        disks["ledger"].fill(leave_bytes=room_bytes)
        try:
            restored = restore_ledger(StateDirectory(tmp_path / "state"), tables)
        except DiskFull:
            outcomes.add("no room")
            assert ledger.read_bytes() == before
            assert sorted(file.name for file in ledger.parent.glob("ledger*")) == ["ledger.db"]
        else:
            outcomes.add(restored.backup)
            break
    assert outcomes == {"no room", "ledger.db"}
    disks["ledger"].make_room()
    with two_datasets(tmp_path) as living:
        assert living.quantities() == {1: 1} and others(living) == 400


def backups(root: Path) -> dict[str, Any]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (root / "state" / "backups").iterdir()}


def test_a_backup_for_which_there_is_no_room_fails_its_request_and_takes_no_older_one_away(
    tmp_path: Path, disks: Disks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with two_datasets(tmp_path) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        for _ in range(8):
            ask(living, "close-day")
        disks["backups"].fill()
        before = backups(tmp_path)
        with pytest.raises(RequestFailed, match="disk is full"):
            ask(living, "close-day")
        assert backups(tmp_path) == before
        living.put("b.csv", sales(2, start=2))
        living.wait_for({1: 1, 2: 2})
        disks["backups"].make_room()
        ask(living, "close-day")
        assert backups(tmp_path) != before


def test_a_death_is_not_forgotten_where_there_is_no_room_to_remember_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state") as disk:
        die_with(disk.path, A)
        disk.fill()
        with pytest.raises(DiskFull, match="files that a process died over"):
            Crashes(disk.path).open()
        disk.make_room()
        Crashes(disk.path).open()
        assert deaths(disk.path) == {A.path: (1, False)}
