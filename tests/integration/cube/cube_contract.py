"""What every engine has to do. An engine's test class inherits these tests and brings a fixture `cube`: an open cube
of MODEL without rows. Over the stand-in for Atoti they prove how its adapter asks, and not what Atoti's server answers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.cube.bounds import Bounds
from flows.cube.frames import fitting
from flows.cube.port import Cube, LiveSegment
from flows.errors import NobodyWaits, QueryError, TooManyRows, TooSlow
from flows.model.calendar_levels import Calendar
from flows.model.merge import ChangeSet, winners
from flows.model.query import Query
from flows.model.tables import LINE, Column, Table
from flows.model.types import BOOLEAN, DATE, DATETIME, DECIMAL, ENUM, FLOAT, INTEGER, MOMENT, STRING
from flows.model.types.base import Value
from tests.conditions import among
from tests.cube_rows import all_rows, rows_of, with_lines

SALES = Table(
    "sales",
    (Column("ID", INTEGER), Column("Date", DATE), Column("Product", STRING), Column("Quantity", INTEGER)),
    keys=("ID",),
)
NOTES = Table("notes", (Column("Text", STRING), Column("Amount", FLOAT, nullable=True)))
KINDS = Table(
    "kinds",
    (
        Column("Key", STRING),
        Column("Text", STRING, nullable=True),
        Column("Number", INTEGER, nullable=True),
        Column("Share", FLOAT, nullable=True),
        Column("Flag", BOOLEAN, nullable=True),
        Column("Day", DATE, nullable=True),
        Column("Moment", DATETIME, nullable=True),
    ),
    keys=("Key",),
)
STOCK = Table(
    "stock",
    (Column("Day", DATE), Column("Shop", STRING), Column("Pieces", INTEGER), Column("Price", FLOAT)),
    keys=("Day", "Shop"),
)
STATES = Table(
    "states",
    (Column("Sensor", INTEGER), Column("At", DATETIME, nullable=True), Column("State", STRING)),
    keys=("Sensor",),
    greatest="At",
)
ODD = Table(
    'l\'été "2021"',
    (Column("name", STRING), Column("Name", STRING), Column('Größe "cm"', INTEGER), Column("日本", STRING)),
    keys=("name",),
)
AMOUNTS = Table(
    "amounts",
    (
        Column("Price", DECIMAL.sized(10, 2)),
        Column("Text", STRING),
        Column("Amount", DECIMAL.sized(22, 2)),
        Column("Share", DECIMAL.sized(9, 8), nullable=True),
    ),
    keys=("Price",),
)
EVENTS = Table(
    "events",
    (
        Column("At", MOMENT.in_zone("Europe/Berlin")),
        Column("Seen", MOMENT.in_zone("UTC"), nullable=True),
        Column("Number", INTEGER),
    ),
    keys=("At",),
)
SIZES = replace(ENUM, members=("large", "edge", "less"))
TOTALS = Table("totals", (Column("Text", SIZES), Column("Units", DECIMAL.sized(38, 0)), Column("Number", INTEGER)))
FISCAL = Table(
    "fiscal",
    (Column("Day", DATE), Column("At", MOMENT.in_zone("America/New_York"), nullable=True), Column("Number", INTEGER)),
    calendar=Calendar(fiscal_start=4, first_weekday="Sunday"),
)
MODEL = (SALES, NOTES, KINDS, STOCK, STATES, ODD, AMOUNTS, EVENTS, TOTALS, FISCAL)

MAY_1, MAY_2, MAY_3 = date(2021, 5, 1), date(2021, 5, 2), date(2021, 5, 3)
DAYS = ((1, MAY_1, "phone", 4), (2, MAY_1, "watch", 6), (3, MAY_2, "phone", 7))


def put(cube: Cube, table: Table, *rows: tuple[Any, ...], version: int = 1, drop: Iterable[int] = ()) -> int:
    """Drop versions, then upsert rows."""
    return cube.apply(ChangeSet(table.name, frozenset(drop), rows_of(table, rows, version)))


def content(cube: Cube, table: Table) -> list[tuple[Any, ...]]:
    """The rows of a table with their version, sorted; checks the types and the count by the way."""
    rows = all_rows(cube, table.name)
    assert rows.schema == rows_of(table, []).schema
    assert rows.height == cube.row_count(table.name)
    return sorted(rows.drop(LINE).rows(), key=repr)


def with_version(rows: Iterable[tuple[Any, ...]], version: int = 1) -> list[tuple[Any, ...]]:
    return sorted(((*row, version) for row in rows), key=repr)


def assert_answer(found: pl.DataFrame, columns: Mapping[str, list[Any]], **types: Any) -> None:
    """The frame has exactly these columns, values and, where `types` says, types, in this order."""
    assert_frame_equal(found, pl.DataFrame(columns, schema_overrides=types, strict=False))


class CubeContract:
    """Inherit it and bring a fixture `cube`."""

    def test_rows_put_in_are_the_rows_read(self, cube: Cube) -> None:
        assert put(cube, SALES, *DAYS) == 3
        assert content(cube, SALES) == with_version(DAYS)

    def test_an_upsert_replaces_the_row_with_its_key_and_no_other(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        put(cube, SALES, (2, MAY_2, "cable", 9), (4, MAY_2, "cable", 1), version=2)
        assert content(cube, SALES) == sorted(
            [*with_version([DAYS[0], DAYS[2]]), (2, MAY_2, "cable", 9, 2), (4, MAY_2, "cable", 1, 2)], key=repr
        )

    def test_a_drop_takes_the_rows_of_its_versions_and_no_others(self, cube: Cube) -> None:
        for version, row in enumerate(DAYS, start=1):
            put(cube, SALES, row, version=version)
        assert put(cube, SALES, drop=[1, 3]) == 0
        assert content(cube, SALES) == with_version([DAYS[1]], version=2)

    def test_one_change_drops_a_version_and_puts_the_same_key_in_again(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        put(cube, SALES, (1, MAY_3, "phone", 8), version=2, drop=[1])
        assert content(cube, SALES) == [(1, MAY_3, "phone", 8, 2)]

    def test_a_dropped_version_may_come_again_under_its_number(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        put(cube, SALES, *DAYS[:2], drop=[1])
        assert content(cube, SALES) == with_version(DAYS[:2])

    def test_dropping_what_is_not_there_changes_nothing(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        put(cube, SALES, drop=[77])
        put(cube, SALES)
        assert content(cube, SALES) == with_version(DAYS)

    def test_a_table_without_keys_keeps_repeats(self, cube: Cube) -> None:
        put(cube, NOTES, ("same", 1.5), ("same", 1.5))
        put(cube, NOTES, ("same", 1.5), version=2)
        assert cube.row_count("notes") == 3
        put(cube, NOTES, drop=[1])
        assert content(cube, NOTES) == [("same", 1.5, 2)]

    def test_a_composite_key_is_one_key(self, cube: Cube) -> None:
        put(cube, STOCK, (MAY_1, "a", 1, 1.0), (MAY_1, "b", 2, 1.0), (MAY_2, "a", 3, 1.0))
        put(cube, STOCK, (MAY_1, "b", 20, 1.0), (MAY_2, "b", 4, 1.0), version=2)
        assert [row[2] for row in content(cube, STOCK)] == [1, 20, 3, 4]

    def test_keys_far_apart_and_keys_in_between_are_upserted_alike(self, cube: Cube) -> None:
        for version, key in enumerate((10, 1000, -5, 500, 10, 1000, 500, -5), start=1):
            put(cube, SALES, (key, MAY_1, "phone", version), version=version)
        assert {row[0]: row[3] for row in content(cube, SALES)} == {10: 5, 1000: 6, 500: 7, -5: 8}

    def test_nulls_stay_nulls_in_every_kind_of_column(self, cube: Cube) -> None:
        rows = [
            ("empty", None, None, None, None, None, None),
            ("zeros", "", 0, 0.0, False, date(1970, 1, 1), datetime(1970, 1, 1)),  # noqa: DTZ001  # columns have no zone
            ("text", "N/A", -1, -0.5, True, date(1969, 12, 31), datetime(2021, 5, 1, 23, 59, 59, 123456)),  # noqa: DTZ001
        ]
        put(cube, KINDS, *rows)
        assert content(cube, KINDS) == with_version(rows)

    def test_null_is_a_group_of_its_own_and_may_be_asked_for(self, cube: Cube) -> None:
        put(cube, KINDS, ("a", None, 1, *[None] * 4), ("b", "N/A", 2, *[None] * 4), ("c", "", 4, *[None] * 4))
        found = cube.query(Query("kinds", ("Number.SUM",), ("Text",)))
        assert_answer(found, {"Text": [None, "", "N/A"], "Number.SUM": [1, 4, 2]})
        for allowed, total in (([None], 1), (["N/A", None], 3), (["N/A"], 2), ([], None)):
            found = cube.query(Query("kinds", ("Number.SUM",), where=among({"Text": allowed})))
            assert_answer(found, {"Number.SUM": [total]}, **{"Number.SUM": pl.Int64})

    @pytest.mark.parametrize(
        ("level", "value"),
        [("Flag", True), ("Day", MAY_1), ("Moment", datetime(2021, 5, 1, 12)), ("Text", "x")],  # noqa: DTZ001
    )
    def test_every_kind_of_level_groups_and_filters(self, cube: Cube, level: str, value: Any) -> None:
        position = [c.name for c in KINDS.columns].index(level)
        put(cube, KINDS, *((key, *(value if i == position and key != "none" else None for i in range(1, 7)))
                           for key in ("one", "two", "none")))  # fmt: skip
        found = cube.query(Query("kinds", ("contributors.COUNT",), (level,)))
        assert_answer(found, {level: [None, value], "contributors.COUNT": [1, 2]}, **{level: found.schema[level]})
        assert found.schema[level] == KINDS.level(level).type.frame
        found = cube.query(Query("kinds", ("contributors.COUNT",), where=among({level: [value]})))
        assert found["contributors.COUNT"].item() == 2

    def test_measures_by_level(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        found = cube.query(Query("sales", ("Quantity.SUM", "Quantity.MEAN", "contributors.COUNT"), ("Date",)))
        assert_answer(
            found,
            {
                "Date": [MAY_1, MAY_2],
                "Quantity.SUM": [10, 7],
                "Quantity.MEAN": [5.0, 7.0],
                "contributors.COUNT": [2, 1],
            },
        )

    def test_levels_come_in_the_order_asked(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        found = cube.query(Query("sales", ("Quantity.SUM",), ("Product", "Date")))
        assert_answer(
            found,
            {"Product": ["phone", "phone", "watch"], "Date": [MAY_1, MAY_2, MAY_1], "Quantity.SUM": [4, 7, 6]},
        )

    def test_a_numeric_key_is_a_level(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        found = cube.query(Query("sales", ("Quantity.SUM",), ("ID",), where=among({"ID": [3, 1, 99]})))
        assert_answer(found, {"ID": [1, 3], "Quantity.SUM": [4, 7]})

    def test_where_takes_rows_that_match_all_levels(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        where: dict[str, list[Value]] = {"Date": [MAY_1, MAY_2], "Product": ["phone", "nothing"]}
        assert_answer(cube.query(Query("sales", ("Quantity.SUM",), where=among(where))), {"Quantity.SUM": [11]})
        where = {"Product": ["phone", None]}
        assert_answer(cube.query(Query("sales", ("Quantity.SUM",), where=among(where))), {"Quantity.SUM": [11]})

    def test_totals_are_rows_of_their_own(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        found = cube.query(Query("sales", ("Quantity.SUM", "contributors.COUNT"), ("Date", "Product"), totals=True))
        assert_answer(
            found,
            {
                "Date": [None, MAY_1, MAY_2, MAY_1, MAY_1, MAY_2],
                "Product": [None, None, None, "phone", "watch", "phone"],
                "Quantity.SUM": [17, 10, 7, 4, 6, 7],
                "contributors.COUNT": [3, 2, 1, 1, 1, 1],
                "total_depth": [0, 1, 1, 2, 2, 2],
            },
        )

    def test_a_total_is_told_from_a_null_member(self, cube: Cube) -> None:
        put(cube, KINDS, ("a", None, 1, *[None] * 4), ("b", "x", 2, *[None] * 4))
        found = cube.query(Query("kinds", ("Number.SUM",), ("Text",), totals=True))
        assert_answer(found, {"Text": [None, None, "x"], "Number.SUM": [3, 1, 2], "total_depth": [0, 1, 1]})

    def test_totals_without_levels_are_the_grand_total(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        found = cube.query(Query("sales", ("Quantity.SUM",), totals=True))
        assert_answer(found, {"Quantity.SUM": [17], "total_depth": [0]})

    @pytest.mark.parametrize("where", [{}, {"Product": ["nothing"]}, {"Product": []}, {"Product": [None]}])
    def test_without_rows_only_the_grand_total_of_a_query_without_levels_appears(
        self, cube: Cube, where: Mapping[str, Any]
    ) -> None:
        if where:
            put(cube, SALES, *DAYS)
        measures = ("Quantity.SUM", "Quantity.MEAN", "contributors.COUNT")
        types = {"Quantity.SUM": pl.Int64, "Quantity.MEAN": pl.Float64, "contributors.COUNT": pl.Int64}
        nothing: dict[str, list[Any]] = {name: [] for name in measures}
        one: dict[str, list[Any]] = {"Quantity.SUM": [None], "Quantity.MEAN": [None], "contributors.COUNT": [0]}
        assert_answer(cube.query(Query("sales", measures, where=among(where))), one, **types)
        found = cube.query(Query("sales", measures, ("Date",), where=among(where)))
        assert_answer(found, {"Date": [], **nothing}, Date=pl.Date, **types)
        found = cube.query(Query("sales", measures, ("Date",), where=among(where), totals=True))
        assert_answer(found, {"Date": [], **nothing, "total_depth": []}, Date=pl.Date, total_depth=pl.Int64, **types)

    def test_a_group_whose_values_are_all_null_appears(self, cube: Cube) -> None:
        put(cube, NOTES, ("none", None), ("some", 2.5), ("some", None))
        found = cube.query(Query("notes", ("Amount.SUM", "Amount.MEAN"), ("Text",)))
        assert_answer(found, {"Text": ["none", "some"], "Amount.SUM": [None, 2.5], "Amount.MEAN": [None, 2.5]})

    def test_values_are_counted_without_nulls(self, cube: Cube) -> None:
        put(cube, NOTES, ("none", None), ("some", 2.5), ("some", None))
        found = cube.query(
            Query("notes", ("Amount.COUNT", "contributors.COUNT"), ("Text",)), bounds=Bounds(within_s=60)
        )
        assert_answer(found, {"Text": ["none", "some"], "Amount.COUNT": [0, 1], "contributors.COUNT": [1, 2]})

    def test_an_answer_may_have_so_many_rows_and_totals_count(self, cube: Cube) -> None:
        put(cube, SALES, (1, MAY_1, "a", 1), (2, MAY_1, "b", 2), (3, MAY_2, "a", 3))
        query = Query("sales", ("Quantity.SUM",), ("Date", "Product"))
        for totals, rows in ((False, 3), (True, 6)):
            question = replace(query, totals=totals)
            whole = cube.query(question)
            assert_frame_equal(cube.query(question, bounds=Bounds(most_rows=rows)), whole)
            assert whole.height == rows
            with pytest.raises(TooManyRows, match=f"more than {rows - 1} rows"):
                cube.query(question, bounds=Bounds(most_rows=rows - 1))
        assert cube.query(Query("sales", ("Quantity.SUM",)), bounds=Bounds(most_rows=1)).height == 1

    def test_a_question_that_is_over_before_it_begins_is_not_begun(self, cube: Cube) -> None:
        left = Bounds()
        left.leave()
        for bounds, error in ((left, NobodyWaits), (Bounds(within_s=0.0), TooSlow)):
            with pytest.raises(error):
                cube.query(Query("sales", ("Quantity.SUM",)), bounds=bounds)

    def test_integers_beyond_floats_are_exact(self, cube: Cube) -> None:
        big = 2**53 + 1
        put(cube, SALES, (big, MAY_1, "a", big), (big + 1, MAY_1, "b", 2**62), (-(2**63), MAY_1, "c", 1))
        assert {row[0] for row in content(cube, SALES)} == {big, big + 1, -(2**63)}
        found = cube.query(Query("sales", ("Quantity.SUM",)))
        assert_answer(found, {"Quantity.SUM": [big + 2**62 + 1]})
        assert (
            cube.query(Query("sales", ("contributors.COUNT",), ("ID",), where=among({"ID": [big]})))["ID"].item() == big
        )

    def test_a_sum_beyond_64_bits_is_exact_and_spares_the_other_measures(self, cube: Cube) -> None:
        most = 2**63 - 1
        put(cube, KINDS, *((key, text, number, 0.5, *[None] * 3) for key, text, number in (
            ("a", "large", most), ("b", "large", most), ("c", "small", -3), ("d", None, None), ("e", "least", -(2**63)),
        )))  # fmt: skip
        measures = ("Number.SUM", "Share.SUM", "Number.COUNT", "contributors.COUNT")
        query = Query("kinds", measures, ("Text",))
        found = cube.query(query)
        assert found.schema["Number.SUM"] == pl.Int128
        expected: dict[str, list[Any]] = {
            "Text": [None, "large", "least", "small"],
            "Number.SUM": [None, 2 * most, -(2**63), -3],
            "Share.SUM": [0.5, 1.0, 0.5, 0.5],
            "Number.COUNT": [0, 2, 1, 1],
            "contributors.COUNT": [1, 2, 1, 1],
        }
        assert_answer(found, expected, **{"Number.SUM": pl.Int128})
        shown, too_large = fitting(KINDS, query, found)
        assert too_large == ("Number.SUM",)
        assert_answer(shown, expected | {"Number.SUM": [None, None, -(2**63), -3]})
        found = cube.query(Query("kinds", ("Number.SUM", "contributors.COUNT"), ("Text",), totals=True))
        assert found["Number.SUM"].to_list() == [2 * most - 2**63 - 3, None, 2 * most, -(2**63), -3]
        found = cube.query(Query("kinds", ("Number.SUM",), where=among({"Text": ["small", "least"]})))
        assert found["Number.SUM"].to_list() == [-(2**63) - 3] and found.schema["Number.SUM"] == pl.Int128
        query = Query("kinds", ("Number.SUM",), where=among({"Text": ["small"]}))
        assert fitting(KINDS, query, cube.query(query))[1] == ()

    def test_a_sum_of_floats_beyond_all_floats_is_an_error_of_its_measure(self, cube: Cube) -> None:
        put(cube, KINDS, *((key, text, 1, share, *[None] * 3) for key, text, share in (
            ("a", "large", 1.7e308), ("b", "large", 1.7e308), ("c", "small", 0.5),
        )))  # fmt: skip
        query = Query("kinds", ("Number.SUM", "Share.SUM"), ("Text",))
        shown, too_large = fitting(KINDS, query, cube.query(query))
        assert too_large == ("Share.SUM",)
        assert_answer(shown, {"Text": ["large", "small"], "Number.SUM": [2, 1], "Share.SUM": [None, 0.5]})

    def test_decimals_are_exact_as_rows_as_levels_and_as_sums(self, cube: Cube) -> None:
        rows = [
            (Decimal("0.05"), "a", Decimal("99999999999999999999.99"), Decimal("0.00000001")),
            (Decimal("-1.50"), "a", Decimal("0.01"), None),
            (Decimal("0.00"), "b", Decimal("0.10"), Decimal(0)),
            (Decimal("7.00"), "b", Decimal("0.20"), Decimal("-1E-8")),
        ]
        put(cube, AMOUNTS, *rows)
        assert content(cube, AMOUNTS) == with_version(rows)
        found = cube.query(Query("amounts", ("Amount.SUM", "Share.SUM", "Share.COUNT", "Amount.MEAN"), ("Text",)))
        expected: dict[str, list[Any]] = {
            "Text": ["a", "b"],
            "Amount.SUM": [Decimal(10**20), Decimal("0.30")],
            "Share.SUM": [Decimal("1E-8"), Decimal("-1E-8")],
            "Share.COUNT": [1, 2],
            "Amount.MEAN": [5e19, 0.15],
        }
        types = {"Amount.SUM": pl.Decimal(38, 2), "Share.SUM": pl.Decimal(38, 8)}
        assert_answer(found, expected, **types)
        where = {"Price": [Decimal("-1.5"), Decimal(7)]}
        found = cube.query(Query("amounts", ("Amount.SUM",), ("Price",), where=among(where), totals=True))
        assert found["Price"].to_list() == [None, Decimal("-1.50"), Decimal(7)]
        assert found["Amount.SUM"].to_list() == [Decimal("0.21"), Decimal("0.01"), Decimal("0.20")]

    def test_a_key_of_decimals_is_one_however_it_is_written(self, cube: Cube) -> None:
        put(cube, AMOUNTS, (Decimal("1.5"), "old", Decimal(1), None), (Decimal("1.05"), "stays", Decimal(2), None))
        put(cube, AMOUNTS, (Decimal("1.50"), "new", Decimal(3), None), version=2)
        found = cube.query(Query("amounts", ("Amount.SUM",), ("Price", "Text")))
        assert found.rows() == [(Decimal("1.05"), "stays", Decimal(2)), (Decimal("1.50"), "new", Decimal(3))]

    def test_a_sum_beyond_38_digits_is_exact_and_spares_the_other_measures(self, cube: Cube) -> None:
        most, least = Decimal("9" * 38), Decimal("-" + "9" * 38)
        put(
            cube,
            TOTALS,
            ("large", most, 1),
            ("large", most, 2),
            ("edge", most, 3),
            ("less", least, 4),
            ("less", Decimal(-1), 5),
        )
        query = Query("totals", ("Units.SUM", "Units.MEAN", "Number.SUM"), ("Text",), totals=True)
        found = cube.query(query)
        assert found.schema["Units.SUM"] == pl.String
        sums = [str(10**38 - 2 + int(most)), str(most), str(2 * int(most)), str(-(10**38))]
        assert found["Units.SUM"].to_list() == sums
        assert found["Number.SUM"].to_list() == [15, 3, 3, 9]
        assert found["Units.MEAN"].to_list() == pytest.approx([4e37, 1e38, 1e38, -5e37])
        shown, too_large = fitting(TOTALS, query, found)
        assert too_large == ("Units.SUM",)
        assert shown["Units.SUM"].to_list() == [None, most, None, None]
        query = Query("totals", ("Units.SUM",), where=among({"Text": ["edge"]}))
        assert cube.query(query)["Units.SUM"].to_list() == [most]

    def test_moments_are_the_same_in_the_hour_that_clocks_show_twice(self, cube: Cube) -> None:
        first, again = (datetime(2024, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1))  # 02:30 in Berlin
        put(cube, EVENTS, (first, None, 1), (again, first, 2))
        assert content(cube, EVENTS) == with_version([(first, None, 1), (again, first, 2)])
        put(cube, EVENTS, (again, again, 4), version=2)
        found = cube.query(Query("events", ("Number.SUM",), ("At",)))
        assert_answer(found, {"At": [first, again], "Number.SUM": [1, 4]}, At=pl.Datetime("us", "UTC"))
        in_berlin = first.astimezone(ZoneInfo("Europe/Berlin"))
        for where, number in ({"At": [in_berlin]}, 1), ({"Seen": [again, None]}, 5), ({"At": [first, again]}, 5):
            assert cube.query(Query("events", ("Number.SUM",), where=among(where)))["Number.SUM"].to_list() == [number]

    def test_a_rebuild_folds_keys_that_are_moments(self, cube: Cube, tmp_path: Path) -> None:
        moments = [datetime(2024, 10, 27, 0, minute, 0, minute, tzinfo=UTC) for minute in range(4)]
        older = segment(tmp_path / "a.parquet", EVENTS, {1: [(at, None, 1) for at in moments]})
        newer = segment(tmp_path / "b.parquet", EVENTS, {2: [(at, at, 2) for at in moments[1:3]]})
        assert cube.rebuild("events", [LiveSegment(older, {1: 1}), LiveSegment(newer, {2: 2})]) == 4
        put(cube, EVENTS, (moments[3], None, 4), version=3)
        found = cube.query(Query("events", ("Number.SUM",), ("At",)))
        assert_answer(found, {"At": moments, "Number.SUM": [1, 2, 2, 4]}, At=pl.Datetime("us", "UTC"))

    def test_texts_and_names_may_hold_any_character(self, cube: Cube) -> None:
        texts = ["O'Brien", 'say "x"', "a]b[c", "naïve 日本 🙂", " ", "", "?", "$1", "--", "a;b\\n", "%s", "@x", "N/A"]
        put(cube, ODD, *((text, text, i, text) for i, text in enumerate(texts)))
        assert content(cube, ODD) == with_version((text, text, i, text) for i, text in enumerate(texts))
        for i, text in enumerate(texts):
            found = cube.query(
                Query(ODD.name, ('Größe "cm".SUM',), ("Name",), where=among({"日本": [text], "name": [text]}))
            )
            assert_answer(found, {"Name": [text], 'Größe "cm".SUM': [i]})

    def test_groups_are_sorted_by_code_point(self, cube: Cube) -> None:
        put(cube, NOTES, *((text, 1.0) for text in ("b", "A", "é", "a", "Z", "")))
        found = cube.query(Query("notes", ("Amount.SUM",), ("Text",)))
        assert found["Text"].to_list() == ["", "A", "Z", "a", "b", "é"]

    def test_rows_come_in_batches_too_and_one_need_not_take_them_all(self, cube: Cube) -> None:
        assert list(cube.batches("sales")) == []
        put(cube, SALES, *DAYS[:2])
        put(cube, SALES, DAYS[2], version=2)
        batches = list(cube.batches("sales"))
        assert all(batch.schema == rows_of(SALES, []).schema for batch in batches)
        assert sorted(row for batch in batches for row in batch.drop(LINE).rows()) == content(cube, SALES)
        some = cube.batches("sales")
        next(some)
        some.close()
        put(cube, SALES, drop=[1, 2])
        assert cube.row_count("sales") == 0

    def test_a_change_that_fails_leaves_everything_as_it_was(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        before = content(cube, SALES)
        wrong = rows_of(SALES, [(9, MAY_3, "x", 1)], version=2).with_columns(pl.lit("no date").alias("Date"))
        with pytest.raises(Exception, match=r"(?i)date"):
            cube.apply(ChangeSet("sales", frozenset({1}), wrong))
        assert content(cube, SALES) == before
        put(cube, SALES, (9, MAY_3, "x", 1), version=2, drop=[1])
        assert content(cube, SALES) == [(9, MAY_3, "x", 1, 2)]

    def test_a_rebuild_that_fails_leaves_everything_as_it_was(self, cube: Cube, tmp_path: Path) -> None:
        put(cube, SALES, *DAYS)
        good, bad = segment(tmp_path / "1.parquet", SALES, {5: [(9, MAY_3, "x", 1)]}), tmp_path / "2.parquet"
        bad.write_bytes(b"no parquet")
        with pytest.raises(Exception, match=r"(?i)parquet"):
            cube.rebuild("sales", [LiveSegment(good, {5: 1}), LiveSegment(bad, {6: 2})])
        assert content(cube, SALES) == with_version(DAYS)

    def test_a_rebuild_replaces_all_by_the_fold(self, cube: Cube, tmp_path: Path) -> None:
        put(cube, SALES, (99, MAY_1, "old", 1), version=50)
        versions = {
            1: [(1, MAY_1, "v1", 1), (2, MAY_1, "v1", 1), (3, MAY_1, "v1", 1)],
            2: [(2, MAY_2, "v2", 2), (4, MAY_2, "v2", 2)],
            3: [(3, MAY_3, "v3", 3), (4, MAY_3, "v3", 3), (5, MAY_3, "v3", 3)],
            4: [(1, MAY_3, "dead", 4), (6, MAY_3, "dead", 4)],
        }
        files = [segment(tmp_path / "a'b.parquet", SALES, {1: versions[1], 4: versions[4]}),
                 segment(tmp_path / "[x]*?.parquet", SALES, {3: versions[3], 2: versions[2]})]  # fmt: skip
        places = {1: 30, 2: 20, 3: 10}
        count = cube.rebuild("sales", [LiveSegment(files[1], {2: 20, 3: 10}), LiveSegment(files[0], {1: 30})])
        expected = winners(SALES, pl.concat(rows_of(SALES, rows, v) for v, rows in versions.items()), places)
        assert content(cube, SALES) == sorted(expected.drop(LINE).rows(), key=repr)
        assert count == 5 and {row[2] for row in content(cube, SALES)} == {"v1", "v2", "v3"}

    def test_a_version_is_live_only_in_the_segments_that_say_so(self, cube: Cube, tmp_path: Path) -> None:
        old = segment(tmp_path / "old.parquet", SALES, {1: DAYS, 2: [(9, MAY_3, "x", 1)]})
        new = segment(tmp_path / "new.parquet", SALES, {1: DAYS[:2]})
        assert cube.rebuild("sales", [LiveSegment(old, {2: 2}), LiveSegment(new, {1: 1})]) == 3
        assert content(cube, SALES) == sorted([*with_version(DAYS[:2]), (9, MAY_3, "x", 1, 2)], key=repr)

    def test_a_rebuild_without_keys_keeps_all_live_rows(self, cube: Cube, tmp_path: Path) -> None:
        file = segment(tmp_path / "n.parquet", NOTES, {1: [("a", 1.0), ("a", 1.0)], 2: [("a", 1.0)], 3: [("a", 3.0)]})
        assert cube.rebuild("notes", [LiveSegment(file, {1: 2, 2: 1})]) == 3
        assert content(cube, NOTES) == sorted([("a", 1.0, 1), ("a", 1.0, 1), ("a", 1.0, 2)], key=repr)

    def test_a_rebuild_folds_composite_keys(self, cube: Cube, tmp_path: Path) -> None:
        rows = {v: [(day, shop, v, float(v)) for day in (MAY_1, MAY_2) for shop in "abc"[:v]] for v in (1, 2, 3)}
        file = segment(tmp_path / "s.parquet", STOCK, rows)
        cube.rebuild("stock", [LiveSegment(file, {1: 3, 2: 2, 3: 1})])
        assert [(row[1], row[2]) for row in content(cube, STOCK)] == [("a", 1), ("b", 2), ("c", 3)] * 2

    def test_a_rebuild_keeps_the_row_of_the_greatest_value_then_of_the_highest_rank_then_of_the_last_line(
        self, cube: Cube, tmp_path: Path
    ) -> None:
        first, later = datetime(2021, 5, 1, 10), datetime(2021, 5, 1, 10, 0, 0, 1)  # noqa: DTZ001  # columns have no zone
        rows: dict[int, list[tuple[Any, ...]]] = {
            1: [(1, later, "later"), (1, first, "later line"), (2, None, "null"), (3, first, "low"), (4, first, "a"),
                (4, first, "b"), (5, None, "a"), (5, None, "b"), (6, first, "alone")],
            2: [(2, first, "any value"), (1, first, "higher rank"), (3, first, "high"), (3, None, "null")],
            3: [(1, later, "dead"), (6, later, "dead")],
        }  # fmt: skip
        file = segment(tmp_path / "s.parquet", STATES, rows)
        assert cube.rebuild("states", [LiveSegment(file, {1: 10, 2: 20})]) == 6
        assert {row[0]: (row[2], row[3]) for row in content(cube, STATES)} == {
            1: ("later", 1), 2: ("any value", 2), 3: ("high", 2), 4: ("b", 1), 5: ("b", 1), 6: ("alone", 1),
        }  # fmt: skip

    def test_rows_of_several_keys_may_come_from_one_line(self, cube: Cube, tmp_path: Path) -> None:
        at = datetime(2021, 5, 1)  # noqa: DTZ001  # columns have no zone
        rows = rows_of(STATES, [(1, at, "covered"), (2, at, "stays"), (1, at, "covers")])
        rows.with_columns(pl.Series(LINE, [2, 2, 3], pl.UInt32)).write_parquet(tmp_path / "s.parquet")
        cube.rebuild("states", [LiveSegment(tmp_path / "s.parquet", {1: 1})])
        assert content(cube, STATES) == [(1, at, "covers", 1), (2, at, "stays", 1)]

    def test_a_key_that_a_content_has_twice_is_one_row_though_no_column_decides(
        self, cube: Cube, tmp_path: Path
    ) -> None:
        rows = {1: [(1, MAY_1, "first line", 1), (2, MAY_1, "x", 1), (1, MAY_1, "last line", 2)],
                2: [(2, MAY_2, "high", 3), (2, MAY_2, "higher", 4)]}  # fmt: skip
        file = segment(tmp_path / "s.parquet", SALES, rows)
        cube.rebuild("sales", [LiveSegment(file, {1: 1, 2: 2}, keys_repeat=True)])
        assert content(cube, SALES) == [(1, MAY_1, "last line", 2, 1), (2, MAY_2, "higher", 4, 2)]

    def test_a_rebuild_from_nothing_empties_the_table(self, cube: Cube, tmp_path: Path) -> None:
        put(cube, SALES, *DAYS)
        put(cube, NOTES, ("stays", 1.0))
        file = segment(tmp_path / "dead.parquet", SALES, {1: DAYS})
        assert cube.rebuild("sales", [LiveSegment(file, {})]) == 0
        assert content(cube, SALES) == [] and cube.row_count("notes") == 1

    def test_a_rebuilt_table_takes_changes(self, cube: Cube, tmp_path: Path) -> None:
        file = segment(tmp_path / "s.parquet", SALES, {1: DAYS})
        cube.rebuild("sales", [LiveSegment(file, {1: 1})])
        put(cube, SALES, (2, MAY_3, "new", 1), version=2)
        assert content(cube, SALES) == sorted([*with_version([DAYS[0], DAYS[2]]), (2, MAY_3, "new", 1, 2)], key=repr)

    def test_readers_see_a_change_whole_or_not_at_all(self, cube: Cube) -> None:
        size, rounds = 5_000, 20
        query = Query("sales", ("Quantity.SUM", "contributors.COUNT"), ("Date",), totals=True)
        seen: list[tuple[int, int, int]] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    total, day = cube.query(query).select("Quantity.SUM", "contributors.COUNT").rows()
                    seen.append((total[0], total[1], day[0]))
            except BaseException as error:
                errors.append(error)

        put(cube, SALES, *((i, MAY_1, "x", 1) for i in range(size)))
        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for version in range(2, rounds + 2):
                rows = ((i, MAY_1, "x", version) for i in range(size))
                put(cube, SALES, *rows, version=version, drop=[version - 1])
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert not errors
        assert seen and {count for _, count, _ in seen} == {size}
        assert {total for total, _, _ in seen} <= {size * version for version in range(1, rounds + 2)}
        assert all(total == day for total, _, day in seen)

    @pytest.mark.parametrize(
        ("query", "near"),
        [
            (Query("sale", ("Quantity.SUM",)), "sales"),
            (Query("sales", ("Quantity.SUMM",)), "Quantity.SUM"),
            (Query("sales", ("Quantity.SUM",), ("Dat",)), "Date"),
            (Query("sales", ("Quantity.SUM",), where=among({"Produkt": ["x"]})), "Product"),
            (Query("sales", ("Quantity.SUM",), ("_version",)), "Date"),
            (Query("sales", ("Quantity.SUM",), where=among({"Date": ["2021-05-01"]})), "date"),
        ],
    )
    def test_an_unknown_name_or_value_is_refused_with_the_nearest(self, cube: Cube, query: Query, near: str) -> None:
        with pytest.raises(QueryError, match=near):
            cube.query(query)


def segment(path: Path, table: Table, versions: Mapping[int, Iterable[tuple[Any, ...]]]) -> Path:
    """Write a segment file."""
    rows = pl.concat(rows_of(table, rows, version) for version, rows in versions.items())
    with_lines(rows).write_parquet(path)
    return path
