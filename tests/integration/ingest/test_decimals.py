"""Decimals from the files to every answer: no digit of them is lost on any way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.cube.observable import WatchedCube
from flows.day_report.build import complete_report
from flows.day_report.download import make_csv
from flows.day_report.html import make_page
from flows.day_report.markdown import make_markdown
from flows.ingest import compaction
from flows.ingest.client import read
from flows.ingest.compaction import compact
from flows.model.calendar import DailyBy
from flows.model.day_facts import DayReport
from flows.model.precedence import ByColumn
from flows.model.totals import TOO_LARGE
from flows.store.business_days import known_days
from flows.store.state_directory import StateDirectory
from flows.web.table_view import TableView
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, ask, live
from tests.integration.store.lost_ledger import lose_the_ledger, restore

pytestmark = pytest.mark.usefixtures("quick")

KEY = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Product = dy.String(); "
MONEY = KEY + "Quantity = dy.Decimal(38, 2)"
FINE = KEY + "Quantity = dy.Decimal(38, 4)"
FLOATS = KEY + "Quantity = dy.Float64()"
PRICED = "ID = dy.Decimal(12, 2, primary_key=True); Date = dy.Date(); Product = dy.String(); Quantity = dy.Int64()"
EXPECT = DailyBy("07:00", "Europe/Paris", day="Date", lag_days=1)
MAY_1 = date(2021, 5, 1)
LONG, MOST = "123456789012345678.91", "9" * 36 + ".99"


def amounts(*texts: str, start: int = 1, day: str = "2021-05-01") -> bytes:
    rows = "".join(f"{start + index},{day},phone,{text}\n" for index, text in enumerate(texts))
    return b"ID,Date,Product,Quantity\n" + rows.encode()


def rows_of(living: LiveFeed) -> list[tuple[Any, ...]]:
    return sorted(row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows())


def put(living: LiveFeed, name: str, body: bytes) -> None:
    before = len(living.outcome_states(name))
    living.put(name, body)
    living.wait_until(lambda: len(living.outcome_states(name)) > before and living.state_of(name) == "loaded")


def report(living: LiveFeed, day: str) -> DayReport:
    return complete_report(living.landing.parent / "state", ask(living, "report", date=day)["report"])


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    with live(tmp_path, "polling", columns=MONEY, expect=EXPECT) as made:
        put(made, "a.csv", amounts("0.10", "0.20", LONG))
        yield made


def test_sums_are_exact_in_the_api_and_in_every_form_of_the_command(living: LiveFeed) -> None:
    total, state = "123456789012345679.21", living.landing.parent / "state"
    question = [("measure", "Quantity.SUM"), ("measure", "Quantity.MEAN"), ("by", "Date")]
    answer = read(StateDirectory(state).require_owner(), "/api/query", question)
    assert answer["rows"] == [{"Date": "2021-05-01", "Quantity.SUM": total, "Quantity.MEAN": 41152263004115226.0}]
    shown = {"json": f'"{total}"', "csv": f",{total},", "table": "123,456,789,012,345,679.21"}
    for form, text in shown.items():
        arguments = ["query", "Quantity.SUM", "Quantity.MEAN", "--by", "Date", "--state", str(state), "--format", form]
        assert text in CliRunner().invoke(app, arguments).stdout


def test_the_least_values_come_in_their_own_type_in_the_api_and_in_the_command(living: LiveFeed) -> None:
    measures, state = ["Quantity.MIN", "Date.MIN", "Product.MAX", "ID.COUNT_DISTINCT"], living.landing.parent / "state"
    answer = read(StateDirectory(state).require_owner(), "/api/query", [("measure", name) for name in measures])
    assert answer["rows"] == [dict(zip(measures, ("0.10", "2021-05-01", "phone", 3), strict=True))]
    assert [each["kind"] for each in answer["measures"].values()] == ["decimal", "date", "string", "integer"]
    arguments = ["query", *measures, "Quantity.MAX", "--state", str(state)]
    shown = CliRunner().invoke(app, [*arguments, "--format", "csv"]).stdout.splitlines()[1]
    assert shown == f"0.10,2021-05-01,phone,3,{LONG}"
    assert f"{Decimal(LONG):,f}" in CliRunner().invoke(app, arguments).stdout


def test_the_report_and_the_restatement_of_a_day_have_all_digits(living: LiveFeed) -> None:
    put(living, "b.csv", amounts("-0.01", start=9, day="2021-05-02"))
    found = report(living, "2021-05-02")
    assert DayReport.from_json(json.loads(json.dumps(found.as_json()))) == found
    [total] = [each for each in found.of_the_day if each.measure == "Quantity.SUM"]
    assert (total.value, total.day_change) == (Decimal("-0.01"), Decimal("-123456789012345679.22"))
    assert "-123456789012345679.22" in make_csv(found)
    assert "123,456,789,012,345,679.21" in make_markdown(found) and "123,456,789,012,345,679.21" in make_page(found)
    closed = ask(living, "close-day", date="2021-05-01")
    assert closed["day"]["missing"] == closed["day"]["extra"] == 0
    put(living, "a.csv", amounts("0.10", "0.21", LONG))
    [day] = known_days(living.feed.ledger, "sales", [MAY_1]).values()
    change = next(each for each in day.changes if each.measure == "Quantity.SUM")
    assert (change.before, change.after) == (Decimal("123456789012345679.21"), Decimal("123456789012345679.22"))
    assert "123,456,789,012,345,679.21 → 123,456,789,012,345,679.22" in make_markdown(report(living, "2021-05-01"))


def test_a_sum_of_too_many_digits_is_an_error_of_that_measure_alone(living: LiveFeed) -> None:
    put(living, "b.csv", amounts(MOST, MOST, start=9, day="2021-05-02"))
    found = {total.measure: total.value for total in report(living, "2021-05-02").of_the_day}
    assert found == {"Quantity.SUM": TOO_LARGE, "Quantity.MEAN": 1e36, "contributors.COUNT": 2}
    state = living.landing.parent / "state"
    question = [("measure", "Quantity.SUM"), ("measure", "contributors.COUNT"), ("by", "Date")]
    answer = read(StateDirectory(state).require_owner(), "/api/query", question)
    assert [row["Quantity.SUM"] for row in answer["rows"]] == ["123456789012345679.21", None]
    [error] = answer["errors"]
    assert error["measure"] == "Quantity.SUM" and "38 digits" in error["error"]


def test_the_page_shows_sums_as_floats_whichever_way_they_come(living: LiveFeed) -> None:
    cube = living.feed.cube
    assert isinstance(cube, WatchedCube)
    view = TableView(cube, cube.model[0])
    view.refresh()
    put(living, "b.csv", amounts("0.05", start=9))
    view.refresh()
    [cells] = [state.cells for state in [view._state] if state is not None]
    assert cells["Quantity.SUM"].dtype == pl.Float64
    assert cells["Quantity.SUM"].sum() == pytest.approx(123456789012345679.26)


def test_they_outlive_compaction_a_start_and_the_loss_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FEW", 2)
    with live(tmp_path, "polling", columns=MONEY) as living:
        for number, text in enumerate(("0.10", LONG, MOST, "-0.01")):
            put(living, f"{number}.csv", amounts(text, start=number))
        before = rows_of(living)
        assert [row[-1] for row in before] == [Decimal(text) for text in ("0.10", LONG, MOST, "-0.01")]
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
        state = living.dataset_state
        assert compact(state.dataset, living.feed.ledger, living.feed.segments).into == 1
        table = state.dataset.table
    lose_the_ledger(tmp_path)
    restore(tmp_path, table)
    with live(tmp_path, "polling", columns=MONEY) as living:
        assert rows_of(living) == before
        found = ask(living, "verify", deep=True)["verify"]
        assert (found["missing"], found["extra"]) == (0, 0)


def test_a_correction_finds_the_rows_of_a_key_by_its_number(tmp_path: Path) -> None:
    with live(tmp_path, "polling", columns=PRICED) as living:
        body = "ID,Date,Product,Quantity\n9.50,2021-05-01,phone,1\n10.00,2021-05-01,phone,2\n"
        put(living, "a.csv", body.encode())
        put(living, "b.csv", b"ID,Date,Product,Quantity\n9.5,2021-05-01,watch,3\n")
        assert living.quantities() == {Decimal("9.50"): 3, Decimal("10.00"): 2}
        (living.landing / "b.csv").unlink()
        ask(living, "unload", "b.csv")
        living.wait_until(lambda: living.quantities() == {Decimal("9.50"): 1, Decimal("10.00"): 2})
        assert ask(living, "unload", where=["ID=10"])["files"]
        assert ask(living, "verify")["verify"]["missing"] == 0


def test_of_rows_with_one_key_the_greatest_decimal_stays(tmp_path: Path) -> None:
    with live(tmp_path, "polling", columns=MONEY, precedence=ByColumn("Quantity")) as living:
        put(living, "a.csv", amounts("10.00", "-9.50"))
        put(living, "b.csv", amounts("9.50", "-10.00"))
        assert [row[-1] for row in rows_of(living)] == [Decimal("10.00"), Decimal("-9.50")]
        assert ask(living, "verify")["verify"]["missing"] == 0
    with live(tmp_path, "polling", columns=MONEY, precedence=ByColumn("Quantity")) as living:
        assert [row[-1] for row in rows_of(living)] == [Decimal("10.00"), Decimal("-9.50")]


def test_floats_become_what_their_files_have_said_and_back_without_a_loss(tmp_path: Path) -> None:
    with live(tmp_path, "polling", columns=FLOATS) as living:
        put(living, "a.csv", amounts("0.1", "0.2", "1e-7", "12.345"))
        before = rows_of(living)
    with live(tmp_path, "polling", columns=MONEY) as living:
        assert [row[-1] for row in rows_of(living)] == [Decimal("0.10"), Decimal("0.20"), None, None]
    with live(tmp_path, "polling", columns=FINE) as living:
        assert [row[-1] for row in rows_of(living)] == [Decimal("0.1"), Decimal("0.2"), None, Decimal("12.345")]
        assert ask(living, "verify")["verify"]["missing"] == 0
    with live(tmp_path, "polling", columns=FLOATS) as living:
        assert rows_of(living) == before


def test_what_is_no_such_decimal_is_found_with_its_line(tmp_path: Path) -> None:
    with live(tmp_path, "polling", columns=KEY + "Quantity = dy.Decimal(6, 2)") as living:
        living.put("a.csv", amounts("1.005", "1e2", "10000", "1.00"))
        living.wait_for_state("a.csv", "quarantined")
        row = living.file("a.csv")
        assert row is not None and row.first_finding is not None
        assert row.first_finding.expected is not None
        assert row.reason == "findings: decimal 3"
        assert "1.005" in row.first_finding.words
        assert "with at most 4 digits before the point and 2 behind it" in row.first_finding.expected
