"""What was lost comes back as it was: restored ledgers, orphans among the segments, damaged segments, backups."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from flows.datasets.sales import SALES
from flows.errors import RequestFailed, StateError
from flows.ingest.compaction import compact
from flows.ingest.repair import Mender
from flows.landing.mount_thread import MountThread
from flows.model.calendar import DailyBy
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.merge import Horizon
from flows.model.policies import SkipRows, Unload
from flows.model.tables import Table
from flows.store import backup
from flows.store.backup import backups_in, make_backup
from flows.store.crashes import Crashes
from flows.store.footer import KEY, UnknownFooter, read_footer
from flows.store.ledger import SegmentFacts
from flows.store.ledger_file import open_ledger
from flows.store.quarantine import Quarantine
from flows.store.requests import RequestBox
from flows.store.restore import RestoreResult, restore_ledger
from flows.store.segment_rows import read_segment
from flows.store.segments import ASIDE_FEW, Segments
from flows.store.state_directory import StateDirectory
from flows.store.upkeep import horizon_of, set_first_day
from tests.integration.live_feed import Living, live, sales

pytestmark = pytest.mark.usefixtures("quick")


def segment_files(root: Path) -> list[Path]:
    return sorted((root / "state" / "segments").glob("*.parquet"))


def set_aside(root: Path) -> list[str]:
    return sorted(file.name.split(".")[0] for file in (root / "state" / "quarantine" / "_segments").glob("*"))


def lose_the_ledger(root: Path) -> None:
    for file in (root / "state").glob("ledger.db*"):
        file.unlink()


def restore(root: Path, *tables: Table) -> RestoreResult:
    return restore_ledger(StateDirectory(root / "state"), tables or [SALES.table])


def back_up(living: Living, root: Path) -> Path:
    return make_backup(living.feed.ledger.file, root / "state" / "backups")


def load(living: Living, name: str, *quantities: int, start: int = 1) -> None:
    def version() -> int:
        file = living.file(name)
        return file.version if file is not None and file.state == "loaded" else 0

    before = version()
    living.put(name, sales(*quantities, start=start))
    living.wait_until(lambda: version() > before)


def as_format_1(file: Path) -> None:
    """Write a segment's footer as earlier programs did."""
    footer = json.loads(pl.read_parquet_metadata(file)[KEY])
    old = {"dataset": footer["dataset"], "fingerprint": footer["fingerprint"], "versions": footer["versions"]}
    with_footer(file, old)


def with_footer(file: Path, footer: object, *, target: Path | None = None) -> Path:
    rows = read_segment(file)
    target = target or file
    rows.write_parquet(target, compression="lz4", metadata={KEY: json.dumps(footer)})
    return target


@pytest.mark.parametrize("backed_up", ["never", "before", "after"])
def test_a_file_renamed_before_the_loss_is_corrected_and_not_doubled(tmp_path: Path, backed_up: str) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1, 2)
        if backed_up == "before":
            back_up(living, tmp_path)
        (living.landing / "a.csv").rename(living.landing / "b.csv")
        living.wait_for_state("b.csv", "loaded")
        if backed_up == "after":
            back_up(living, tmp_path)
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).versions == (1 if backed_up == "never" else 0)
    with live(tmp_path, "native") as living:
        living.wait_for_state("b.csv", "loaded")
        living.put("b.csv", sales(7, start=2))
        living.wait_for({2: 7})


def test_a_new_file_under_the_old_name_of_a_renamed_one_does_not_replace_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        (living.landing / "a.csv").rename(living.landing / "b.csv")
        living.wait_for_state("b.csv", "loaded")
        load(living, "a.csv", 2, start=2)
    lose_the_ledger(tmp_path)
    assert any("to names that are not known: a.csv" in words for words in restore(tmp_path).undecided)
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}
        living.wait_for_state("b.csv", "loaded")
        living.put("b.csv", sales(5))
        living.wait_for({1: 5, 2: 2})


def test_a_file_deleted_before_the_loss_leaves_where_deleted_files_do(tmp_path: Path) -> None:
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        (living.landing / "a.csv").unlink()
        living.wait_for({2: 2})
    lose_the_ledger(tmp_path)
    restore(tmp_path)
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        living.wait_for({2: 2})
        load(living, "a.csv", 1)
        living.wait_for({1: 1, 2: 2})


