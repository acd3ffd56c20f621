"""Moments of a time zone from the files to the answers: stored in UTC, shown as the zone's clocks do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.cube.observable import WatchedCube
from flows.ingest.client import read
from flows.model.formats import Csv
from flows.store.segment_rows import read_segment
from flows.store.state_directory import StateDirectory
from flows.web.table_view import TableView
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, ask, live
from tests.integration.store.lost_ledger import lose_the_ledger, restore, segment_files

pytestmark = pytest.mark.usefixtures("quick")

AT = "At = dy.Datetime({}); Quantity = dy.Int64()"
KEY = AT.format("time_zone='Europe/Berlin', primary_key=True")
ROWS, NAIVE = AT.format("time_zone='Europe/Berlin', nullable=True"), AT.format("nullable=True")
OFFSETS = Csv(datetime_format="%Y-%m-%dT%H:%M:%S%z")
FIRST, AGAIN = (datetime(2024, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1))


def rows_of(living: LiveFeed) -> list[tuple[Any, ...]]:
    return sorted((row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows()), key=repr)


def put(living: LiveFeed, name: str, *rows: str) -> None:
    living.put(name, "\n".join(("At,Quantity", *rows, "")).encode())
    living.wait_until(lambda: living.state_of(name) == "loaded")


def test_an_hour_that_clocks_show_twice_is_two_hours_in_every_answer(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=None, columns=KEY, format=OFFSETS) as living:
        put(living, "a.csv", "2024-10-27T02:30:00+02:00,1", "2024-10-27T01:30:00Z,2")
        put(living, "b.csv", "2024-10-27T02:30:00+0100,4")
        assert rows_of(living) == [(FIRST, 1), (AGAIN, 4)]
        state = tmp_path / "state"
        shown = [f"2024-10-27T02:30:00{offset}" for offset in ("+02:00", "+01:00")]
        answer = read(StateDirectory(state).require_owner(), "/api/query", [("measure", "Quantity.SUM"), ("by", "At")])
        assert answer["rows"] == [{"At": shown[0], "Quantity.SUM": 1}, {"At": shown[1], "Quantity.SUM": 4}]
        asked = ["query", "Quantity.SUM", "--by", "At", "--where", f"At={shown[1]}", "--state", str(state)]
        printed = CliRunner().invoke(app, asked).stdout
        assert shown[1] in printed and shown[0] not in printed
        held = ["history", "--key", f"At={shown[1]}", "--dataset", f"{tmp_path}/declaration.py:CHOSEN"]
        key = CliRunner().invoke(app, [*held, "--state", str(state), "--format", "json"])
        assert f"At={shown[1]}" in key.stdout and shown[0] not in key.stdout
        assert isinstance(living.feed.cube, WatchedCube)
        view = TableView(living.feed.cube, living.dataset_state.dataset.table)
        view.refresh()
        assert view._state is not None and sorted(view._state.cells["At"]) == sorted(shown)


def test_they_outlive_a_correction_a_start_and_the_loss_of_the_ledger(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=None, columns=KEY, format=OFFSETS) as living:
        put(living, "a.csv", "2024-10-27T02:30:00+02:00,1", "2024-10-27T02:30:00+01:00,2")
        put(living, "b.csv", "2024-10-27T02:30:00+01:00,4")
        ask(living, "unload", "b.csv")
        living.wait_until(lambda: rows_of(living) == [(FIRST, 1), (AGAIN, 2)])
        table = living.dataset_state.dataset.table
    assert read_segment(segment_files(tmp_path)[0])["At"].to_list() == [FIRST, AGAIN]
    lose_the_ledger(tmp_path)
    restore(tmp_path, table)
    with live(tmp_path, "polling", expect=None, columns=KEY, format=OFFSETS) as living:
        assert rows_of(living) == [(FIRST, 1), (AGAIN, 2)]
        found = ask(living, "verify", deep=True)["verify"]
        assert (found["missing"], found["extra"]) == (0, 0)


def test_a_time_that_clocks_show_twice_or_never_is_found_with_its_line(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=None, columns=KEY) as living:
        living.put("a.csv", b"At,Quantity\n2024-10-27 02:30:00,1\n2024-03-31 02:30:00,2\n2024-03-31 03:30:00,3\n")
        living.wait_for_state("a.csv", "quarantined")
        row = living.file("a.csv")
        assert row is not None and row.first_finding is not None and row.reason == "findings: moment 2"
        assert (row.first_finding.line, row.first_finding.raw) == (2, "2024-10-27 02:30:00")
        living.put("a.csv", b"At,Quantity\n2024-10-27 02:30:00,1\n")
        living.wait_until(lambda: (row := living.file("a.csv")) is not None and row.reason == "findings: moment 1")
        row = living.file("a.csv")
        assert row is not None and row.first_finding is not None
        assert "ambiguous='earliest'" in str(row.first_finding.expected)
    with live(tmp_path, "polling", expect=None, columns=KEY, format=Csv(ambiguous="latest")) as living:
        put(living, "b.csv", "2024-10-27 02:30:00,1", "2024-10-27 03:30:00,2")
        assert rows_of(living)[0] == (AGAIN, 1)
        row = living.file("b.csv")
        assert row is not None and row.tolerated.startswith("1 cell with a time that clocks show twice")


def test_a_zone_that_is_declared_later_says_what_the_times_meant_and_another_one_moves_no_moment(
    tmp_path: Path,
) -> None:
    with live(tmp_path, "polling", expect=None, columns=NAIVE) as living:
        put(living, "a.csv", "2024-06-01 12:00:00,1", "2024-03-31 02:30:00,2")
        naive = rows_of(living)
    noon, noon_in_tokyo = (datetime(2024, 6, 1, hour, tzinfo=UTC) for hour in (10, 3))
    with live(tmp_path, "polling", expect=None, columns=ROWS) as living:
        assert set(rows_of(living)) == {(noon, 1), (None, 2)}
        assert living.status()["stale"] == 1  # for the time that clocks of the zone never show
        put(living, "b.csv", "2024-06-01 12:00:00,3")
    with live(tmp_path, "polling", expect=None, columns=ROWS.replace("Europe/Berlin", "Asia/Tokyo")) as living:
        assert {(noon_in_tokyo, 1), (noon, 3)} < set(rows_of(living))
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
        (living.landing / "b.csv").unlink()
        ask(living, "unload", "b.csv")
    with live(tmp_path, "polling", expect=None, columns=NAIVE) as living:
        assert rows_of(living) == naive
