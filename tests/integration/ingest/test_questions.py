"""Questions and requests that cannot be answered end nothing: who asked is told why, and the next file loads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.day_report.build import complete_report
from flows.day_report.download import make_csv
from flows.day_report.html import make_page
from flows.day_report.markdown import make_markdown
from flows.errors import RequestFailed
from flows.ingest.client import read
from flows.model.calculated import Previous, Ratio, Times
from flows.model.calendar import DailyBy
from flows.model.day_facts import DayReport
from flows.model.merge import ChangeSet
from flows.model.totals import NOT_COMPUTED, TOO_LARGE
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = pytest.mark.usefixtures("quick")
PARIS = DailyBy("07:00", "Europe/Paris", day="Date", lag_days=1)
MOST = 2**63 - 1


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    with live(tmp_path, "polling", expect=PARIS) as made:
        made.put("a.csv", sales(4, 6))
        made.wait_for({1: 4, 2: 6})
        yield made


def loads_on(living: LiveFeed) -> None:
    """The next file loads."""
    living.put("next.csv", sales(1, start=90))
    living.wait_for_state("next.csv", "loaded")


def report(living: LiveFeed, day: str) -> DayReport:
    return complete_report(living.landing.parent / "state", ask(living, "report", date=day)["report"])


def test_reports_of_the_first_days_of_the_calendar_are_made(living: LiveFeed) -> None:
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


def test_a_day_before_all_data_has_no_report_and_a_day_without_rows_has_one(living: LiveFeed) -> None:
    for day in ("0001-01-01", "2021-04-29"):
        with pytest.raises(RequestFailed, match=r"The data begins after that day .*Next: name 2021-05-01 or a later"):
            report(living, day)
    assert report(living, "2021-05-01").of_the_day
    assert report(living, "2021-05-03").complaints == ("no row of 2021-05-03 has come",)
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
def test_since_may_be_any_moment_of_the_calendar(living: LiveFeed, since: str, files: int) -> None:
    assert len(ask(living, "load", since=since)["files"]) == files
    loads_on(living)


@pytest.mark.parametrize("as_of", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00"])
def test_a_day_is_closed_as_of_any_moment(living: LiveFeed, as_of: str) -> None:
    answer = ask(living, "close-day", as_of=as_of)
    assert answer["day"]["missing"] == answer["day"]["extra"] == 0
    loads_on(living)


def test_retention_longer_than_the_calendar_keeps_all(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=PARIS, retain_days=10**7) as living:
        living.put("a.csv", sales(4, day="0001-01-01"))
        living.wait_for({1: 4})
        assert ask(living, "close-day")["day"]["rows"] == 1
        assert living.quantities() == {1: 4}


def test_a_sum_that_does_not_fit_is_an_error_of_its_measure_in_every_answer(living: LiveFeed) -> None:
    living.put("large.csv", sales(MOST, MOST, start=10, day="2021-05-02"))
    living.wait_for_state("large.csv", "loaded")
    found = report(living, "2021-05-02")
    shown = {total.measure: total.value for total in found.of_the_day}
    assert shown == {"Quantity.SUM": TOO_LARGE, "Quantity.MEAN": float(MOST), "contributors.COUNT": 2}
    assert {total.measure: total.value for total in found.totals if total.date == "2021-05-01"}["Quantity.SUM"] == 10
    assert found.complaints == ("Quantity.SUM does not fit",)
    for form in (make_page, make_markdown, make_csv):
        assert TOO_LARGE in form(found) and "All is well" not in form(found)
    closed = ask(living, "close-day")
    assert closed["day"]["missing"] == closed["day"]["extra"] == 0 and closed["report"]["rows"] == 4

    state = living.landing.parent / "state"
    question = [("measure", "Quantity.SUM"), ("measure", "contributors.COUNT"), ("by", "Date")]
    answer = read(StateDirectory(state).require_owner(), "/api/query", question)
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


def test_a_sum_beyond_all_floats_does_not_fit_wherever_it_is_told(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Product = dy.String(); Quantity = dy.Float64()"
    measures = {"Twice": Times("Quantity.SUM", 2)}
    with live(tmp_path, "polling", columns=columns, measures=measures) as living:
        living.put("a.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,a,1e308\n2,2021-05-01,b,1e308\n")
        living.wait_for_state("a.csv", "loaded")
        found = report(living, "2021-05-01")
        shown = {total.measure: total.value for total in found.of_the_day}
        assert shown["Quantity.SUM"] == TOO_LARGE and shown["Twice"] == NOT_COMPUTED
        assert "Quantity.SUM does not fit" in found.complaints
        assert any(each.startswith("Twice cannot be computed: A sum does not fit") for each in found.complaints)
        for form in (make_page, make_markdown, make_csv):
            assert TOO_LARGE in form(found) and "inf" not in form(found).replace("info", "")
        state = living.landing.parent / "state"
        question = [("measure", "Quantity.SUM"), ("measure", "Twice")]
        answer = read(StateDirectory(state).require_owner(), "/api/query", question)
        assert answer["rows"] == [{"Quantity.SUM": None, "Twice": None}]
        words = ["A sum does not fit into a float: it is beyond 1.8e308"] * 2
        assert [each["error"] for each in answer["errors"]] == words
        printed = CliRunner().invoke(app, ["query", "Quantity.SUM", "--state", str(state), "--format", "json"])
        assert printed.exit_code == 1 and f"Quantity.SUM: {words[0]}" in printed.stderr


def test_calculated_measures_are_asked_like_others(tmp_path: Path) -> None:
    measures = {"Each": Ratio("Quantity.SUM", "contributors.COUNT"), "Before": Previous("Quantity.SUM", "Date")}
    formats = {"Each": "{:.1f} each", "Quantity.SUM": "{:,} pcs"}
    with live(tmp_path, "polling", measures=measures, number_formats=formats) as living:
        living.put("a.csv", sales(4, 7))
        living.put("b.csv", sales(2, start=9, day="2021-05-02"))
        living.wait_for({1: 4, 2: 7, 9: 2})
        state = living.landing.parent / "state"
        question = [("measure", name) for name in ("Each", "Quantity.SUM", "Before")] + [("by", "Date")]
        answer = read(StateDirectory(state).require_owner(), "/api/query", [*question, ("totals", "true")])
        assert answer["rows"] == [
            {"Date": None, "Each": 13 / 3, "Quantity.SUM": 13, "Before": None, "total_depth": 0},
            {"Date": "2021-05-01", "Each": 5.5, "Quantity.SUM": 11, "Before": None, "total_depth": 1},
            {"Date": "2021-05-02", "Each": 2.0, "Quantity.SUM": 2, "Before": 11, "total_depth": 1},
        ]
        assert [each["kind"] for each in answer["measures"].values()] == ["float", "integer", "integer"]
        arguments = ["query", "Before", "--by", "Date", "--where", "Date=2021-05-02", "--state", str(state)]
        printed = CliRunner().invoke(app, [*arguments, "--format", "csv"])
        assert printed.stdout.splitlines() == ["Date,Before", "2021-05-02,11"]
        assert answer["measures"]["Each"] == {"kind": "float", "format": "{:.1f} each"}
        printed = CliRunner().invoke(app, ["query", "Each", "Quantity.SUM", "--by", "Date", "--state", str(state)])
        assert "5.5 each" in printed.stdout and "11 pcs" in printed.stdout
        found = report(living, "2021-05-02")
        assert all("2 pcs" in form(found) and "−9 pcs" in form(found) for form in (make_page, make_markdown))
        calculated = {each.measure: (each.value, each.day_before) for each in found.of_the_day[-3:]}
        assert calculated == {"contributors.COUNT": (1, 2), "Each": (2.0, 5.5), "Before": (11, None)}
        assert all("2.0 each" in form(found) and "−3.5 each" in form(found) for form in (make_page, make_markdown))
        refused = CliRunner().invoke(app, ["query", "Before", "--state", str(state)])
        assert refused.exit_code == 1 and "group by Date too" in str(refused.exception)


class Written(str):
    """Code in a declaration."""

    __slots__ = ()
    __repr__ = str.__str__


SCHEMA = 'type("Sales", (__import__("dataframely").Schema,), {%s})'
COLUMNS = {
    "ID": "Int64(primary_key=True)",
    "Date": "Date()",
    "Product": "String()",
    "Quantity": "Int64(min=0)",
    "Shop": "String(nullable=True)",
    "Day": "Date()",
}


def schema(*names: str) -> Written:
    columns = (f'"{name}": __import__("dataframely").{COLUMNS[name]}' for name in names)
    return Written(SCHEMA % ", ".join(columns))


def test_a_segment_that_an_earlier_declaration_has_made_holds_no_value_of_a_new_column(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as living:
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
        ask(living, "unload", "a.csv")
    with live(tmp_path, "polling", schema=schema("ID", "Date", "Product", "Quantity", "Shop")) as living:
        living.put("b.csv", b"ID,Date,Product,Quantity,Shop\n7,2021-05-01,phone,3,north\n")
        living.wait_for({7: 3})
        answer = ask(living, "load", where=["Shop=north"])
        assert [file["file"] for file in answer["files"]] == ["b.csv"]
        with pytest.raises(RequestFailed, match=r"1 of 2 files was refused: a\.csv: header"):
            ask(living, "load", where=["Product=phone"])
        living.put("next.csv", b"ID,Date,Product,Quantity,Shop\n9,2021-05-01,phone,1,\n")
        living.wait_for_state("next.csv", "loaded")


@pytest.mark.slow
def test_reports_and_closes_go_on_after_the_day_column_was_renamed(tmp_path: Path) -> None:
    with live(tmp_path, "polling", expect=PARIS) as living:
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
        ask(living, "unload", "a.csv")
    renamed = DailyBy("07:00", "Europe/Paris", day="Day", lag_days=1)
    with live(tmp_path, "polling", expect=renamed, schema=schema("ID", "Day", "Product", "Quantity")) as living:
        living.put("b.csv", b"ID,Day,Product,Quantity\n7,2021-05-01,phone,3\n")
        living.wait_for({7: 3})
        found = report(living, "2021-05-01")
        assert {file.file for file in found.files} == {"b.csv"} and found.rows == 1
        assert ask(living, "close-day")["day"]["missing"] == 0


def test_a_dead_segment_that_is_damaged_or_gone_leaves_reports_as_they_are(living: LiveFeed) -> None:
    living.put("b.csv", sales(3, start=10))
    living.put("c.csv", sales(3, start=20))
    living.wait_for({1: 4, 2: 6, 10: 3, 20: 3})
    files = sorted(living.feed.segments.directory.glob("*.parquet"))
    living.put("a.csv", sales(5, 7))
    living.put("b.csv", sales(9, start=10))
    living.wait_for({1: 5, 2: 7, 10: 9, 20: 3})
    dead = {living.feed.segments.path(facts) for id, facts in living.feed.ledger.segments("sales").items()
            if id not in living.feed.ledger.live("sales")}  # fmt: skip
    first, *others = sorted(dead & set(files))
    first.write_bytes(first.read_bytes()[:-40] + b"\0" * 40)
    for other in others:
        other.unlink()
    found = report(living, "2021-05-01")
    assert found.rows == 4 and found.sound
    loads_on(living)


@pytest.mark.parametrize("damage", ["cut", "zeroed", "gone"])
def test_a_live_segment_that_is_damaged_is_an_error_of_the_question_alone(living: LiveFeed, damage: str) -> None:
    [file] = living.feed.segments.directory.glob("*.parquet")
    body = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(body[: len(body) // 2])
        case "zeroed":
            file.write_bytes(bytes(len(body) - 8) + body[-8:])
        case "gone":
            file.unlink()
    for question in (lambda: ask(living, "load", where=["Product=phone"]), lambda: report(living, "2021-05-01")):
        with pytest.raises(
            RequestFailed, match=r"A segment cannot be read .* cubefeed verify says which, and mends it"
        ):
            question()
    loads_on(living)
    found = ask(living, "verify")["verify"]
    assert (found["rows"], found["missing"], found["extra"]) == (3, 0, 0) and len(found["mended"]) == 2
    assert report(living, "2021-05-01").sound


def test_a_deep_check_reads_some_of_the_files_at_a_time(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ingest.verification.READ_BYTES", 1)
    living.put("b.csv", sales(7, start=10))
    living.put("gone.csv", sales(8, start=20))
    living.wait_for({1: 4, 2: 6, 10: 7, 20: 8})
    (living.landing / "gone.csv").unlink()
    scratch = living.landing.parent / "state" / "verify-left-by-a-crash"
    scratch.mkdir()
    found = ask(living, "verify", deep=True)["verify"]
    assert (found["rows"], found["missing"], found["extra"], found["examples"]) == (4, 0, 0, [])
    assert not list(scratch.parent.glob("verify-*"))
    living.feed.cube.apply(ChangeSet("sales", frozenset({1}), living.dataset_state.dataset.no_rows))
    found = ask(living, "verify", deep=True)["verify"]
    assert (found["rows"], found["missing"], found["extra"]) == (2, 2, 0)
