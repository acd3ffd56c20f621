"""Columns may be called anything: blanks, dots, quotes, signs of every syntax on the way, hundreds of characters."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

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
from flows.store.state_directory import StateDirectory
from flows.web.table_view import TableView
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, ask, live

pytestmark = pytest.mark.usefixtures("quick")

LEVELS = ('Straße "groß"', "a.b c", "k=v", "<b>&amp;'", "%s;$1`|", "x" * 200, "Amount", "SELECT", "日本 語\u0301")
MEASURE = "Amount (EUR)"
EXPECT = DailyBy("07:00", "UTC", day="Date", lag_days=1)
COLUMNS = "; ".join([
    "ID = dy.Int64(primary_key=True); Date = dy.Date(); Quantity = dy.Int64()",
    f"amount = dy.Decimal(10, 2, alias={MEASURE!r}, min=0)",
    *(f"level_{number} = dy.String(alias={name!r}, nullable=True)" for number, name in enumerate(LEVELS)),
])  # fmt: skip


def file_of(*ids: int) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["ID", "Date", "Quantity", MEASURE, *LEVELS])
    writer.writerows([id, "2021-05-01", 1, "1.50", *(f"{name[:9]}{id}" for name in LEVELS)] for id in ids)
    return written.getvalue().encode()


def put(living: LiveFeed, name: str, body: bytes) -> None:
    living.put(name, body)
    living.wait_until(lambda: living.state_of(name) == "loaded")


@pytest.fixture
def living(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(compaction, "FEW", 2)
    with live(tmp_path, "polling", columns=COLUMNS, expect=EXPECT) as made:
        put(made, "a.csv", file_of(1, 2))
        put(made, "b.csv", file_of(2, 3))
        yield made


@pytest.mark.slow
def test_each_of_them_is_grouped_by_and_asked_for(living: LiveFeed) -> None:
    state = living.landing.parent / "state"
    for name in LEVELS:
        value = f"{name[:9]}2"
        question = [("measure", f"{MEASURE}.SUM"), ("by", name), ("where", f"{name}={value}")]
        answer = read(StateDirectory(state).require_owner(), "/api/query", question)
        assert answer["rows"] == [{name: value, f"{MEASURE}.SUM": "1.50"}]
        asked = ["query", f"{MEASURE}.SUM", "--by", name, "--where", f"{name}={value}", "--state", str(state)]
        shown = CliRunner().invoke(app, asked)
        assert shown.exit_code == 0 and "1.50" in shown.stdout
        assert len(ask(living, "unload", where=[f"{name}={value}"], dry_run=True)["files"]) == 2


def test_the_page_the_report_and_a_finding_name_them(living: LiveFeed) -> None:
    assert isinstance(living.feed.cube, WatchedCube)
    view = TableView(living.feed.cube, living.dataset_state.dataset.table)
    view.refresh()
    assert view._state is not None and set(LEVELS) < set(view._state.cells.columns)
    put(living, "c.csv", file_of(4))
    view.refresh()
    assert view._state.cells[f"{MEASURE}.SUM"].sum() == 6.0
    facts = ask(living, "report", date="2021-05-01")["report"]
    report = complete_report(living.landing.parent / "state", facts)
    assert f"{MEASURE}.SUM" in make_csv(report) and f"{MEASURE}.SUM" in make_page(report)
    assert "Amount (EUR).SUM" in make_markdown(report)
    living.put("d.csv", file_of(5).replace(b"1.50", b"-1"))
    living.wait_until(lambda: living.state_of("d.csv") == "quarantined")
    row = living.file("d.csv")
    assert row is not None and row.first_finding is not None
    assert (row.first_finding.column, row.first_finding.rule) == (MEASURE, "min")


def test_they_outlive_compaction_verification_and_a_start(living: LiveFeed, tmp_path: Path) -> None:
    before = sorted(row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows())
    put(living, "d.csv", file_of(3))
    (living.landing / "d.csv").unlink()
    ask(living, "unload", "d.csv")
    assert compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments).into == 1
    found = ask(living, "verify", deep=True)["verify"]
    assert (found["missing"], found["extra"]) == (0, 0)
    assert sorted(row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows()) == before
