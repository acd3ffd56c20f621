"""The report of a real session: what it says of a day, where it is kept, and that it stays the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from flows.day_report.build import complete_report, keep_report
from flows.errors import RequestFailed
from flows.model.calendar import DailyBy, day_before, span_of
from flows.model.day_facts import DayReport
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = pytest.mark.usefixtures("quick")
TODAY = datetime.now(UTC).date()
EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)


def day(before: int) -> str:
    return (TODAY - timedelta(days=before)).isoformat()


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    """A week of sales, of which nothing had come in time."""
    with live(tmp_path, "polling", expect=EXPECT) as made:
        made.put("a.csv", sales(4, 6, day=day(0)))
        made.put("b.csv", sales(7, start=10, day=day(1)))
        made.put("c.csv", sales(2, start=20, day=day(7)))
        made.wait_for({1: 4, 2: 6, 10: 7, 20: 2})
        yield made


def reported(living: LiveFeed, at: str | None = None) -> DayReport:
    facts = ask(living, "report", date=at)["report"]
    return complete_report(living.landing.parent / "state", facts)


def came(report: DayReport) -> dict[str, str]:
    return {file.file: file.came for file in report.files}


def test_totals_are_compared_with_the_day_before_and_the_same_weekday(living: LiveFeed) -> None:
    report = reported(living, day(0))
    assert [(t.measure, t.value, t.day_change, t.week_change) for t in report.of_the_day] == [
        ("Quantity.SUM", 10, 3, 8),
        ("Quantity.MEAN", 5.0, -2.0, 3.0),
        ("contributors.COUNT", 2, 1, 1),
    ]
    assert list(dict.fromkeys(total.date for total in report.totals)) == [day(0), day(1), day(7)]
    assert report.due is False and report.sound and report.complaints == ()


def test_files_are_told_as_what_they_came(living: LiveFeed) -> None:
    assert came(reported(living, day(0))) == {"a.csv": "received", "b.csv": "late", "c.csv": "late"}
    assert came(reported(living, day(1))) == {"b.csv": "late"}
    living.put("a.csv", sales(4, 6, 1, day=day(0)))
    living.put("bad.csv", sales(-1, start=90, day=day(0)))
    living.put("copy.csv", sales(7, start=10, day=day(1)))
    living.wait_until(lambda: (living.state_of("bad.csv"), living.state_of("copy.csv")) == ("quarantined", "loaded"))
    living.wait_for({1: 4, 2: 6, 3: 1, 10: 7, 20: 2})
    report = reported(living, day(0))
    assert report.counts == {"received": 2, "corrected": 1, "late": 2, "refused": 1}
    refused = report.files[0]
    assert (refused.file, refused.rows) == ("bad.csv", 0) and "line 2, Quantity: min, got '-1'" in refused.why
    late = next(file for file in report.files if file.file == "b.csv")
    assert late.why == f"rows of {day(1)} came late"


def test_a_day_without_rows_is_reported_as_such(living: LiveFeed) -> None:
    report = reported(living, day(3))
    assert report.complaints == (f"no row of {day(3)} has come",)
    assert [total.value for total in report.of_the_day] == [None] * 3 and report.files == ()
    assert reported(living).day == day(1)


@pytest.mark.slow
def test_a_report_is_kept_and_made_again_it_is_the_same(living: LiveFeed) -> None:
    state = living.landing.parent / "state"
    closed = ask(living, "close-day", run="run-1")
    first = complete_report(state, closed["report"])
    lies, address = keep_report(state, first)
    page = Path(lies).read_bytes()
    assert (
        Path(lies) == StateDirectory(state).reports / "sales" / f"{day(1)}.html"
        and f"sales · {day(1)}".encode() in page
    )
    for again in (ask(living, "close-day", run="run-2"), ask(living, "report", date=day(1))):
        report = complete_report(state, again["report"])
        assert report == first and report.closed_by == "run-1"
        assert keep_report(state, report) == [lies, address] and Path(lies).read_bytes() == page
    assert sorted(file.name for file in Path(lies).parent.iterdir()) == [f"{day(1)}.html", f"{day(1)}.json"]
    assert json.loads(Path(lies).with_suffix(".json").read_text())["rows"] == 4
    assert living.status()["report_day"] == day(1)
    served = httpx.get(address, trust_env=False)
    assert served.content == page and "script-src" not in served.headers["content-security-policy"]
    assert "default-src 'none'" in served.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["sales/2021-05-01", "other/2021-05-01", "sales/20210501x", "..%2f..%2fledger/2021-05-01"]
)
def test_what_is_no_report_is_not_served(living: LiveFeed, path: str) -> None:
    owner = StateDirectory(living.landing.parent / "state").require_owner()
    assert httpx.get(f"{owner.url}/reports/{path}.html", trust_env=False).status_code == 404
    evil = httpx.get(f"{owner.url}/reports/{path}.html", headers={"Host": "evil.example"}, trust_env=False)
    assert evil.status_code == 400


@pytest.mark.parametrize("at", ["yesterday", "2021-02-30", (TODAY + timedelta(days=9)).isoformat()])
def test_a_day_that_is_none_is_refused_and_the_session_goes_on(living: LiveFeed, at: str) -> None:
    with pytest.raises(RequestFailed):
        reported(living, at)
    living.put("d.csv", sales(1, start=50, day=day(0)))
    living.wait_until(lambda: living.state_of("d.csv") == "loaded")


def test_a_dataset_that_expects_no_day_is_reported_by_the_calendar(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=None) as living:
        living.put("a.csv", sales(4, day=day(9)))
        living.wait_for({1: 4})
        report = reported(living, day(0))
        assert (came(report), report.due, report.complaints) == ({"a.csv": "received"}, None, ())
        assert ask(living, "close-day")["report"]["day"] == day(1)


def test_the_day_before_knows_weekends_and_so_does_the_time_between() -> None:
    expect = DailyBy("07:00", "Europe/Paris", day="Date", weekdays=(0, 1, 2, 3, 4), holidays=("2021-05-13",))
    assert day_before(expect, date(2021, 5, 3)) == date(2021, 4, 30)
    assert day_before(expect, date(2021, 5, 14)) == date(2021, 5, 12)
    since, until = span_of(expect, date(2021, 5, 3))
    assert (since.isoformat(), until.isoformat()) == ("2021-05-01T07:00:00+02:00", "2021-05-04T07:00:00+02:00")


def test_a_correction_that_keeps_no_key_is_a_complaint_of_the_report_and_fails_no_day(
    living: LiveFeed,
) -> None:
    living.put("b.csv", sales(8, start=11, day=day(1)))
    living.wait_for({1: 4, 2: 6, 11: 8, 20: 2})
    report = reported(living, day(1))
    (complaint,) = report.complaints
    assert complaint.startswith("b.csv: it has no key of the 1 row that it had before")
    assert [file.why for file in report.files if file.came == "corrected"] == [complaint.removeprefix("b.csv: ")]
    assert ask(living, "close-day")["day"]["complaints"] == []
