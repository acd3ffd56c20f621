"""A live cube asked from Python, as in a notebook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import cubefeed
import pandas as pd
import polars as pl
import pytest
from cubefeed.changes import Commit
from starlette.applications import Starlette

from flows.errors import NotRunning, QueryError, RequestFailed, Starting, TooSlow
from flows.store.history import CommitRow
from flows.web.api import Api
from flows.web.server import LiveServer
from tests.documents import ASKING, blocks
from tests.integration.live_feed import live, sales
from tests.integration.web.running_session import Session
from tests.repository import ROOT
from tests.sound_source import SoundSource
from tests.waiting import PATIENCE_S


@pytest.fixture
def cube(session: Session) -> cubefeed.Connection:
    return cubefeed.connect(state=session.living.landing.parent / "state")


def test_an_answer_is_a_frame_with_true_types_and_what_is_wrong_with_it(cube: cubefeed.Connection) -> None:
    frame = cube.query("Quantity.SUM", "Quantity.MEAN", by=["Date", "Product"])
    assert frame.to_dict("list") == {
        "Date": [pd.Timestamp("2021-05-01"), pd.Timestamp("2021-05-02")],
        "Product": ["phone", "phone"],
        "Quantity.SUM": [10, 7],
        "Quantity.MEAN": [5.0, 7.0],
    }
    assert frame["Date"].dtype.kind == "M" and frame["Quantity.SUM"].dtype == pd.Int64Dtype()
    assert isinstance(frame["Product"].dtype, pd.ArrowDtype) and frame["Quantity.MEAN"].dtype == "float64"
    assert frame.attrs["caveats"][0]["kind"] == "refused" and frame.attrs["as_of"]["commit"] > 0
    shown = frame._repr_html_()
    assert "<li>sales: 1 file is refused" in shown and "<table" in shown
    indexed = cube.query("Quantity.SUM", by="Date", index=True)
    assert list(indexed.index.names) == ["Date"] and list(indexed.columns) == ["Quantity.SUM"]


def test_questions_have_all_parameters_of_the_command(cube: cubefeed.Connection) -> None:
    asked = cube.query(
        "Quantity.SUM", by=["Date", "ID"], where="Date>=2021-05-01", having="Quantity.SUM>1", sort="-Quantity.SUM",
        top=2, others=True, totals=True, to="polars",
    )  # fmt: skip
    assert asked.schema["Date"] == pl.Date and "is_others" in asked.columns
    table = cube.query("Quantity.SUM", by="ID", limit=1, offset=1, to="arrow")
    assert table.to_pydict() == {"ID": [2], "Quantity.SUM": [6]}
    assert cube.query("Quantity.SUM", by="ID", where="Date=1999-01-01").empty
    with pytest.raises(QueryError, match=r"did you mean Quantity\.SUM"):
        cube.query("Quantity.SUN")


def test_rows_files_findings_and_days_are_frames(cube: cubefeed.Connection) -> None:
    rows = cube.rows("Date=2021-05-02")
    assert list(rows["Quantity"]) == [7] and list(rows["Source.File"]) == ["b.csv"]
    files = cube.files()
    assert sorted(files["file"]) == ["a.csv", "b.csv", "bad.csv"] and files["detected_utc"].dtype.kind == "M"
    assert list(cube.files(state="quarantined")["file"]) == ["bad.csv"]
    findings = cube.findings()
    assert list(findings["file"]) == ["bad.csv"] and list(findings["line"]) == [2]
    assert cube.findings("a.csv").empty
    days = cube.days()
    assert {"2021-05-01", "2021-05-02"} <= set(days["day"])
    assert cube.status()["datasets"]["sales"]["rows"] == 3
    assert cube.wait_for(day=date(2021, 5, 2), timeout_s=PATIENCE_S)["state"] == "arrived"
    with pytest.raises(TooSlow, match="has not come within 0 s"):
        cube.wait_for(day="2035-05-02", timeout_s=0)


def test_the_python_of_the_documents_runs_as_it_stands_there(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUBEFEED_STATE", str(session.living.landing.parent / "state"))
    session.living.put("sales_2021-05-02.csv", sales(1, start=40, day="2021-05-02"))
    session.living.wait_for_state("sales_2021-05-02.csv", "loaded")
    exec("".join(block.text for block in blocks(ASKING, "python") if block.note != "recipe"))
    assert "bad.csv" in capsys.readouterr().out


def test_the_sample_notebook_runs_from_its_first_cell_to_its_last(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBEFEED_STATE", str(session.living.landing.parent / "state"))
    cells = json.loads((ROOT / "data" / "sales.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert isinstance(names["sales"], pd.DataFrame) and names["sales"]["Quantity.SUM"].sum() == 17


def test_what_can_be_asked_is_completed_and_described(cube: cubefeed.Connection) -> None:
    sales_of = cube.schema.sales
    assert "Date_Month" in dir(sales_of.levels) and "sales" in dir(cube.schema)
    assert sales_of.levels.Date_Month == "Date.Month" and sales_of.levels["Date.Month"].doc == "the month of Date"
    assert sales_of.measures["Quantity.SUM"].type == "integer" and sales_of.day == "Date"
    assert len(cube.query(sales_of.measures.Quantity_SUM, by=[sales_of.levels.Date_Month])) == 1
    assert "the month of Date" in sales_of.levels._repr_html_()
    with pytest.raises(AttributeError, match="there are ID, Date"):
        _ = sales_of.levels.Nothing
    assert "sales" in repr(cube) and "<td>sales</td>" in cube._repr_html_()


def test_files_are_unloaded_and_loaded_from_the_computer_of_the_session_alone(
    cube: cubefeed.Connection, session: Session
) -> None:
    assert cube.unload("a.csv", dry_run=True)["files"] and cube.query("Quantity.SUM")["Quantity.SUM"][0] == 17
    cube.unload("a.csv")
    assert cube.query("Quantity.SUM")["Quantity.SUM"][0] == 7
    cube.load("a.csv")
    assert cube.reload("b.csv")["file_count"] == 1 and cube.query("Quantity.SUM")["Quantity.SUM"][0] == 17
    assert cube.report("2021-05-02")["day"] == "2021-05-02"
    elsewhere = cubefeed.connect(url=session.url)
    assert elsewhere.query("Quantity.SUM")["Quantity.SUM"][0] == 17
    with pytest.raises(RequestFailed, match="connect there"):
        elsewhere.load("a.csv")


def test_commits_are_told_as_they_happen(cube: cubefeed.Connection, session: Session) -> None:
    as_of = cube.query("Quantity.SUM").attrs["as_of"]["commit"]
    assert [next(cube.changes(after=0)).number, as_of] == [1, session.living.feed.ledger.last_batch()]
    heard: list[Commit] = []
    waiting = cube.changes(after=as_of)
    thread = threading.Thread(target=lambda: heard.append(next(waiting)))
    thread.start()
    session.living.put("c.csv", sales(3, 4, start=30, day="2021-05-03"))
    thread.join(PATIENCE_S)
    (commit,) = heard
    assert (commit.datasets, commit.files, commit.rows, commit.skipped) == (("sales",), 1, 2, ())
    assert commit.number > as_of and commit.at.tzinfo is not None


def test_a_session_that_is_not_there_says_how_to_start_and_one_that_restarts_is_waited_for(
    quick: None, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with pytest.raises(NotRunning, match="cubefeed up"):
        cubefeed.connect(state=state)
    with pytest.raises(QueryError, match="give one of them"):
        cubefeed.connect(state=state, url="http://localhost:1")
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
        cube, hasty = cubefeed.connect(state=state), cubefeed.connect(state=state, patience_s=0)
        assert cube.query("Quantity.SUM")["Quantity.SUM"][0] == 4
    with pytest.raises(NotRunning):
        hasty.query("Quantity.SUM")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cube.query, "Quantity.SUM")
        with live(tmp_path, "native"):
            assert answer.result(PATIENCE_S)["Quantity.SUM"][0] == 4


class Away(SoundSource):
    """A session that opens again after its third commit, and has made two more meanwhile."""

    def __init__(self) -> None:
        self.asked = 0

    def model(self) -> tuple[()]:
        return ()

    def commits(self, after: int | None, most: int) -> tuple[int, list[CommitRow]]:
        self.asked += 1
        if self.asked in (3, 4):
            raise Starting("It is opening", next_step="ask again")
        last = 3 if self.asked < 5 else 5
        at = datetime(2021, 5, 1).astimezone().isoformat()
        return last, [CommitRow(number, "sales", 1, 10, at) for number in range((after or last) + 1, last + 1)]


@pytest.fixture
def away() -> Iterator[LiveServer]:
    api = Api(Away(), fail=lambda *_: None)  # type: ignore[arg-type]
    server = LiveServer(Starlette(routes=api.routes), host="127.0.0.1", port=0)
    server.start()
    yield server
    server.stop()
    api.close()


def test_after_a_gap_one_event_names_the_commits_that_were_skipped(away: LiveServer) -> None:
    heard = cubefeed.connect(url=away.url).changes(after=2)
    assert [(each.number, each.rows, each.skipped) for each in (next(heard), next(heard))] == [
        (3, 10, ()),
        (5, 20, (4,)),
    ]
