"""The rows behind a number, down to the line of a file."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import QueryError
from flows.ingest.client import read
from flows.ingest.raw_lines import MOST_CHARS
from flows.model.formats import Csv, Excel, JsonLines, Parquet
from flows.model.policies import SkipRows
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = pytest.mark.usefixtures("quick")


@contextmanager
def living(root: Path, **options: Any) -> Iterator[LiveFeed]:
    with live(root, "polling", **options) as made:
        yield made


def asked(made: LiveFeed, *where: str, **others: object) -> dict[str, Any]:
    """What the read API answers."""
    parameters = [*(("where", each) for each in where), *((name, str(value)) for name, value in others.items())]
    answer: dict[str, Any] = read(
        StateDirectory(made.landing.parent / "state").require_owner(), "/api/rows", parameters
    )
    return answer


def raw_of(made: LiveFeed, **others: object) -> dict[int, tuple[str | None, str | None]]:
    """ID → what stands in its file, or why that is not known."""
    rows = asked(made, raw="true", **others)["rows"]
    return {row["values"]["ID"]: (row["source"]["raw"], row["source"]["no_raw"]) for row in rows}


def raw_findings(made: LiveFeed, name: str) -> list[tuple[str | None, str | None]]:
    """What stands in a file at the lines of its findings, or why that is not known."""
    version = next(row.version for row in made.files() if row.file == name and row.findings)
    given = [("dataset", "sales"), ("version", str(version)), ("raw", "true")]
    found = read(StateDirectory(made.landing.parent / "state").require_owner(), "/api/findings", given)["findings"]
    return [(each["text"], each["no_text"]) for each in found]


def printed(made: LiveFeed, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["rows", *arguments, "--state", str(made.landing.parent / "state")])


def test_each_row_has_its_file_version_line_and_time(tmp_path: Path) -> None:
    with living(tmp_path) as made:
        made.put("a.csv", sales(4, 6))
        made.wait_for({1: 4, 2: 6})
        made.put("b.csv", sales(7, start=3, day="2021-05-02") + b"1,2021-05-02,watch,5\n")
        made.wait_for({1: 5, 2: 6, 3: 7})
        answer = asked(made, "Date=2021-05-02")
        assert (answer["dataset"], answer["count"], answer["offset"]) == ("sales", 2, 0)
        b = made.file("b.csv")
        assert b is not None
        source = {"file": "b.csv", "also_in": [], "version": b.version, "line": 2, "loaded_utc": b.loaded_utc}
        assert answer["rows"] == [
            {"values": {"ID": 3, "Date": "2021-05-02", "Product": "phone", "Quantity": 7}, "source": source},
            {
                "values": {"ID": 1, "Date": "2021-05-02", "Product": "watch", "Quantity": 5},
                "source": source | {"line": 3},
            },
        ]
        page = asked(made, limit=1, offset=1)
        assert [row["values"]["ID"] for row in page["rows"]] == [3] and page["count"] == 3
        with pytest.raises(QueryError, match="go on with offset"):
            asked(made, raw="true", limit=1001)


def test_a_renamed_file_and_one_that_is_there_twice_are_named_as_they_are_now(tmp_path: Path) -> None:
    with living(tmp_path) as made:
        made.put("a.csv", sales(4))
        made.wait_for({1: 4})
        made.put("copy.csv", sales(4))
        made.wait_for_state("copy.csv", "loaded")
        (row,) = asked(made)["rows"]
        assert (row["source"]["file"], row["source"]["also_in"]) == ("a.csv", ["copy.csv"])
        (made.landing / "a.csv").unlink()
        (made.landing / "copy.csv").rename(made.landing / "new.csv")
        made.wait_for_state("new.csv", "loaded")
        made.wait_until(lambda: (row := made.file("a.csv")) is None or not row.present)
        assert raw_of(made) == {1: ("1,2021-05-01,phone,4", None)}


def test_a_row_is_shown_as_it_stands_in_its_file(tmp_path: Path) -> None:
    form = Csv(multiline=True, encoding="cp1252")
    with living(tmp_path, format=form, pattern="*.csv*") as made:
        body = 'ID,Date,Product,Quantity\r\n1,2021-05-01,"Hörer, ""neu""\nblau",4\r\n2,2021-05-01,phone,6'
        made.put("a.csv.gz", gzip.compress(body.encode("cp1252")))
        made.wait_for({1: 4, 2: 6})
        assert raw_of(made) == {
            1: ('1,2021-05-01,"Hörer, ""neu""\nblau",4', None), 2: ("2,2021-05-01,phone,6", None),
        }  # fmt: skip
        found = printed(made, "--raw", "--where", "ID=1")
        assert '"Hörer, ""neu""\\nblau",4' in found.stdout and "1 to 1 of 1 row\n" in found.stderr


def workbook(write: Callable[[pl.DataFrame, io.BytesIO], object]) -> bytes:
    to = io.BytesIO()
    rows = {"ID": [1, 2], "Date": [date(2021, 5, 1)] * 2, "Product": ["phone"] * 2, "Quantity": [4, 6]}
    write(pl.DataFrame(rows).cast({"ID": pl.Int32}), to)
    return to.getvalue()


@pytest.mark.parametrize(
    ("form", "body", "line", "second"),
    [
        (JsonLines(), b'\xef\xbb\xbf{"ID":1,"Date":"2021-05-01","Product":"phone","Quantity":4}\n'
                      b'{"ID":2, "Date":"2021-05-01","Product":"phone","Quantity":6}\n',
         2, '{"ID":2, "Date":"2021-05-01","Product":"phone","Quantity":6}'),
        (Excel(), workbook(lambda rows, to: rows.write_excel(to)), 3,
         'sheet Sheet1, row 3: {"ID": 2, "Date": "2021-05-01", "Product": "phone", "Quantity": 6}'),
        (Parquet(), workbook(lambda rows, to: rows.write_parquet(to)), 2,
         'row 2: {"ID": 2, "Date": "2021-05-01", "Product": "phone", "Quantity": 6}'),
    ],
    ids=["jsonl", "xlsx", "parquet"],
)  # fmt: skip
def test_rows_of_other_formats_are_shown_too(tmp_path: Path, form: Any, body: bytes, line: int, second: str) -> None:
    with living(tmp_path, format=form, pattern=form.pattern) as made:
        made.put(form.pattern.replace("*", "a"), body)
        made.wait_for({1: 4, 2: 6})
        (row,) = asked(made, "ID=2", raw="true")["rows"]
        assert (row["source"]["line"], row["source"]["raw"]) == (line, second)


def test_what_is_not_there_any_more_is_said_to_be_gone(tmp_path: Path) -> None:
    with living(tmp_path, bad_rows=SkipRows(up_to=0.0)) as made:
        made.put("a.csv", sales(4))
        made.put("b.csv", sales(6, start=2))
        made.wait_for({1: 4, 2: 6})
        (made.landing / "a.csv").unlink()
        made.put("b.csv", sales(-1, start=2))
        made.wait_for_state("b.csv", "quarantined")
        assert raw_of(made) == {
            1: (None, "gone: no path shows the file any more"),
            2: (None, "gone: the file has other bytes now"),
        }
        found = printed(made, "--raw", "--format", "csv")
        assert "gone: the file has other bytes now" in found.stdout and found.exit_code == 0


def test_what_was_refused_is_shown_too_from_its_file_or_from_the_quarantine(tmp_path: Path) -> None:
    state = ["--state", str(tmp_path / "state"), "--format", "json"]

    def texts() -> list[tuple[Any, Any]]:
        found = CliRunner().invoke(app, ["findings", "--raw", *state])
        assert found.exit_code == 0, found.output
        return [(row["text"], row["no_text"]) for row in json.loads(found.stdout)]

    with living(tmp_path) as made:
        file = made.put("a.csv", sales(4) + b"2,2021-05-01,phone,\xff\n")
        made.wait_for_state("a.csv", "quarantined")
        assert texts() == [(r"2,2021-05-01,phone,\xff", None)]
        made.put("a.csv", sales(4, -5))
        made.wait_until(lambda: texts() == [("2,2021-05-01,phone,-5", None)])
        file.unlink()
        made.wait_until(lambda: (row := made.file("a.csv")) is not None and not row.present)
        assert raw_findings(made, "a.csv") == [("2,2021-05-01,phone,-5", None)]


def test_refused_rows_of_a_file_that_is_loaded_are_gone_with_it(tmp_path: Path) -> None:
    with living(tmp_path, bad_rows=SkipRows(up_to=0.5)) as made:
        file = made.put("a.csv", sales(4, -5))
        made.wait_for({1: 4})
        assert raw_findings(made, "a.csv") == [("2,2021-05-01,phone,-5", None)]
        file.unlink()
        assert raw_findings(made, "a.csv") == [(None, "gone: no path shows the file any more")]


def test_a_row_that_is_longer_than_people_read_is_left_out(tmp_path: Path) -> None:
    with living(tmp_path) as made:
        made.put("a.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,%s,4\n" % (b"x" * MOST_CHARS))
        made.wait_for({1: 4})
        text, why = raw_of(made)[1]
        assert text is None and why is not None and "65,551 characters" in why


def test_the_command_says_how_many_rows_there_are_and_how_to_go_on(tmp_path: Path) -> None:
    with living(tmp_path) as made:
        made.put("a.csv", sales(4, 6, 7))
        made.wait_for({1: 4, 2: 6, 3: 7})
        found = printed(made, "--where", "Product=phone", "--limit", "2")
        assert "1 to 2 of 3 rows; go on with --offset 2\n" in found.stderr
        assert "a.csv" in found.stdout and "Source.Line" in found.stdout and "Also_in" not in found.stdout
        whole = json.loads(printed(made, "--format", "json").stdout)
        assert whole == asked(made, limit=100, envelope="true")
        assert "none of 0 rows" in printed(made, "--where", "ID=9").stderr
        ask(made, "unload", "a.csv")
        assert asked(made)["count"] == 0
