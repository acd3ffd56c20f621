"""Changed declarations, damaged segments, lost ledgers, full disks, compaction."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import dataframely as dy
import pytest

from flows.cli.offline import restore_ledger_offline
from flows.cube import rebuild as fold
from flows.datasets.sales import SALES
from flows.errors import StateError
from flows.ingest import commit, compaction
from flows.ingest import verification as closing_day
from flows.ingest.compaction import compact
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.formats import Csv
from flows.model.policies import SkipRows
from flows.reading.file_reader import Read, read_file
from flows.settings import Observer, Settings
from flows.store import ledger_file
from flows.store.backup import make_backup
from flows.store.footer import Footer
from flows.store.ledger_file import open_ledger
from flows.store.restore import restore_ledger
from flows.store.segment_rows import read_segment
from flows.store.state_directory import StateDirectory
from flows.store.suspects import HeldFile, Suspect, write_suspects
from flows.validation.recheck import text_of
from flows.validation.validate import validate
from tests.integration.live_feed import live, sales

pytestmark = pytest.mark.usefixtures("quick")


def segment_files(root: Path) -> list[Path]:
    return sorted((root / "state" / "segments").glob("*.parquet"))


def fill(root: Path, observer: Observer, **options: Any) -> None:
    """Three files; the second is corrected and covers a row of the first."""
    with live(root, observer, **options) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(7, start=2))
        living.wait_for({1: 1, 2: 7})
        living.put("b.csv", sales(8, start=2))
        living.wait_for({1: 1, 2: 8})
        living.put("c.csv", sales(5, start=9))
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_a_start_loads_segments_and_reads_no_file(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
        assert living.works == []


def test_a_changed_rule_judges_loaded_files_anew_and_says_so(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer, completeness=Completeness(rows=(1, 1))) as living:
        assert living.quantities() == {2: 8, 9: 5}
        assert living.state_of("a.csv") == "quarantined"
    assert "1 version refused now: a.csv" in caplog.text
    assert "3 versions made again from the files" in caplog.text


def test_files_refused_before_are_judged_anew_when_the_declaration_changes(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, -2))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    with live(tmp_path, observer, bad_rows=SkipRows(up_to=0.5)) as living:
        living.wait_for({1: 1})


def test_where_the_file_is_gone_a_changed_declaration_checks_the_segment(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "c.csv").unlink()
    with live(tmp_path, observer, revision=1) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
    assert "2 versions made again from the files, 1 checked again" in caplog.text


def test_a_damaged_segment_is_made_again_from_its_files(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    for number, file in enumerate(segment_files(tmp_path)):
        if number % 2:
            file.unlink()
        else:
            file.write_bytes(b"PAR1" + file.read_bytes()[4:-9] + b"x" * 9)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
    assert "its checksum differs" in caplog.text
    assert "it cannot be read (No such file or directory)" in caplog.text


def lose_a_version(tmp_path: Path, observer: Observer) -> bytes:
    """Fill, then take away a.csv and the segment that holds its rows. Returns what was in the file."""
    fill(tmp_path, observer)
    file = tmp_path / "landing" / "a.csv"
    kept = file.read_bytes()
    file.unlink()
    segment_files(tmp_path)[0].unlink()
    return kept


def test_a_lost_version_is_named_and_comes_back_with_its_file(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    kept = lose_a_version(tmp_path, observer)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {2: 8, 9: 5}
        assert any("lost" in complaint for complaint in living.complaints())
        living.put("a.csv", kept)
        living.wait_for({1: 1, 2: 8, 9: 5})
    assert "1 version lost" in caplog.text and "a.csv" in caplog.text


def test_a_lost_version_comes_back_under_another_name_too(tmp_path: Path, observer: Observer) -> None:
    kept = lose_a_version(tmp_path, observer)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {2: 8, 9: 5}
        living.put("again.csv", kept)
        living.wait_for({1: 1, 2: 8, 9: 5})
        assert living.state_of("again.csv") == "loaded"


def test_a_lost_version_comes_back_when_its_file_is_seen_again_as_it_was(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing").rename(tmp_path / "unmounted")
    (tmp_path / "landing").mkdir()
    for file in segment_files(tmp_path):
        file.unlink()
    with live(tmp_path, observer) as living:
        assert living.quantities() == {}
        (tmp_path / "landing").rmdir()
        (tmp_path / "unmounted").rename(tmp_path / "landing")
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_a_damaged_segment_is_made_again_from_a_copy_of_the_file(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        living.put("copy.csv", sales(1))
        living.wait_until(lambda: living.state_of("copy.csv") == "duplicate")
    (tmp_path / "landing" / "a.csv").unlink()
    segment_files(tmp_path)[0].unlink()
    with live(tmp_path, observer) as living:
        living.wait_until(lambda: living.state_of("copy.csv") == "loaded")
        assert living.quantities() == {1: 1}


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_missing_ledger_beside_segments_is_refused_with_the_way_out(
    tmp_path: Path, observer: Observer, left: str
) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "c.csv").unlink()
    before = {file: file.read_bytes() for file in segment_files(tmp_path)}
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    if left == "an empty file":
        (tmp_path / "state" / "ledger.db").touch()
    with pytest.raises(StateError, match=r"(?s)ledger is missing.*cubefeed ledger restore"), live(tmp_path, observer):
        pass
    assert {file: file.read_bytes() for file in segment_files(tmp_path)} == before
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer) as living:
        living.wait_for({1: 1, 2: 8, 9: 5})


@pytest.mark.parametrize("backup", ["none", "early"])
def test_a_deleted_ledger_is_restored_to_the_same_cube(tmp_path: Path, observer: Observer, backup: str) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        if backup == "early":
            make_backup(living.feed.ledger.file, tmp_path / "state" / "backups")
        living.put("b.csv", sales(7, start=2))
        living.wait_for({1: 1, 2: 7})
        living.put("a.csv", sales(3, 4, 5))
        living.wait_for({1: 3, 2: 7, 3: 5})
        (living.landing / "b.csv").rename(living.landing / "bb.csv")
        living.wait_until(lambda: living.state_of("bb.csv") == "loaded")
        living.put("bb.csv", sales(9, start=2))
        living.wait_for({1: 3, 2: 9, 3: 5})
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    found = restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    assert (found.backup is not None) is (backup == "early")
    with live(tmp_path, observer) as living:
        assert living.quantities() == {1: 3, 2: 9, 3: 5}
        living.look()
        assert living.quantities() == {1: 3, 2: 9, 3: 5}
        living.put("a.csv", sales(1, 1))
        living.wait_for({1: 1, 2: 9})


def test_what_a_changed_declaration_refused_is_still_counted_after_a_restore(
    tmp_path: Path, observer: Observer
) -> None:
    def counted() -> tuple[int, int]:
        file = living.file("a.csv")
        assert file is not None
        return file.rows, file.refused

    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, 2) + b"3,2021-05-01,none,3\n")
        living.wait_for({1: 1, 2: 2, 3: 3})
    stricter: dict[str, Any] = {"csv": Csv(nulls=("none",)), "bad_rows": SkipRows(up_to=0.5)}
    with live(tmp_path, observer, **stricter) as living:
        assert living.quantities() == {1: 1, 2: 2}
        assert counted() == (2, 1)
        compact(living.desk.dataset, living.feed.ledger, living.feed.segments)
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer, **stricter) as living:
        assert living.quantities() == {1: 1, 2: 2}
        assert counted() == (2, 1)


def test_a_damaged_ledger_is_refused_with_the_way_out(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    ledger = tmp_path / "state" / "ledger.db"
    damaged = bytearray(ledger.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    ledger.write_bytes(damaged)
    with pytest.raises(StateError, match="cubefeed ledger restore"), live(tmp_path, observer):
        pass
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer) as living:
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_a_ledger_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path, observer: Observer) -> None:
    ledger = tmp_path / "state" / "ledger.db"
    fill(tmp_path, observer)
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    ledger.mkdir()
    with pytest.raises(StateError, match=r"cannot be opened.*permit"), live(tmp_path, observer):
        pass


def test_a_restore_that_would_forget_segments_is_refused(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with pytest.raises(StateError, match=r"segments of sales.*--dataset"):
        restore_ledger(StateDirectory(tmp_path / "state"), [])
    with live(tmp_path, observer) as living:
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_nothing_is_restored_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nothing to make one from"):
        restore_ledger_offline(Settings(state=tmp_path / "state"))
    assert not (tmp_path / "state").exists()


def test_a_ledger_of_another_version_is_refused(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="a newer Cubefeed"), live(tmp_path, observer):
        pass


def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path, observer: Observer) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    with pytest.raises(StateError, match="cannot be written"), live(tmp_path, observer):
        pass


def test_a_start_looks_for_covered_rows_unless_the_last_commit_has_shown_that_there_are_none(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []
    contested = fold._contested

    def note(*given: Any) -> Any:
        looked.append(True)
        return contested(*given)

    monkeypatch.setattr(fold, "_contested", note)

    def start_again() -> bool:
        looked.clear()
        with live(tmp_path, observer) as living:
            living.wait_until(lambda: not living.feed.waiting())
            held.append(living.quantities())
        return bool(looked)

    held: list[dict[int, int]] = []
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(3, start=3))
        living.wait_for({1: 1, 2: 2, 3: 3})
    assert not start_again()
    with live(tmp_path, observer) as living:
        living.put("b.csv", sales(20, start=2))
        living.wait_for({1: 1, 2: 20})
    assert start_again() and start_again()
    with live(tmp_path, observer) as living:
        living.put("b.csv", sales(3, start=3))
        living.wait_for({1: 1, 2: 2, 3: 3})
        monkeypatch.setattr(commit, "mark_loaded", lambda *_: None)
        living.put("c.csv", sales(4, start=4))
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
    monkeypatch.undo()
    monkeypatch.setattr(fold, "_contested", note)
    assert start_again(), "the last commit was not recorded"
    assert not start_again()
    assert held == [{1: 1, 2: 2, 3: 3}, {1: 1, 2: 20}, {1: 1, 2: 20}, *[{1: 1, 2: 2, 3: 3, 4: 4}] * 2]


def test_compaction_merges_segments_and_changes_no_row(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FEW", 2)
    fill(tmp_path, observer)
    dataset = SALES
    before = segment_files(tmp_path)
    with live(tmp_path, observer) as living:
        done = compact(dataset, living.feed.ledger, living.feed.segments)
        assert done.into == 1 and done.merged >= 2
    assert len(segment_files(tmp_path)) == 1 < len(before)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
        living.put("b.csv", sales(1, start=100))
        living.wait_for({1: 1, 2: 2, 9: 5, 100: 1})


def test_segments_of_files_without_rows_are_compacted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FEW", 2)
    with live(tmp_path, "polling") as living:
        for name, body in (("a.csv", sales()), ("b.csv", sales().replace(b"\n", b"\r\n"))):
            living.put(name, body)
            living.wait_for_state(name, "loaded")
        living.put("c.csv", sales(1))
        living.wait_for({1: 1})
        assert compact(living.desk.dataset, living.feed.ledger, living.feed.segments).into == 1


def test_more_segments_are_compacted_than_sqlite_takes_values_in_a_statement(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, prepare = 40, ledger_file._prepare_connection

    def prepare_for_few(dbapi: sqlite3.Connection, record: object) -> None:
        prepare(dbapi, record)
        dbapi.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, few)

    monkeypatch.setattr(ledger_file, "_prepare_connection", prepare_for_few)
    quantities: dict[int, int] = {}
    with live(tmp_path, observer) as living:
        for each in range(1, few + 5):
            living.put(f"{each}.csv", sales(each, start=each))
            quantities[each] = each
            living.wait_for(quantities)
        assert len(segment_files(tmp_path)) > few
        assert living.feed._days.verify(living.desk.dataset, deep=True)["missing"] == 0
        done = compact(living.desk.dataset, living.feed.ledger, living.feed.segments)
        assert (done.into, len(segment_files(tmp_path))) == (1, 1)
    with live(tmp_path, observer) as living:
        assert living.quantities() == quantities


def test_many_small_segments_are_merged_while_files_keep_coming(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "CROWDED", 10)
    quantities: dict[int, int] = {}
    with live(tmp_path, observer) as living:
        for each in range(1, 26):
            living.put(f"{each}.csv", sales(each, 0, start=each))  # each covers a row of the one before
            quantities |= {each: each, each + 1: 0}
            living.wait_for(quantities)
        assert len(segment_files(tmp_path)) < 10
        living.put("8.csv", sales(5, start=90))
        quantities |= {8: 0, 90: 5}  # what it had covered comes back
        living.wait_for(quantities)
        assert living.feed._days.verify(living.desk.dataset, deep=True)["missing"] == 0
    with live(tmp_path, observer) as living:
        assert living.quantities() == quantities


def test_a_segment_that_nobody_knows_is_set_aside(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    orphan = tmp_path / "state" / "segments" / "sales-00000099.parquet"
    shutil.copy(segment_files(tmp_path)[0], orphan)
    with live(tmp_path, observer) as living:
        compact(SALES, living.feed.ledger, living.feed.segments)
        assert not orphan.exists()
        assert living.quantities() == {1: 1, 2: 8, 9: 5}


def test_compaction_leaves_the_segments_of_a_dataset_whose_name_begins_alike(
    tmp_path: Path, observer: Observer
) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer) as living:
        segments = living.feed.segments
        rows = read_segment(segment_files(tmp_path)[0])
        other = segments.write(90, replace(SALES, name="sales-eu").table, rows, Footer("sales-eu", "", (), after=0))
        stray = segments.write(91, SALES.table, rows, Footer("sales", "", (), after=0))
        compact(living.desk.dataset, living.feed.ledger, living.feed.segments)
    assert segments.path(other).exists() and not segments.path(stray).exists()


def test_seven_backups_are_kept(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.db")
    made = [make_backup(ledger.file, tmp_path / "backups") for _ in range(9)]
    ledger.close()
    kept = sorted((tmp_path / "backups").glob("*.db"))
    assert kept == made[2:]


class Wider(dy.Schema):
    """The sales with one column more, which may be empty."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)
    Comment = dy.String(nullable=True)


