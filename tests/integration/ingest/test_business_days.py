"""What becomes of business days: they come, are told of once, and the ledger knows them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from errno import ENOSPC
from pathlib import Path
from shutil import rmtree
from typing import cast

import polars as pl
import pytest

from flows.datasets.sales import SALES
from flows.day_report.html import make_page
from flows.errors import RequestFailed
from flows.ingest import commit, dataset_state
from flows.ingest.day_changes import rows_by_day
from flows.ingest.work import Outcome
from flows.model.business_day import BusinessDay, DayState
from flows.model.calendar import DailyBy
from flows.model.day_facts import DayReport
from flows.model.measures import Aggregation, Measure
from flows.model.policies import SkipRows, Unload
from flows.model.tables import Table
from flows.store.business_days import days_of, known_days, last_checked, last_closed, untold_days
from tests.integration.cube.test_unknown_aggregation import Median
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = pytest.mark.usefixtures("quick")
EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
HEADER = b"ID,Date,Product,Quantity\n"
IN_NAME = r"(?P<Date>\d{4}-\d\d-\d\d).*\.csv"
"""The day is in the file's name, and not in it."""


def told(living: LiveFeed) -> list[tuple[str, str, int]]:
    """The changes that were told of, in order: day, state, rows."""
    living.wait_until(lambda: True)  # the work under way
    changes = [change for outcome in living.outcomes for change in outcome.days]
    return [(change.day.isoformat(), change.state.value, change.facts["rows"]) for change in changes]


def known(living: LiveFeed, day: str | date) -> BusinessDay:
    named = date.fromisoformat(day) if isinstance(day, str) else day
    return known_days(living.feed.ledger, "sales", [named])[named]


def test_a_day_has_arrived_with_its_first_rows_and_is_told_of_once(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2, day="2021-05-01"))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(3, start=3, day="2021-05-01") + b"4,2021-05-02,phone,4\n")
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
        assert told(living) == [("2021-05-01", "arrived", 2), ("2021-05-02", "arrived", 1)]
        first, second = days_of(living.feed.ledger, "sales", date(2021, 5, 1), date(2021, 5, 31))
        assert first.state is second.state is DayState.ARRIVED
        assert first.arrived_utc == living.outcomes[0].days[0].at_utc.isoformat(timespec="milliseconds")
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(5, 6, day="2021-05-01"))
        living.wait_for({1: 5, 2: 6, 3: 3, 4: 4})
        assert told(living) == []


def test_a_day_that_nobody_was_told_of_before_the_process_died_is_told_of_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        monkeypatch.setattr("flows.ingest.outcome_publisher.mark_told", lambda *_: None)
        living.put("a.csv", sales(1, day="2021-05-01"))
        living.wait_for({1: 1})
        monkeypatch.undo()
        heard: list[Outcome] = []
        living.feed.listeners.append(heard.append)
        for _ in range(2):
            living.feed.rebuild()
        again = [each.day for outcome in heard for each in outcome.days if each.state is DayState.ARRIVED]
        assert again == [date(2021, 5, 1)]


