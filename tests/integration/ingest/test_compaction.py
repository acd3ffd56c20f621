"""Small segments become one, and what a start has to look for in them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.cube import rebuild as fold
from flows.datasets.sales import SALES
from flows.ingest import commit, compaction
from flows.ingest.compaction import compact
from flows.settings import Observer
from flows.store import ledger_file
from flows.store.footer import Footer
from flows.store.segment_rows import read_segment
from tests.integration.live_feed import live, sales
from tests.integration.store.lost_ledger import fill, segment_files

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.slow
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
        assert compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments).into == 1


@pytest.mark.slow
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
        assert living.feed.days.verify(living.dataset_state, deep=True)["restore"] == []
        done = compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments)
        assert (done.into, len(segment_files(tmp_path))) == (1, 1)
    with live(tmp_path, observer) as living:
        assert living.quantities() == quantities


@pytest.mark.slow
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
        assert living.feed.days.verify(living.dataset_state, deep=True)["restore"] == []
    with live(tmp_path, observer) as living:
        assert living.quantities() == quantities


def test_compaction_leaves_the_segments_of_a_dataset_whose_name_begins_alike(
    tmp_path: Path, observer: Observer
) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer) as living:
        segments = living.feed.segments
        rows = read_segment(segment_files(tmp_path)[0])
        other = segments.write(90, replace(SALES, name="sales-eu").table, rows, Footer("sales-eu", "", after=0))
        stray = segments.write(91, SALES.table, rows, Footer("sales", "", after=0))
        compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments)
    assert segments.path(other).exists() and not segments.path(stray).exists()