def test_what_a_person_unloaded_stays_out_after_a_restore(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        requests = RequestBox(living.feed.ledger)
        asked = requests.leave("sales", "unload", {"paths": ["a.csv"]})
        requests.wait(asked, timeout_s=20, owner_alive=lambda: True)
        requests.close()
        living.wait_for({2: 2})
        load(living, "c.csv", 3, start=3)
    lose_the_ledger(tmp_path)
    found = restore(tmp_path)
    assert any("1 request open in the backup" in words for words in found.undecided)
    with live(tmp_path, "native") as living:
        living.look()
        assert living.quantities() == {2: 2, 3: 3}
        requests = RequestBox(living.feed.ledger)
        with pytest.raises(RequestFailed, match="it may have been done since"):
            requests.wait(asked, timeout_s=20, owner_alive=lambda: True)
        requests.close()


def test_retention_goes_on_after_a_restore_without_a_backup(tmp_path: Path) -> None:
    keeping: dict[str, Any] = {"expect": DailyBy("18:00", "Europe/Paris", "Date"), "retain_days": 5}
    dataset = replace(SALES, landing=tmp_path / "landing", **keeping)
    with live(tmp_path, "native", **keeping) as living:
        set_first_day(living.feed.ledger, "sales", date(2021, 5, 2))
        living.put("a.csv", sales(1, day="2021-05-01"))
        living.put("b.csv", sales(2, start=2, day="2021-05-02"))
        living.wait_for({2: 2})
    lose_the_ledger(tmp_path)
    restore(tmp_path)
    with live(tmp_path, "native", **keeping) as living:
        assert horizon_of(living.feed.ledger, dataset) == Horizon("Date", date(2021, 5, 2))
        assert living.quantities() == {2: 2}


class Renamed(dy.Schema):
    """The sales, with another name for their key."""

    Number = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)


def test_segments_whose_key_was_renamed_are_restored(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1, 2)
    lose_the_ledger(tmp_path)
    renamed = Dataset(schema=Renamed, landing=tmp_path / "landing", name="sales")
    assert restore(tmp_path, renamed.table).segments == 1
    ledger = open_ledger(tmp_path / "state" / "ledger.db")
    compact(renamed, ledger, Segments(tmp_path / "state" / "segments"))
    ledger.close()
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}
    assert len(segment_files(tmp_path)) == 1


def test_a_log_that_was_left_behind_is_not_replayed_into_the_restored_ledger(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        back_up(living, tmp_path)
        with living.feed.ledger.writing() as connection:
            connection.exec_driver_sql("UPDATE versions SET reason = 'from the log'")
        shutil.copy(state / "ledger.db-wal", tmp_path / "log")
    lose_the_ledger(tmp_path)
    shutil.copy(tmp_path / "log", state / "ledger.db-wal")
    restore(tmp_path)
    with closing(sqlite3.connect(state / "ledger.db")) as ledger:
        assert ledger.execute("SELECT DISTINCT reason FROM versions").fetchall() == [(None,)]
    assert [file.name for file in state.glob("ledger.db*-wal")] != ["ledger.db-wal"]


def test_an_orphan_that_shares_its_number_with_another_dataset_is_left_out(tmp_path: Path) -> None:
    other = replace(SALES, name="other")
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
    first, second = segment_files(tmp_path)
    orphan = with_footer(
        second,
        {**json.loads(pl.read_parquet_metadata(second)[KEY]), "dataset": "other"},
        target=second.with_name("other-00000002.parquet"),
    )
    for file in (first, second, orphan):
        as_format_1(file)
    os.utime(orphan, (1, 1))
    lose_the_ledger(tmp_path)
    found = restore(tmp_path, SALES.table, other.table)
    assert found.versions == 2
    assert any("1 segment written and never recorded" in words for words in found.undecided)
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}
    assert set_aside(tmp_path) == ["other-00000002"]


def test_an_orphan_is_told_by_what_was_written_after_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
    (first, second) = segment_files(tmp_path)
    footer = json.loads(pl.read_parquet_metadata(second)[KEY])
    lied = {**footer, "batch": 5, "after": 4}
    third = with_footer(second, lied, target=second.with_name("sales-00000003.parquet"))  # staged after four batches
    orphan = {**footer, "batch": 3, "after": 2, "versions": [{**footer["versions"][0], "id": 70, "place": 70}]}
    with_footer(first, orphan, target=second.with_name("sales-00000004.parquet"))
    with_footer(
        third, {**lied, "batch": 6, "after": 2, "versions": []}, target=second.with_name("sales-00000005.parquet")
    )
    lose_the_ledger(tmp_path)
    found = restore(tmp_path)
    assert any("sales-00000003.parquet, sales-00000004.parquet" in words for words in found.undecided), found


