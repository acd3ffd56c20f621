"""A lost ledger is made again from its backups and its segments."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dataframely as dy
import pytest

from flows.cli.offline import restore_ledger_offline
from flows.datasets.sales import SALES
from flows.errors import RequestFailed, StateError
from flows.ingest.compaction import compact
from flows.model.calendar import DailyBy
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.merge import Horizon
from flows.model.policies import SkipRows, Unload
from flows.settings import Observer, Settings
from flows.store.backup import make_backup
from flows.store.ledger_file import open_ledger
from flows.store.requests import RequestBox
from flows.store.restore import restore_ledger
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from flows.store.upkeep import horizon_of, set_first_day
from tests.integration.live_feed import ask, live, sales
from tests.integration.store.lost_ledger import back_up, fill, load, lose_the_ledger, restore, segment_files

pytestmark = pytest.mark.usefixtures("quick")


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


def test_what_a_reload_under_a_changed_declaration_refused_is_still_counted_after_a_restore(
    tmp_path: Path, observer: Observer
) -> None:
    def counted() -> tuple[int, int]:
        file = living.file("a.csv")
        assert file is not None
        return file.rows, file.refused

    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, 2) + b"3,2021-05-01,none,3\n")
        living.wait_for({1: 1, 2: 2, 3: 3})
    stricter: dict[str, Any] = {"format": Csv(nulls=("none",)), "bad_rows": SkipRows(up_to=0.5)}
    with live(tmp_path, observer, **stricter) as living:
        assert living.quantities() == {1: 1, 2: 2, 3: 3}
        ask(living, "reload", "a.csv")
        assert living.quantities() == {1: 1, 2: 2}
        assert counted() == (2, 1)
        compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments)
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer, **stricter) as living:
        assert living.quantities() == {1: 1, 2: 2}
        assert counted() == (2, 1)


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


@pytest.mark.slow
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
    assert restore(tmp_path).undecided == []
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


def test_what_is_missing_is_named_by_the_first_restore_and_not_by_the_next_one(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        for number in (1, 2, 3):
            living.put(f"{number}.csv", sales(number, start=number))
            living.wait_for({each: each for each in range(1, number + 1)})
    segment_files(tmp_path)[1].unlink()
    for words in (1, 0):
        lose_the_ledger(tmp_path)
        undecided = restore(tmp_path).undecided
        assert sum("batch 2 in no segment any more" in sentence for sentence in undecided) == words
        with live(tmp_path, "native") as living:
            living.wait_for({1: 1, 2: 2, 3: 3})
