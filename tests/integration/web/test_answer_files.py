"""Answers as files for other programs: each value in its own type, in each form."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from flows.errors import QueryError
from flows.text.escape import spreadsheet
from flows.web import conditions
from flows.web.conditions import parse_where
from flows.web.csv_text import marked
from flows.web.etags import etag
from flows.web.forms import MEDIA_TYPES, Form, accepted
from flows.web.workbook import SHEET_ROWS, require_sheet
from tests.cube_rows import rows_of
from tests.integration.web.running_session import Session
from tests.integration.web.served_cube import CLOCK, NOON, TRADES, ServedCube, served_trades

ALL = "&".join(f"by={level.name}" for level in TRADES.column_levels) + "&measure=Amount.SUM&measure=Pieces.SUM"
AMOUNT = Decimal("12345678901234567.89")


@pytest.fixture(scope="module")
def trades() -> Iterator[ServedCube]:
    with served_trades() as served:
        yield served


def test_an_arrow_stream_has_every_value_in_its_own_type(trades: ServedCube) -> None:
    answer = trades.get(f"/api/query?{ALL}&format=arrow")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPES[Form.arrow] and answer.headers["X-Total-Count"] == "3"
    table = pa.ipc.open_stream(answer.content).read_all()
    assert {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)} == {
        "Key": "int64", "Name": "large_string", "Day": "date32[day]", "At": "timestamp[us, tz=Europe/Berlin]",
        "Clock": "timestamp[us]", "Sound": "bool", "Amount.SUM": "decimal128(38, 2)", "Pieces.SUM": "int64",
    }  # fmt: skip
    facts = json.loads(table.schema.metadata[b"cubefeed"])
    assert facts["count"] == 3 and facts["dataset"] == "trades"
    assert facts["measures"]["Amount.SUM"] == {"kind": "decimal", "format": "€ {:,.2f}"}
    first, _, last = table.to_pylist()
    assert first == {
        "Key": 1, "Name": "=1+1", "Day": date(2021, 5, 1), "At": NOON.astimezone(ZoneInfo("Europe/Berlin")),
        "Clock": CLOCK, "Sound": True, "Amount.SUM": AMOUNT, "Pieces.SUM": 7,
    }  # fmt: skip
    assert set(last.values()) == {3, None}


def test_an_empty_answer_has_its_columns(trades: ServedCube) -> None:
    answer = trades.get("/api/query?measure=Amount.SUM&by=Day.Month&where=Key=9&format=arrow")
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows == 0 and [str(kind) for kind in table.schema.types] == ["large_string", "decimal128(38, 2)"]


def test_the_form_is_that_of_the_parameter_and_else_of_the_header(trades: ServedCube) -> None:
    asked = "/api/query?measure=Amount.SUM"
    assert trades.get(asked, Accept=MEDIA_TYPES[Form.arrow]).headers["content-type"] == MEDIA_TYPES[Form.arrow]
    assert trades.get(f"{asked}&format=json", Accept=MEDIA_TYPES[Form.arrow]).json()["count"] == 1
    refused = trades.get(f"{asked}&format=xml").json()
    assert refused["field"] == "format" and "arrow" in refused["allowed"] and refused["got"] == "xml"


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", Form.json), ("*/*", Form.json), ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Form.json),
        (MEDIA_TYPES[Form.arrow], Form.arrow), ("Text/CSV ; q=0.5, application/json;q=0.4", Form.csv),
        ("text/csv;q=0.4,application/json", Form.json), ("text/csv;q=0", Form.json), ("text/csv;q=x", Form.json),
    ],
)  # fmt: skip
def test_a_header_names_the_form_by_its_weights(header: str, form: Form) -> None:
    assert accepted(header) is form


def test_a_csv_has_every_digit_and_marks_what_would_be_computed(trades: ServedCube) -> None:
    answer = trades.get(f"/api/query?{ALL}&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="trades.csv"'
    assert answer.text == (
        "Key,Name,Day,At,Clock,Sound,Amount.SUM,Pieces.SUM\n"
        "1,'=1+1,2021-05-01,2021-05-01T14:00:00+02:00,2021-05-01T12:00:00,true,12345678901234567.89,7\n"
        '2,"Zoë, ""quoted""\nsecond line",1899-12-30,2021-05-01T14:00:00+02:00,,false,-3.50,\n'
        "3,,,,,,,\n"
    )


def test_cells_of_columns_are_marked_as_single_cells_are() -> None:
    texts = ["=1", "-3", "-3 apples", " =1", '"=1', "a;=1", "a;;+1", "1e5", "+1E5", "@x", "＝1", "plain", "", ";=;-"]
    found = pl.DataFrame({"text": texts}).select(marked(pl.col("text")))["text"].to_list()
    assert found == [spreadsheet(text) for text in texts]


def test_a_parquet_file_is_that_of_the_arrow_stream(trades: ServedCube) -> None:
    answer = trades.get(f"/api/query?{ALL}&format=parquet")
    stream = pa.ipc.open_stream(trades.get(f"/api/query?{ALL}&format=arrow").content).read_all()
    assert pq.read_table(io.BytesIO(answer.content)).equals(stream)
    assert pl.read_parquet(io.BytesIO(answer.content))["Amount.SUM"][0] == AMOUNT


def test_a_workbook_has_types_formats_and_says_what_is_text(trades: ServedCube) -> None:
    answer = trades.get(f"/api/query?{ALL}&measure=Share.MEAN&format=xlsx")
    book = CalamineWorkbook.from_object(io.BytesIO(answer.content))
    assert book.sheet_names == ["trades", "Notes"]
    header, first, second, third = book.get_sheet_by_name("trades").to_python()
    assert header[:3] == ["Key", "Name", "Day"] and len(header) == 9
    clock = datetime.fromisoformat("2021-05-01T14:00:00")
    assert first == [1, "=1+1", date(2021, 5, 1), clock, CLOCK, True, str(AMOUNT), 7, 0.25]
    assert second[2] == "1899-12-30" and second[6] == -3.5 and second[7:] == ["", -1.5]
    assert third == [3, *[""] * 8]
    notes = "\n".join(str(row[0]) for row in book.get_sheet_by_name("Notes").to_python())
    assert "Amount.SUM: numbers of more than 15 digits are text" in notes and "Europe/Berlin" in notes
    assert "days before 1900-03-01 are text" in notes
    with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
        sheet, styles = (parts.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "styles"))
    assert "<f>" not in sheet and '<autoFilter ref="A1:I4"/>' in sheet and 'state="frozen"' in sheet
    assert all(form in styles for form in ("yyyy-mm-dd", "#,##0.00", "0.0%"))


def test_what_no_sheet_holds_is_refused_with_what_holds_it() -> None:
    with pytest.raises(QueryError, match="CSV or Parquet"):
        require_sheet(SHEET_ROWS + 1, pl.DataFrame())
    with pytest.raises(QueryError, match="so long a text"):
        require_sheet(1, pl.DataFrame({"Name": ["x" * 40_000]}))
    require_sheet(SHEET_ROWS, pl.DataFrame({"Name": ["x" * 32_767]}))


def test_who_asks_again_is_told_that_nothing_has_changed_without_asking_the_engine() -> None:
    with served_trades() as served:
        path = "/api/query?measure=Pieces.SUM&by=Key&where=Day>=2021-01-01"
        first = served.get(path)
        tag, asked = first.headers["ETag"], served.asked
        for known in (tag, f"W/{tag}", f'"x", {tag}'):
            again = served.get(path, **{"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["ETag"], served.asked) == (304, b"", tag, asked)
        others = (f"{path}&format=csv", f"{path}&limit=9", path.replace("2021", "2020"), f"{path}&sort=Pieces.SUM")
        assert len({tag, *(served.get(each).headers["ETag"] for each in others)}) == 5
        served.load(TRADES, rows_of(TRADES, [(4, "new", *[None] * 7)]))
        changed = served.get(path, **{"If-None-Match": tag})
        assert changed.status_code == 200 and changed.headers["ETag"] != tag


def test_days_that_are_named_from_today_have_another_tag_on_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {etag("state", parse_where(TRADES, ["Day = last 7 days"]), Form.json)}
    monkeypatch.setattr(conditions, "datetime", Tomorrow)
    assert etag("state", parse_where(TRADES, ["Day = last 7 days"]), Form.json) not in tags
    assert etag(None, TRADES) is None


class Tomorrow(datetime):
    """A clock that is a day ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(days=1)


def test_the_rows_behind_a_number_leave_as_files_with_where_they_are_from(session: Session) -> None:
    asked = "/api/rows?where=Date=2021-05-01"
    table = pa.ipc.open_stream(session.get(f"{asked}&format=arrow").content).read_all()
    sources = [row["source"] for row in session.get(asked).json()["rows"]]
    assert table.num_rows == len(sources) == 2 and table["Quantity"].to_pylist() == [4, 6]
    for column, name in (("File", "file"), ("Version", "version"), ("Line", "line"), ("Loaded_utc", "loaded_utc")):
        assert table[f"Source.{column}"].to_pylist() == [source[name] for source in sources]
    assert table["Source.Also_in"].to_pylist() == [None, None]
    page = session.get(f"{asked}&format=csv&limit=1&offset=1")
    assert (
        page.text.splitlines()[1].startswith("2,2021-05-01,phone,6,a.csv,,1,3,")
        and page.headers["X-Total-Count"] == "2"
    )
    refused = session.get(f"{asked}&format=csv&raw=true").json()
    assert refused["field"] == "raw" and session.get(f"{asked}&limit=100001").json()["field"] == "limit"
