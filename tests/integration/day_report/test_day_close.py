"""Days that are closed from outside of the session: each by its own data, and whatever came of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.model.calendar import DailyBy
from tests.integration.live_feed import LiveFeed, live, sales

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    """Sales of two days, between which one is missing."""
    with live(tmp_path, "polling") as made:
        made.put("a.csv", sales(1, 2, day="2021-05-01"))
        made.put("c.csv", sales(3, start=3, day="2021-05-03"))
        made.wait_for({1: 1, 2: 2, 3: 3})
        yield made


def close(living: LiveFeed, *arguments: str) -> Result:
    state = str(living.landing.parent / "state")
    return CliRunner().invoke(app, ["close-day", "--state", state, *arguments])


def test_a_day_whose_data_came_is_closed_with_its_report(living: LiveFeed) -> None:
    done = close(living, "--date", "2021-05-01", "--format", "json")
    (day,) = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert day["result"] == "2 rows of 2021-05-01; the cube equals the ledger" and day["complaints"] == []
    assert "2021-05-01" in Path(day["report"].split(", ")[0]).read_text()


def test_of_a_range_each_day_is_closed_and_those_that_are_wrong_are_named(living: LiveFeed) -> None:
    done = close(living, "--date", "2021-05-01", "--until", "2021-05-03", "--format", "json")
    assert done.exit_code == 1
    found = {day["business_day"]: day["complaints"] for day in json.loads(done.stdout)}
    assert found == {"2021-05-01": [], "2021-05-02": ["no row of 2021-05-02 has come"], "2021-05-03": []}
    assert "1 of 3 days is wrong: 2021-05-02. 2021-05-02: no row of 2021-05-02 has come" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--date", "2021-02-30"), "There is no such day [got=2021-02-30]"),
        (("--date", "2021-05-02", "--until", "2021-05-01"), "ends before it begins"),
        (("--until", "2021-05-01"), "has to begin"),
        (("--date", "2121-05-01"), "has not begun"),
        (("--dataset", "orders"), "does not serve this dataset [got=orders]. Next: name one of sales"),
    ],
)
def test_days_that_mean_nothing_are_refused(living: LiveFeed, arguments: tuple[str, ...], why: str) -> None:
    done = close(living, *arguments)
    assert done.exit_code == 1 and why in str(done.exception)


def test_where_nothing_runs_none_of_the_days_is_closed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["close-day", "--state", str(tmp_path), "--date", "2021-05-01"])
    assert "Nothing is running" in str(done.exception)


@pytest.mark.slow
def test_on_a_day_without_data_none_is_expected(tmp_path: Path) -> None:
    expect = DailyBy("07:00", "Europe/Paris", day="Date", weekdays=(0, 1, 2, 3, 4))
    with live(tmp_path, "polling", expect=expect) as living:
        done = close(living, "--date", "2021-05-01", "--format", "json")
        (day,) = json.loads(done.stdout)
    assert (done.exit_code, day["result"]) == (0, "no data expected for 2021-05-01; the cube equals the ledger")