def test_a_new_column_is_empty_in_rows_of_before(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "a.csv").unlink()
    wider = Dataset(schema=Wider, landing=tmp_path / "landing", name="sales")
    checked = validate(wider, text_of(wider, read_segment(segment_files(tmp_path)[0])))
    assert checked.rows["Comment"].to_list() == [None, None]


def test_a_deep_verification_reads_no_file_that_sessions_have_died_over(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {1: 1, 10: 1, 20: 1}
    with live(tmp_path, observer) as living:
        for start in expected:
            living.put(f"{start}.csv", sales(1, start=start))
        living.wait_for(expected)
        fingerprint = living.desk.dataset.fingerprint
        mended = Signature(0, (tmp_path / "landing" / "10.csv").stat().st_mtime_ns, 0, 0)  # as a mender sees it
    read: list[bytes] = []

    def note(dataset: Dataset, landed: SettledFile) -> Read | str:
        read.append(landed.path)
        return read_file(dataset, landed)

    monkeypatch.setattr(closing_day, "read_file", note)
    died_over = [Suspect(HeldFile("sales", b"10.csv", fingerprint, mended), deaths=3, aside=True)]
    write_suspects(tmp_path / "state", died_over)
    with live(tmp_path, observer) as living:
        assert living.feed._days.verify(living.desk.dataset, deep=True)["missing"] == 0
        assert living.quantities() == expected
    assert sorted(read) == [b"1.csv", b"20.csv"]
