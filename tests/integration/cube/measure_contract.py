"""What every engine has to answer for the least, the greatest and the different values, and to several questions.

An engine's test class inherits these tests beside `CubeContract`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
from polars.testing import assert_frame_equal

from flows.cube.port import Cube
from flows.model.conditions import Among
from flows.model.query import First, Order, Query
from tests.integration.cube.cube_contract import (
    AMOUNTS,
    DAYS,
    EVENTS,
    KINDS,
    MAY_1,
    MAY_2,
    SALES,
    assert_answer,
    put,
)


class MeasureContract:
    """Inherit it beside `CubeContract`, which has the fixture `cube`."""

    def test_the_least_and_the_greatest_value_of_each_kind_leave_out_nulls(self, cube: Cube) -> None:
        noon, late = datetime(2021, 5, 1, 12), datetime(2021, 5, 1, 23, 59, 59, 123456)  # noqa: DTZ001
        put(
            cube,
            KINDS,
            ("a", "Zoë", 4, 0.5, None, MAY_2, late),
            ("b", "", -6, 1.5, True, MAY_1, None),
            ("c", "zoe", None, -2.5, False, None, noon),
            ("d", "é", None, None, None, None, None),
        )
        expected = {"MIN": ("", -6, -2.5, MAY_1, noon), "MAX": ("é", 4, 1.5, MAY_2, late)}
        for word, values in expected.items():
            names = {f"{name}.{word}": KINDS.column(name).type for name in ("Text", "Number", "Share", "Day", "Moment")}
            found = cube.query(Query("kinds", tuple(names)))
            assert found.rows() == [values]
            assert found.schema == {name: each.frame for name, each in names.items()}
        found = cube.query(Query("kinds", ("Number.MIN", "Day.MAX"), ("Text",), totals=True))
        assert_answer(
            found,
            {
                "Text": [None, "", "Zoë", "zoe", "é"],
                "Number.MIN": [-6, -6, 4, None, None],
                "Day.MAX": [MAY_2, MAY_1, MAY_2, None, None],
                "total_depth": [0, 1, 1, 1, 1],
            },
        )

    def test_the_least_and_the_greatest_of_decimals_keys_and_moments_are_exact(self, cube: Cube) -> None:
        large = Decimal("99999999999999999999.99")
        put(cube, AMOUNTS, (Decimal("0.05"), "a", large, None), (Decimal("-1.50"), "b", large - 1, Decimal("1E-8")))
        found = cube.query(Query("amounts", ("Price.MIN", "Price.MAX", "Amount.MAX", "Share.MIN")))
        assert found.rows() == [(Decimal("-1.50"), Decimal("0.05"), large, Decimal("1E-8"))]
        first, last = datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 10, 31, 1, tzinfo=UTC)
        put(cube, EVENTS, (last, None, 7), (first, None, 8))
        found = cube.query(Query("events", ("At.MIN", "At.MAX", "Seen.MAX", "Number.MAX")))
        assert found.rows() == [(first, last, None, 8)]
        assert found.schema["At.MIN"] == found.schema["Seen.MAX"] == pl.Datetime("us", "UTC")

    def test_different_values_are_counted_exactly_without_nulls_and_anew_for_each_total(self, cube: Cube) -> None:
        rows = [("a", "x", MAY_1), ("b", "x", MAY_2), ("c", "y", MAY_1), ("d", "y", None), ("e", None, MAY_1)]
        put(cube, KINDS, *((key, text, None, None, None, day, None) for key, text, day in rows))
        measures = ("Day.COUNT_DISTINCT", "Text.COUNT_DISTINCT", "Flag.COUNT_DISTINCT", "Key.COUNT_DISTINCT")
        found = cube.query(Query("kinds", measures, ("Text",), totals=True))
        assert_answer(
            found,
            {
                "Text": [None, None, "x", "y"],
                "Day.COUNT_DISTINCT": [2, 1, 2, 1],
                "Text.COUNT_DISTINCT": [2, 0, 1, 1],
                "Flag.COUNT_DISTINCT": [0, 0, 0, 0],
                "Key.COUNT_DISTINCT": [5, 1, 2, 2],
                "total_depth": [0, 1, 1, 1],
            },
        )

    def test_the_first_groups_of_an_order_are_answered_whatever_else_is(self, cube: Cube) -> None:
        put(
            cube,
            KINDS,
            *((key, text, number, share, None, day, None) for key, text, number, share, day in (
                ("a", "y", 4, 0.5, MAY_2), ("b", None, None, 2.5, MAY_2), ("c", "x", 4, 0.25, MAY_1),
                ("d", "z", 1, None, None), ("e", "", 7, -1.5, MAY_1),
            )),
        )  # fmt: skip
        orders: dict[tuple[Order, ...], list[str | None]] = {
            (Order("Number.SUM", descending=True),): ["", "x", "y", "z", None],
            (Order("Number.SUM"),): ["z", "x", "y", "", None],
            (Order("Day.MAX", descending=True), Order("Text", descending=True)): ["y", None, "x", "", "z"],
            (Order("Text"),): [None, "", "x", "y", "z"],
            (Order("Share.SUM", descending=True),): [None, "y", "x", "", "z"],
        }
        for order, texts in orders.items():
            query = Query("kinds", ("Number.SUM", "Day.MAX", "Share.SUM"), ("Text",))
            for many in range(1, 7):
                found = cube.query(replace(query, first=First(many, order)))
                expected = cube.query(query).filter(pl.col("Text").is_in(texts[:many], nulls_equal=True))
                assert_frame_equal(found.filter(pl.col("Text").is_in(texts[:many], nulls_equal=True)), expected)

    def test_of_no_rows_there_is_no_least_value_and_no_different_one(self, cube: Cube) -> None:
        measures = ("Date.MIN", "Product.MAX", "Quantity.MAX", "Product.COUNT_DISTINCT")
        assert cube.query(Query("sales", measures)).rows() == [(None, None, None, 0)]
        assert cube.query(Query("sales", measures, ("Date",), totals=True)).rows() == []

    def test_several_questions_are_answered_at_once_as_one_by_one(self, cube: Cube) -> None:
        most = 2**63 - 1
        put(cube, KINDS, *((key, text, number, share, *[None] * 3) for key, text, number, share in (
            ("a", "x", 4, 0.1), ("b", "x", 6, 0.2), ("c", None, -1, None),
        )))  # fmt: skip
        asked = [
            Query("kinds", ("Number.SUM", "Share.SUM"), ("Text",)),
            Query("kinds", ("Share.MEAN", "Number.MAX")),
            Query("kinds", ("contributors.COUNT",), ("Key",), where=(Among("Text", ("x",)),)),
        ]
        for _ in range(2):
            for together, alone in zip(cube.query_together(asked), map(cube.query, asked), strict=True):
                assert_frame_equal(together, alone)
            put(cube, KINDS, *((key, "large", most, 1e300, *[None] * 3) for key in ("d", "e")), version=2)
        assert cube.query_together(asked)[0]["Number.SUM"].to_list() == [-1, 2 * most, 10]

    def test_answers_that_are_asked_at_once_are_of_one_state(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        total, by_day = Query("sales", ("Quantity.SUM",)), Query("sales", ("Quantity.SUM",), ("Date",))
        ended = threading.Event()

        def change() -> None:
            for turn in range(50):
                put(cube, SALES, (1, MAY_1, "phone", turn), version=turn + 2)
            ended.set()

        writer = threading.Thread(target=change)
        writer.start()
        while not ended.is_set():
            whole, parts = cube.query_together([total, by_day])
            assert whole["Quantity.SUM"].item() == parts["Quantity.SUM"].sum()
        writer.join()