def test_a_file_of_a_header_alone_says_that_there_are_no_sales_on_the_day_in_its_path(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        for name in ("2021-05-02.csv", "2021-05-03.csv"):
            living.put(name, b"ID,Product,Quantity\n")
            living.wait_for_state(name, "loaded")
        assert told(living) == [("2021-05-02", "arrived", 0), ("2021-05-03", "arrived", 0)]
        assert known(living, "2021-05-02").said_by == "path"


def test_where_its_path_names_no_day_it_is_that_of_the_day_expected_when_it_came(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("none.csv", HEADER)
        living.wait_for_state("none.csv", "loaded")
        assert told(living) == [(YESTERDAY.isoformat(), "arrived", 0)]
        assert known(living, YESTERDAY).said_by == "expected"
        living.put("more.csv", HEADER)
        living.wait_for_state("more.csv", "loaded")
        living.put("some.csv", sales(1, 2, day=YESTERDAY.isoformat()))
        living.wait_for({1: 1, 2: 2})
        assert told(living)[1:] == [(YESTERDAY.isoformat(), "arrived", 2)]


def test_a_file_all_of_whose_rows_are_refused_says_nothing_of_a_day(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Quantity = dy.Int64(min=0)"
    with live(tmp_path, "native", columns=columns, expect=EXPECT, bad_rows=SkipRows(1.0)) as living:
        living.put("a.csv", b"ID,Date,Quantity\n1,2021-05-01,-1\n")
        living.wait_until(lambda: living.state_of("a.csv") is not None)
        assert told(living) == []


def test_the_status_shows_the_last_days_the_one_that_is_due_and_the_next(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put(
            "a.csv", b"".join([sales(1), *(sales(1, start=at, day=f"2021-05-{at:02}")[25:] for at in range(2, 9))])
        )
        living.wait_for(dict.fromkeys(range(1, 9), 1))
        living.wait_until(lambda: YESTERDAY.isoformat() in [each["day"] for each in living.status()["days"]])
        shown = living.status()["days"]
        assert [each["day"] for each in shown] == [
            TODAY.isoformat(), YESTERDAY.isoformat(), *(f"2021-05-{at:02}" for at in range(8, 4, -1)),
        ]  # fmt: skip
        assert (shown[0]["state"], shown[-1]["state"]) == ("expected", "arrived")
        assert shown[0]["words"] == f"expected by {TODAY + timedelta(days=1)} 00:00:00 UTC"
        assert json.dumps(shown, allow_nan=False)


def test_a_dataset_that_expects_nothing_has_no_days(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=None) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        assert told(living) == []


def test_a_header_only_file_that_gives_way_takes_back_what_it_said(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME, when_deleted=Unload()) as living:
        file = living.put("2021-05-02.csv", b"ID,Product,Quantity\n")
        living.wait_for_state(file.name, "loaded")
        living.put("2021-05-03.csv", b"ID,Product,Quantity\n2,phone,1\n")
        living.wait_for({2: 1})
        file.unlink()
        living.wait_until(lambda: living.state_of(file.name) == "unloaded")
        assert known(living, "2021-05-02").state is DayState.EXPECTED
        living.put(file.name, b"ID,Product,Quantity\n1,phone,7\n")
        living.wait_for({1: 7, 2: 1})
        assert told(living)[::2] == [("2021-05-02", "arrived", 0), ("2021-05-02", "arrived", 1)]


def test_a_day_that_is_closed_is_told_of_once(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2, day="2021-05-02"))
        living.wait_for({1: 1, 2: 2})
        for run in ("one", "two"):
            ask(living, "close-day", date="2021-05-02", run=run)
        assert told(living)[1:] == [("2021-05-02", "closed", 2)]
        assert (known(living, "2021-05-02").closed_by, last_closed(living.feed.ledger, "sales")) == (
            "one",
            date(2021, 5, 2),
        )


def test_a_day_of_which_nothing_came_is_not_closed_but_late(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        found = ask(living, "close-day", date="2021-05-07")
        assert (found["day"]["state"], found["report"]["state"]["state"]) == ("late", "late")
        assert last_closed(living.feed.ledger, "sales") is None
        assert last_checked(living.feed.ledger, "sales") == date(2021, 5, 7)
        living.put("a.csv", sales(1, day="2021-05-07"))
        living.wait_for({1: 1})
        day = known(living, "2021-05-07")
        assert day.state is DayState.ARRIVED and day.late_utc is not None
        assert told(living) == [("2021-05-07", "late", 0), ("2021-05-07", "arrived", 1)]


def test_a_header_only_day_is_closed_with_no_rows(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        living.put("2021-05-02.csv", b"ID,Product,Quantity\n")
        living.wait_for_state("2021-05-02.csv", "loaded")
        found = ask(living, "close-day", date="2021-05-02")
        assert found["day"]["complaints"] == [] and found["day"]["arrived"] and found["day"]["day_rows"] == 0
        assert found["report"]["complaints"] == [] and found["report"]["state"]["said_by"] == "path"
        assert [file["file"] for file in found["report"]["files"]] == ["2021-05-02.csv"]


CORRECTIONS = {
    "a value is another one": (sales(1, 5), {"Quantity.SUM": (3, 6), "Quantity.MEAN": (1.5, 3.0)}),
    "a row has gone": (
        sales(2, start=2),
        {"Quantity.SUM": (3, 2), "Quantity.MEAN": (1.5, 2.0), "contributors.COUNT": (2, 1)},
    ),
    "all rows are of another day": (
        sales(1, 2, day="2021-05-09"),
        {"Quantity.SUM": (3, None), "Quantity.MEAN": (1.5, None), "contributors.COUNT": (2, None)},
    ),
}


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_correction_after_the_close_says_which_totals_are_others(tmp_path: Path, correction: str) -> None:
    body, expected = CORRECTIONS[correction]
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        ask(living, "close-day", date="2021-05-01")
        living.put("a.csv", body)
        living.wait_until(lambda: known(living, "2021-05-01").state is DayState.RESTATED)
        day = known(living, "2021-05-01")
        assert {each.measure: (each.before, each.after) for each in day.changes} == expected
        change = next(each for each in living.outcomes[-1].days if each.day == day.day)
        assert change.state is DayState.RESTATED
        assert [each["measure"] for each in change.facts["changes"]] == list(expected)


def test_the_same_rows_once_more_restate_nothing_and_a_second_close_takes_the_totals_as_they_are(
    tmp_path: Path,
) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        ask(living, "close-day", date="2021-05-01")
        living.put("b.csv", sales(1, 2))
        living.wait_for_state("b.csv", "loaded")
        living.put("a.csv", sales(4, 2))
        living.wait_for_state("a.csv", "loaded")
        living.put("b.csv", sales(3, 2))
        living.wait_for({1: 3, 2: 2})
        ask(living, "close-day", date="2021-05-01", run="again")
        day = known(living, "2021-05-01")
        assert (day.state, day.closed_by, day.changes) == (DayState.CLOSED, "again", ())
        assert day.restated_utc is not None and day.totals is not None and day.totals["Quantity.SUM"] == 5


def test_a_row_that_moves_from_a_closed_day_under_its_key_is_found_by_the_next_close(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2))
        living.put("b.csv", sales(3, start=3, day="2021-05-02"))
        living.wait_for({1: 1, 2: 2, 3: 3})
        ask(living, "close-day", date="2021-05-01")
        living.put("c.csv", sales(2, start=2, day="2021-05-02"))
        living.wait_for({date(2021, 5, 1): 1, date(2021, 5, 2): 5}, by="Date")
        ask(living, "close-day", date="2021-05-02")
        assert told(living)[-2:] == [("2021-05-01", "restated", 1), ("2021-05-02", "closed", 2)]


def test_a_measure_that_fails_is_an_error_of_that_measure_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aggregation that the engine does not know stands for whatever may fail there."""
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        median = Measure("Quantity.MEDIAN", cast(Aggregation, Median("Quantity")))
        vars(living.dataset_state.dataset.table).pop("measures", None)  # which it has made when it was declared
        monkeypatch.setattr(Table, "measures", (*SALES.table.measures, median))
        monkeypatch.setattr(Table, "shown", (*SALES.table.shown, median))
        found = ask(living, "close-day", date="2021-05-01")
        (complaint,) = found["day"]["complaints"]
        assert complaint.startswith("Quantity.MEDIAN cannot be computed: ") and "no measure" not in complaint
        assert complaint in found["report"]["complaints"] and not found["day"]["missing"]
        totals = {each["measure"]: each["value"] for each in found["report"]["totals"]}
        assert totals == {
            "Quantity.SUM": 3, "Quantity.MEAN": 1.5, "contributors.COUNT": 2, "Quantity.MEDIAN": "cannot be computed",
        }  # fmt: skip
        assert make_page(DayReport.from_json(found["report"]))
        monkeypatch.undo()
        assert ask(living, "close-day", date="2021-05-01")["day"]["complaints"] == []


def test_a_batch_of_a_day_that_has_come_asks_the_ledger_nothing_about_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual commit: its days are those of its own rows, and they are known."""
    asked: list[object] = []
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        monkeypatch.setattr("flows.ingest.day_changes.known_days", asked.append)
        monkeypatch.setattr("flows.ingest.restatements.known_days", asked.append)
        living.put("b.csv", sales(2, start=2))
        living.wait_for({1: 1, 2: 2})
        assert asked == []


def test_rows_are_counted_by_day_and_those_without_one_are_left_out() -> None:
    dataset = replace(SALES, expect=EXPECT)
    days = [date(1, 1, 1), date(9999, 12, 31), None, date(1, 1, 1), date(1970, 1, 1)]
    counts = rows_by_day(dataset, pl.DataFrame({"Date": days}))
    assert counts == {date(1, 1, 1): 2, date(1970, 1, 1): 1, date(9999, 12, 31): 1}
    assert rows_by_day(dataset, pl.DataFrame({"Date": [date(2021, 5, 1), None]})) == {date(2021, 5, 1): 1}
    assert rows_by_day(dataset, pl.DataFrame({"Date": [None]}, schema={"Date": pl.Date})) == {}


def test_a_close_that_fails_once_the_day_is_closed_tells_that_it_is(tmp_path: Path) -> None:
    backups = tmp_path / "state" / "backups"
    heard: list[Outcome] = []
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        living.feed.listeners.append(heard.append)
        rmtree(backups, ignore_errors=True)
        backups.write_bytes(b"where the backups should be")
        with pytest.raises(RequestFailed, match="FileExistsError"):
            ask(living, "close-day", date="2021-05-01")
        living.wait_until(lambda: untold_days(living.feed.ledger, "sales") == [])
        assert [change.state for outcome in heard for change in outcome.days if change.day.year == 2021] == ["closed"]


def test_a_close_whose_segments_cannot_be_compacted_now_closes_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        monkeypatch.setattr("flows.ingest.commit.compact", full)
        assert ask(living, "close-day", date="2021-05-01")["day"]["state"] == "closed"


@pytest.mark.slow
def test_a_day_whose_batch_was_staged_and_not_applied_is_told_of_once_the_table_is_filled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Outcome] = []
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.feed.listeners.append(heard.append)

        def full(*_: object, **__: object) -> None:
            monkeypatch.undo()
            raise OSError(ENOSPC, "No space left on device")

        monkeypatch.setattr(dataset_state, "RETRY_S", 0.1)
        monkeypatch.setattr(commit, "change_set", full)
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        assert [change.day for outcome in heard for change in outcome.days if change.state is DayState.ARRIVED] == [
            date(2021, 5, 1)
        ]


@pytest.mark.parametrize("has_come", [True, False])
def test_a_landing_directory_that_cannot_be_seen_is_no_complaint_of_a_day_that_has_come(
    tmp_path: Path, has_come: bool
) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        if has_come:
            living.put("a.csv", sales(1))
            living.wait_for({1: 1})
        living.landing.rename(tmp_path / "elsewhere")
        living.wait_until(lambda: living.inbox.problem)
        complaints = ask(living, "close-day", date="2021-05-01")["day"]["complaints"]
        assert len(complaints) == (0 if has_come else 2)