def test_a_ledger_that_is_older_than_its_segments_is_refused_and_then_restored(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    shutil.copy(state / "ledger.db", tmp_path / "old.db")
    with live(tmp_path, "native") as living:
        load(living, "b.csv", 2, start=2)
        load(living, "a.csv", 3)
        (living.landing / "b.csv").unlink()
    shutil.copy(tmp_path / "old.db", state / "ledger.db")
    before = segment_files(tmp_path)
    with pytest.raises(StateError, match=r"older than its segments.*cubefeed ledger restore"), live(tmp_path, "native"):
        pass
    assert segment_files(tmp_path) == before
    assert restore(tmp_path).backup == "ledger.db", "what it still knows is worth more than nothing"
    with live(tmp_path, "native") as living:
        living.wait_for({1: 3, 2: 2})


def test_what_is_not_understood_among_the_segments_is_left_alone_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    (first,) = segment_files(tmp_path)
    strange = first.with_name("sales-00000007.parquet"), first.with_name("sales-00000008.parquet")
    strange[0].write_bytes(b"no Parquet at all")
    with_footer(first, {**json.loads(pl.read_parquet_metadata(first)[KEY]), "format": 99}, target=strange[1])
    with live(tmp_path, "native") as living:
        compact(living.desk.dataset, living.feed.ledger, living.feed.segments)
        load(living, "b.csv", 2, start=2)
    assert {file.name for file in segment_files(tmp_path)} == {
        *(file.name for file in (first, *strange)),
        "sales-00000009.parquet",
    }
    assert "a newer Cubefeed has written it (format 99)" in caplog.text
    lose_the_ledger(tmp_path)
    assert sum("is left alone" in words for words in restore(tmp_path).undecided) == 2


def test_a_footer_of_no_segment_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(file)
    with pytest.raises(UnknownFooter, match="not written"):
        read_footer(file)
    pl.DataFrame({"a": [1]}).write_parquet(file, metadata={KEY: '{"dataset": "t"}'})
    with pytest.raises(UnknownFooter, match="cannot be understood"):
        read_footer(file)


def test_a_restore_that_does_not_fit_its_segments_changes_nothing(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        with living.feed.ledger.writing() as connection:
            connection.exec_driver_sql("UPDATE versions SET rows = 5")
    ledger = tmp_path / "state" / "ledger.db"
    before = ledger.read_bytes()
    with pytest.raises(StateError, match=r"other rows.*sales-00000001.*old state was kept|old state was kept"):
        restore(tmp_path)
    assert ledger.read_bytes() == before
    assert list((tmp_path / "state").glob("ledger.db?*")) == []


def test_the_newest_backup_is_that_of_the_highest_number(tmp_path: Path) -> None:
    backups = tmp_path / "state" / "backups"
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        ahead = back_up(living, tmp_path).rename(backups / "ledger-2099-01-01T000000.000000Z.db")
        behind = shutil.copy(ahead, backups / "ledger-2001-01-01T000000.000000Z.db")
        load(living, "b.csv", 2, start=2)
        shutil.copy(back_up(living, tmp_path), backups / "ledger-2000-01-01T000000.000000Z.db")
        newest = back_up(living, tmp_path)
    found = [backup.file.name[7:11] for backup in backups_in(backups)]
    assert found == ["2001", "2099", "2000", "0000", "0000"], "those without a number by what they hold"
    assert ahead.exists() and Path(behind).exists()
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).backup == newest.name


@pytest.mark.parametrize("damage", ["cut", "changed", "index"])
def test_a_backup_that_is_not_whole_is_passed_over(tmp_path: Path, damage: str) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        older = back_up(living, tmp_path)
        newest = back_up(living, tmp_path)
    if damage == "cut":
        newest.write_bytes(newest.read_bytes()[:5000])
    elif damage == "changed":
        newest.write_bytes(newest.read_bytes().replace(b"a.csv", b"b.csv"))
    else:
        newest = newest.rename(newest.with_name("ledger-2099-01-01T000000.000000Z.db"))
        older = older.rename(older.with_name("ledger-2098-01-01T000000.000000Z.db"))
        with closing(sqlite3.connect(newest)) as ledger, ledger:
            ledger.execute("PRAGMA writable_schema = ON")
            ledger.execute("DELETE FROM sqlite_schema WHERE name = 'versions_by_state'")
            ledger.execute("UPDATE versions SET id = 9")
            ledger.execute("UPDATE batches SET id = 9")
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).backup == older.name


