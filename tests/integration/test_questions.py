"""Questions and requests that cannot be answered end nothing: who asked is told why, and the next file loads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.app.client import read
from flows.cli import app
from flows.core.dataset import DailyBy
from flows.core.day_report import TOO_LARGE, DayReport
from flows.errors import RequestFailed
from flows.report.download import make_csv
from flows.report.making import complete
from flows.report.markdown import make_markdown
from flows.report.page import make_page
from flows.store.state import State
from tests.integration.living import Living, live, sales
from tests.integration.test_changes import ask

pytestmark = pytest.mark.usefixtures("quick")
PARIS = DailyBy("07:00", "Europe/Paris", day="Date", lag_days=1)
MOST = 2**63 - 1


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[Living]:
    with live(tmp_path, "polling", expect=PARIS) as made:
        made.put("a.csv", sales(4, 6))
        made.wait_for({1: 4, 2: 6})
        yield made


def loads_on(living: Living) -> None:
    """The next file loads."""
    living.put("next.csv", sales(1, start=90))
    living.wait_for_state("next.csv", "loaded")


def report(living: Living, day: str) -> DayReport:
    return complete(living.landing.parent / "state", ask(living, "report", date=day)["report"])


def test_reports_of_the_first_days_of_the_calendar_are_made(living: Living) -> None:
    living.put("old.csv", sales(1, 2, 3, start=10, day="0001-01-01") + b"13,0001-01-08,phone,5\n")
    living.wait_until(lambda: living.state_of("old.csv") == "loaded")
    first = report(living, "0001-01-01")
    assert (first.day_before, first.week_before) == (None, None)
    assert next((total.value, total.day_before, total.week_before) for total in first.of_the_day) == (6, None, None)
    assert "2021" not in make_page(first) and "0001-01-01" in make_markdown(first)
    later = report(living, "0001-01-08")
    assert (later.day_before, later.week_before) == ("0001-01-07", "0001-01-01")
    assert next((total.value, total.week_change) for total in later.of_the_day) == (5, -1)
    for day in ("9999-12-31", "0000-01-01", "-1", "1e9", "2021-13-01"):
        with pytest.raises(RequestFailed):
            report(living, day)
    loads_on(living)


@pytest.mark.parametrize(
    ("since", "files"),
    [
        ("0001-01-01", 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("9999-12-31T23:59:59", 0),
        ("9999-12-31T23:59:59.999999-12:00", 0),
    ],
)
def test_since_may_be_any_moment_of_the_calendar(living: Living, since: str, files: int) -> None:
    assert len(ask(living, "load", since=since)["files"]) == files
    loads_on(living)


@pytest.mark.parametrize("as_of", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00"])
def test_a_day_is_closed_as_of_any_moment(living: Living, as_of: str) -> None:
    answer = ask(living, "close-day", as_of=as_of)
    assert answer["day"]["missing"] == answer["day"]["extra"] == 0
    loads_on(living)


def test_retention_longer_than_the_calendar_keeps_all(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=PARIS, retain_days=10**7) as living:
        living.put("a.csv", sales(4, day="0001-01-01"))
        living.wait_for({1: 4})
        assert ask(living, "close-day")["day"]["rows"] == 1
        assert living.quantities() == {1: 4}


def test_a_sum_that_does_not_fit_is_an_error_of_its_measure_in_every_answer(living: Living) -> None:
    living.put("large.csv", sales(MOST, MOST, start=10, day="2021-05-02"))
    living.wait_for_state("large.csv", "loaded")
    found = report(living, "2021-05-02")
    shown = {total.measure: total.value for total in found.of_the_day}
    assert shown == {"Quantity.SUM": TOO_LARGE, "Quantity.MEAN": float(MOST), "contributors.COUNT": 2}
    assert {total.measure: total.value for total in found.totals if total.date == "2021-05-01"}["Quantity.SUM"] == 10
    for form in (make_page, make_markdown, make_csv):
        assert TOO_LARGE in form(found)
    closed = ask(living, "close-day")
    assert closed["day"]["missing"] == closed["day"]["extra"] == 0 and closed["report"]["rows"] == 4

    state = living.landing.parent / "state"
    asked = [("measure", "Quantity.SUM"), ("measure", "contributors.COUNT"), ("by", "Date")]
    answer = read(State(state).require_owner(), "/api/query", asked)
    assert answer["rows"] == [
        {"Date": "2021-05-01", "Quantity.SUM": 10, "contributors.COUNT": 2},
        {"Date": "2021-05-02", "Quantity.SUM": None, "contributors.COUNT": 2},
    ]
    [error] = answer["errors"]
    assert error["measure"] == "Quantity.SUM" and "64 bits" in error["error"] and "float" in error["next"]
    arguments = ["query", "Quantity.SUM", "contributors.COUNT", "--by", "Date", "--state", str(state)]
    printed = CliRunner().invoke(app, [*arguments, "--format", "json"])
    assert printed.exit_code == 1 and json.loads(printed.stdout) == answer["rows"]
    assert "Quantity.SUM: A sum does not fit into 64 bits" in printed.stderr
    loads_on(living)
