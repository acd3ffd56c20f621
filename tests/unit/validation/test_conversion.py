"""Values of one type become values of another, or have no place there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from flows.model.formats import CellText
from flows.validation.conversion import convert

NOON = datetime(2021, 5, 1, 12)  # noqa: DTZ001 - the files' times have no zone
MIDNIGHT = datetime(2021, 5, 1)  # noqa: DTZ001
FINE = datetime(2021, 5, 1, 12, 0, 0, 5)  # noqa: DTZ001
DAY = date(2021, 5, 1)

CASES: list[tuple[str, list[Any], dy.Column, list[Any]]] = [
    ("wider integers", [1, -1], dy.Int64(), [1, -1]),
    ("integers that do not fit", [300, 1], dy.Int8(), [None, 1]),
    ("integers as floats", [7], dy.Float64(), [7.0]),
    ("floats as integers", [7.0, 1.5], dy.Int64(), [7, None]),
    ("floats beyond integers", [1e300, 2.0], dy.Int64(), [None, 2]),
    ("floats beyond small ones", [1e300, 0.5], dy.Float32(), [None, 0.5]),
    ("integers as text", [7], dy.String(), ["7"]),
    ("floats as text", [1.5], dy.String(), ["1.5"]),
    ("days as text", [DAY], dy.String(), ["2021-05-01"]),
    ("moments as text", [FINE, NOON], dy.String(), ["2021-05-01 12:00:00.000005", "2021-05-01 12:00:00"]),
    ("text as integers", ["7", "007", "x"], dy.Int64(), [7, None, None]),
    ("text as days", ["01.05.21", "2021-05-01"], dy.Date(), [DAY, None]),
    ("text as truth", ["yes", "maybe"], dy.Bool(), [True, None]),
    ("truth as text", [True], dy.String(), ["yes"]),
    ("days as moments", [DAY], dy.Datetime(), [MIDNIGHT]),
    ("moments as days", [MIDNIGHT, NOON], dy.Date(), [DAY, None]),
    ("coarser moments", [FINE, NOON], dy.Datetime(time_unit="ms"), [None, NOON]),
    ("days as numbers", [DAY], dy.Int64(), [None]),
    ("nothing", [None, 1], dy.String(), [None, "1"]),
    ("integers as decimals", [7, 10**9], dy.Decimal(5, 2), [Decimal(7), None]),
    (
        "floats as decimals",
        [0.1, 1e-7, 1e22, 1.005, inf],
        dy.Decimal(30, 7),
        [
            Decimal("0.1"),
            Decimal("1E-7"),
            Decimal(10**22),
            Decimal("1.005"),
            None,
        ],
    ),
    ("floats with too many digits for decimals", [1.005, 1.0], dy.Decimal(4, 2), [None, Decimal(1)]),
    ("text as decimals", ["1.50", "1.505", "x"], dy.Decimal(4, 2), [Decimal("1.5"), None, None]),
    ("decimals as text", [Decimal("1.50"), Decimal("0.00")], dy.String(), ["1.50", "0.00"]),
    ("decimals as floats", [Decimal("1.50")], dy.Float64(), [1.5]),
    ("decimals as integers", [Decimal("7.00"), Decimal("1.50")], dy.Int64(), [7, None]),
    ("decimals of more digits", [Decimal("1.5")], dy.Decimal(38, 10), [Decimal("1.5")]),
    (
        "decimals of fewer digits",
        [Decimal("1.50"), Decimal("1.55"), Decimal(12)],
        dy.Decimal(2, 1),
        [
            Decimal("1.5"),
            None,
            None,
        ],
    ),
    (
        "times of a clock as moments",
        [
            NOON,
            datetime(2024, 10, 27, 2, 30),  # noqa: DTZ001
            datetime(2024, 3, 31, 2, 30),  # noqa: DTZ001
        ],
        dy.Datetime(time_zone="Europe/Berlin"),
        [datetime(2021, 5, 1, 10, tzinfo=UTC), None, None],
    ),
    ("moments as times of a clock", [datetime(2021, 5, 1, 10, tzinfo=UTC)], dy.Datetime(), [None]),
    (
        "moments in another zone",
        [datetime(2021, 5, 1, 10, tzinfo=UTC)],
        dy.Datetime(time_zone="Asia/Tokyo"),
        [
            datetime(2021, 5, 1, 10, tzinfo=UTC),
        ],
    ),
    (
        "moments with too many digits",
        [datetime(2021, 5, 1, 10, 0, 0, 5, tzinfo=UTC)],
        dy.Datetime(
            time_zone="UTC",
            time_unit="ms",
        ),
        [None],
    ),
    ("moments as text", [datetime(2021, 5, 1, 10, tzinfo=UTC)], dy.String(), ["2021-05-01T10:00:00+00:00"]),
    ("moments as days", [datetime(2021, 5, 1, 10, tzinfo=UTC)], dy.Date(), [None]),
    ("text as one of a set", ["web", "Web", None], dy.Enum(["shop", "web"]), ["web", None, None]),
    ("integers as one of a set", [1, 2], dy.Enum(["1"]), ["1", None]),
    ("days as few texts", [DAY], dy.Categorical(), ["2021-05-01"]),
    ("decimals as days", [Decimal("1.5")], dy.Date(), [None]),
]


@pytest.mark.parametrize(
    ("values", "column", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_value_becomes_another_or_none(values: list[Any], column: dy.Column, expected: list[Any]) -> None:
    cells = CellText(date_format="%d.%m.%y", datetime_format="%d.%m.%y", true=("yes",), false=("no",))
    found = convert(pl.Series("X", values), column, cells)
    assert found.to_list() == expected
    assert found.dtype == column.dtype