def test_old_backups_go_by_number_and_age_once_a_newer_one_is_proven_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, backups = tmp_path / "ledger.db", tmp_path / "backups"
    open_ledger(ledger).close()
    made = [make_backup(ledger, backups) for _ in range(backup.KEPT)]
    aged = time.time() - (backup.KEPT_DAYS + 1) * 86_400
    for file in made[:3]:
        os.utime(file, (aged, aged))
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute(
            "INSERT INTO versions (dataset, path_id, digest, size_bytes, mtime_ns, state, rows, refused, collapsed,"
            " findings, batch, detected_utc) VALUES ('t', 5, '', 0, 0, 'loaded', 0, 0, 0, 0, 5, '')"
        )
    with pytest.raises(sqlite3.DatabaseError, match="the backup is not whole"):
        make_backup(ledger, backups)
    assert sorted(backups.iterdir()) == made
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("DELETE FROM versions")
    newest = make_backup(ledger, backups)
    assert sorted(backups.iterdir()) == [*made[3:], newest]


def test_a_damaged_segment_is_mended_by_verify_and_the_day_is_reported_after_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1, 2)
        load(living, "b.csv", 3, start=3)
        load(living, "c.csv", 4, start=4)
        (living.landing / "b.csv").unlink()
        living.wait_until(lambda: (file := living.file("b.csv")) is not None and not file.present)
        for file in segment_files(tmp_path)[:2]:
            file.write_bytes(file.read_bytes()[:-1] + b"x")
        requests = RequestBox(living.feed.ledger)
        asked = requests.leave("sales", "verify", {})
        found = requests.wait(asked, timeout_s=20, owner_alive=lambda: True)["verify"]
        assert (found["missing"], found["extra"]) == (0, 0)
        assert any("sales-00000001.parquet cannot be used: its checksum differs" in words for words in found["mended"])
        assert any("1 version lost" in words and "b.csv" in words for words in found["mended"])
        assert living.quantities() == {1: 1, 2: 2, 4: 4}
        for kind in ("report", "close-day"):
            assert requests.wait(requests.leave("sales", kind, {}), timeout_s=20, owner_alive=lambda: True)["report"]
        requests.close()
        living.put("b.csv", sales(3, start=3))
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
    assert set_aside(tmp_path) == ["sales-00000001", "sales-00000002"]


def test_what_a_changed_declaration_refuses_has_findings(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(1, 2) + b"3,2021-05-01,none,3\n")
        living.put("b.csv", b"ID,Date,Product,Quantity\n9,2021-05-01,none,3\n")
        living.wait_for({1: 1, 2: 2, 3: 3, 9: 3})
    with live(tmp_path, "native", format=Csv(nulls=("none",)), bad_rows=SkipRows(up_to=0.5)) as living:
        found = {row.file: (row.state, row.refused, row.findings) for row in living.files()}
        assert found == {"a.csv": ("loaded", 1, 1), "b.csv": ("quarantined", 1, 1)}
        first = living.file("b.csv")
        assert first is not None and first.first_finding is not None and first.first_finding.column == "Product"


def test_a_stale_file_that_is_deleted_while_down_leaves_though_the_declaration_changed(tmp_path: Path) -> None:
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        living.put("a.csv", sales(-1))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    (tmp_path / "landing" / "a.csv").unlink()
    with live(tmp_path, "native", when_deleted=Unload(), revision=1) as living:
        living.wait_for({2: 2})


def test_a_number_is_not_given_out_again_while_an_orphan_has_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    (first,) = segment_files(tmp_path)
    footer = json.loads(pl.read_parquet_metadata(first)[KEY])
    orphan = {**footer, "batch": 2, "after": 1, "versions": [{**footer["versions"][0], "id": 2, "place": 2}]}
    with_footer(first, orphan, target=first.with_name("sales-00000002.parquet"))
    with live(tmp_path, "native") as living:
        load(living, "b.csv", 2, start=2)
        row = living.file("b.csv")
        assert row is not None and row.version == 3
    footer_of_b = read_footer(segment_files(tmp_path)[1])
    assert (footer_of_b.batch, footer_of_b.after, footer_of_b.versions[0].place) == (3, 1, 3)
    assert segment_files(tmp_path)[1].name == "sales-00000003.parquet"
    assert set_aside(tmp_path) == ["sales-00000002"]


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(tmp_path / "segments")


