"""Moments of a time zone: how they are read, refused, asked for and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from flows.errors import DeclarationError, QueryError
from flows.model.condition_values import parse_value
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.model.types import MOMENT
from flows.validation.casts import cast_rows

BERLIN = "Europe/Berlin"
_UNITS = ("minutes", "seconds", "microseconds")
OFFSETS = "%Y-%m-%dT%H:%M:%S%z"


def declare(zone: str | None = BERLIN, unit: Any = "us", **options: Any) -> Dataset:
    column = dy.Datetime(time_zone=zone, time_unit=unit, nullable=True)
    return Dataset(type("Sensor", (dy.Schema,), {"At": column}), "landing", format=Csv(**options))


def read(dataset: Dataset, *cells: str) -> list[datetime | None]:
    text = pl.DataFrame({"At": cells, FILE: 0, LINE: range(len(cells))})
    typed = cast_rows(dataset.schema, dataset.first_format.cells, text).frame.select("At")
    assert typed.schema["At"] == dataset.schema.columns()["At"].dtype
    kept = dataset.kept(typed)
    assert kept.schema["At"] == dataset.no_rows.schema["At"]
    return kept["At"].to_list()


def utc(*at: int) -> datetime:
    year, month, day, hour, *rest = at
    return datetime(year, month, day, hour, tzinfo=UTC) + timedelta(**dict(zip(_UNITS, rest, strict=False)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-10-27T02:30:00+02:00", utc(2024, 10, 27, 0, 30)),
        ("2024-10-27T02:30:00+0100", utc(2024, 10, 27, 1, 30)),
        ("2024-10-27T02:30:00+01", utc(2024, 10, 27, 1, 30)),
        ("2024-10-27T02:30:00Z", utc(2024, 10, 27, 2, 30)),
        ("2024-10-27T02:30:00-09:30", utc(2024, 10, 27, 12, 0)),
        ("2024-03-31T02:30:00+05:45", utc(2024, 3, 30, 20, 45)),
        *((text, None) for text in (
            "2024-10-27T02:30:00", "2024-10-27T02:30:00 +01:00", "2024-10-27T02:30:00+24:00", "2024-10-27T02:30:00+1",
            "2024-10-27T02:30:00+01:60", "2024-10-27T02:30:00z", "2024-1-27T02:30:00Z", "Z",
            "9999-12-31T23:30:00-05:00",
            "0001-01-01T00:00:00+01:00", "2024-10-27T02:30:00Z+01:00",
        )),
    ],
)  # fmt: skip
def test_an_offset_says_which_moment_it_is(text: str, moment: datetime | None) -> None:
    assert read(declare(datetime_format=OFFSETS), text) == [moment]


def test_a_local_time_is_that_of_the_declared_zone() -> None:
    times = ("2024-06-01 12:00:00", "2024-01-01 12:00:00", "2024-6-1 12:00:00")
    assert read(declare(), *times) == [utc(2024, 6, 1, 10), utc(2024, 1, 1, 11), None]
    assert read(declare("Asia/Kathmandu"), times[0]) == [utc(2024, 6, 1, 6, 15)]


@pytest.mark.parametrize(("side", "moment"), [(None, None), ("earliest", (0, 30)), ("latest", (1, 30))])
def test_a_time_that_clocks_show_twice_is_refused_unless_a_side_is_declared(
    side: str | None, moment: tuple[int, int] | None
) -> None:
    expected = None if moment is None else utc(2024, 10, 27, *moment)
    assert read(declare(ambiguous=side), "2024-10-27 02:30:00") == [expected]


@pytest.mark.parametrize("side", [None, "earliest", "latest"])
def test_a_time_that_clocks_never_show_is_refused(side: str | None) -> None:
    assert read(declare(ambiguous=side), "2024-03-31 02:30:00", "2024-03-31 03:00:00") == [None, utc(2024, 3, 31, 1)]


def test_milliseconds_are_kept_where_they_are_declared() -> None:
    dataset = declare(unit="ms", datetime_format="%Y-%m-%d %H:%M:%S.%3f%z")
    assert read(dataset, "2024-06-01 12:00:00.250+02:00") == [utc(2024, 6, 1, 10, 0, 0, 250_000)]


def test_what_is_expected_is_said() -> None:
    column = declare().schema.columns()["At"]
    kind = MOMENT.in_zone(BERLIN)
    assert kind.expected(column, Csv().cells).endswith("that clocks in Europe/Berlin show once")
    assert kind.expected(column, Csv(ambiguous="latest").cells).endswith("that clocks in Europe/Berlin show")
    assert kind.expected(column, Csv(datetime_format=OFFSETS).cells).endswith("%z is Z or an offset such as +01:00")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "ns"}, r"Datetime\(time_unit=\"us\"\), since no engine keeps nanoseconds"),
        ({"unit": "ns", "zone": None}, "since no engine keeps nanoseconds"),
        ({"zone": "*"}, "such as Europe/Berlin"),
        ({"zone": None, "datetime_format": OFFSETS}, "without %z, or Datetime columns with a time_zone"),
        ({"datetime_format": "%z %Y-%m-%d %H:%M:%S"}, "with %z at its end"),
        ({"ambiguous": "first"}, "earliest, latest or None"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_the_start(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        declare(**options)


def test_a_condition_has_an_offset_or_is_a_time_that_clocks_show_once() -> None:
    level = declare().table.level("At")
    assert parse_value(level, "2024-10-27T02:30:00+01:00") == utc(2024, 10, 27, 1, 30)
    assert parse_value(level, "2024-06-01 12:00:00") == utc(2024, 6, 1, 10)
    for text in ("2024-10-27 02:30:00", "2024-03-31 02:30:00", "x"):
        with pytest.raises(QueryError, match="moment with its offset"):
            parse_value(level, text)


def test_a_moment_is_shown_as_clocks_of_its_zone_show_it() -> None:
    kind, moments = MOMENT.in_zone(BERLIN), [utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 30, 0, 5), None]
    values = pl.DataFrame({"At": moments}, schema={"At": kind.frame})
    shown = ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00.000005+01:00", None]
    assert values.select(kind.json(pl.col("At")))["At"].to_list() == shown
    assert kind.text(values["At"], Csv().cells).to_list() == shown
    assert [kind.words(each) for each in moments] == [*shown[:2], "None"]


def test_an_offset_with_seconds_is_shown_with_them_so_that_the_moment_is_found_again() -> None:
    kind, moment = MOMENT.in_zone(BERLIN), utc(1880, 1, 1, 12)
    shown = pl.DataFrame({"At": [moment]}, schema={"At": kind.frame}).select(kind.json(pl.col("At"))).item()
    assert shown == "1880-01-01T12:53:28+00:53:28"
    assert kind.parse(shown) == moment


def test_what_a_function_has_made_is_written_as_files_have_it() -> None:
    summer = datetime(2024, 6, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    kind = MOMENT.in_zone(BERLIN)
    assert kind.write(summer, Csv(datetime_format=OFFSETS).cells) == "2024-06-01T12:00:00+0500"
    assert kind.write(summer, Csv().cells) == "2024-06-01 09:00:00"
    assert kind.write(summer.replace(tzinfo=None), Csv(datetime_format=OFFSETS).cells) == "2024-06-01T12:00:00"