def test_a_segment_stays_until_who_reads_it_is_done(segments: Segments) -> None:
    one, two = (SegmentFacts(id, "t", f"t-{id:08d}.parquet", "", 0, 0, "") for id in (1, 2))
    for facts in (one, two):
        segments.path(facts).touch()
    with segments.reading():
        segments.remove([one])
        with segments.reading():
            segments.remove([two])
            assert segments.path(one).exists() and segments.path(two).exists()
            assert segments.files() == []
        assert segments.path(one).exists() and segments.path(two).exists(), "the first reader began before both"
    assert not segments.path(one).exists() and not segments.path(two).exists()
    segments.path(one).touch()
    segments.remove([one])
    assert not segments.path(one).exists()


def test_what_was_set_aside_goes_when_it_is_old_and_there_is_much_newer(segments: Segments) -> None:
    for number in range(ASIDE_FEW + 3):
        file = segments.directory / f"t-{number:08d}.parquet"
        file.touch()
        moved = segments.set_aside(file)
        assert moved is not None
        if number < 5:
            old_ns = time.time_ns() - 40 * 86_400 * 10**9
            moved.rename(moved.with_name(f"t-{number:08d}.{old_ns + number}.parquet"))
    assert segments.remove_aged() == 3
    assert len(list(segments.aside.iterdir())) == ASIDE_FEW


class Fragile(dy.Schema):
    """The sales, with a rule that cannot be asked of every row."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)

    @dy.rule()
    def at_most_one(cls) -> pl.Expr:  # noqa: N805 - dataframely passes the schema
        return (1 - pl.col("Quantity")).cast(pl.UInt8) >= 0


def test_a_declaration_that_raises_on_loaded_rows_leaves_all_that_was_loaded(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        for name in ("a.csv", "b.csv"):
            (living.landing / name).unlink()
        living.wait_until(lambda: not any(row.present for row in living.files()))
    state = StateDirectory(tmp_path / "state")
    fragile = Dataset(schema=Fragile, landing=tmp_path / "landing", name="sales")
    mount = MountThread("landing")
    ledger = open_ledger(state.ledger)
    segments = Segments(state.segments)
    with pytest.raises(pl.exceptions.PolarsError, match="conversion from"):
        Mender(ledger, segments, Quarantine(state.quarantine), Crashes()).mend(fragile, mount)
    mount.stop()
    assert all(segments.damaged(facts) is None for facts in ledger.segments("sales").values())
    assert {facts.fingerprint for facts in ledger.segments("sales").values()} == {
        SALES.fingerprint,
        fragile.fingerprint,
    }
    compact(fragile, ledger, segments)
    ledger.close()
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}


def test_a_state_directory_that_was_copied_while_a_session_ran_opens_or_says_what_to_do(tmp_path: Path) -> None:
    """A copy of files that change meanwhile may hold a ledger and a log of it that do not belong together."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with live(first, "polling") as living:
        stop = threading.Event()

        def keep_writing() -> None:
            for number in itertools.count():
                if stop.is_set():
                    return
                living.put(f"{number}.csv", sales(number, start=number))

        writing = threading.Thread(target=keep_writing)
        writing.start()
        try:
            living.wait_until(lambda: living.feed.cube.row_count("sales") > 20)
            shutil.copytree(
                first / "state", second / "state", ignore=lambda _, names: [n for n in names if n[0] == "."]
            )
        finally:
            stop.set()
            writing.join()
        expected = {number: number for number in range(len(list(living.landing.iterdir())))}
        living.wait_for(expected)
    shutil.copytree(first / "landing", second / "landing", copy_function=shutil.copy2)
    owner = second / "state" / "owner.json"
    owner.write_text(json.dumps({**json.loads(owner.read_text()), "born": "another boot/1"}))
    assert StateDirectory(second / "state").owner() is None, "the copy has no owner, though it names one"
    damage = None
    try:
        with live(second, "polling") as copied:
            copied.wait_for(expected)
    except StateError as error:
        damage = str(error)
    if damage is not None:
        assert "cubefeed ledger restore" in damage
        restore_ledger(StateDirectory(second / "state"), [SALES.table])
        with live(second, "polling") as copied:
            copied.wait_for(expected)
