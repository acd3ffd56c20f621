"""What every engine has to do for the rows behind a number; see `cube_contract`."""

from __future__ import annotations

import threading
from datetime import date, datetime
from itertools import product
from typing import Any

import polars as pl
import pytest

from flows.cube.bounds import Bounds
from flows.cube.port import Cube
from flows.errors import NobodyWaits, QueryError, TooSlow
from flows.model.conditions import Among, Begins, Compare
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import LINE, VERSION
from tests.conditions import among
from tests.cube_rows import rows_of
from tests.integration.cube.cube_contract import DAYS, KINDS, MAY_1, MAY_2, NOTES, SALES, put


def ids(page: RowPage) -> list[int]:
    return page.rows["ID"].to_list()


class RowContract:
    """Inherit it and bring a fixture `cube`."""

    def test_each_row_says_which_version_and_line_it_is_of(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS, version=3)
        put(cube, SALES, (4, MAY_2, "cable", 1), version=2)
        found = cube.rows(RowQuery("sales"))
        assert found.rows.schema == rows_of(SALES, []).schema
        assert found.rows.rows() == [
            (4, MAY_2, "cable", 1, 2, 2), (*DAYS[0], 3, 2), (*DAYS[1], 3, 3), (*DAYS[2], 3, 4),
        ]  # fmt: skip
        assert found.count == 4

    def test_a_replaced_row_is_of_the_file_that_replaced_it(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        put(cube, SALES, (9, MAY_1, "x", 1), (2, MAY_2, "cable", 9), version=2)
        found = cube.rows(RowQuery("sales", among({"ID": [1, 2]})))
        assert found.rows.select("ID", VERSION, LINE).rows() == [(1, 1, 2), (2, 2, 3)]

    def test_a_page_is_a_part_of_all_in_one_order(self, cube: Cube) -> None:
        put(cube, SALES, *((number, MAY_1, "ab"[number % 2], number) for number in range(10)))
        everything = cube.rows(RowQuery("sales", among({"Product": ["a"]})))
        assert (ids(everything), everything.count) == ([0, 2, 4, 6, 8], 5)
        for limit, offset in product((1, 2, 5, 6), (0, 1, 4, 5, 9)):
            page = cube.rows(RowQuery("sales", among({"Product": ["a"]}), limit, offset))
            assert ids(page) == ids(everything)[offset : offset + limit] and page.count == 5

    def test_rows_of_one_line_come_in_the_order_of_their_values(self, cube: Cube) -> None:
        rows = rows_of(NOTES, [("b", 1.0), ("a", 2.0), ("a", None), ("a", 1.0), ("a", 1.0)])
        cube.apply(ChangeSet("notes", frozenset(), rows.with_columns(pl.lit(7, pl.UInt32).alias(LINE))))
        found = [(row[0], row[1]) for row in cube.rows(RowQuery("notes")).rows.rows()]
        assert found == [("a", None), ("a", 1.0), ("a", 1.0), ("a", 2.0), ("b", 1.0)]
        pages = [cube.rows(RowQuery("notes", limit=2, offset=offset)) for offset in (0, 2, 4)]
        assert [row[:2] for page in pages for row in page.rows.rows()] == found

    def test_values_of_every_kind_come_back_and_null_may_be_asked_for(self, cube: Cube) -> None:
        at = datetime(2021, 5, 1, 12)  # noqa: DTZ001  # columns have no zone
        rows = [("a", None, None, None, None, None, None), ("b", "x", 1, 0.5, True, MAY_1, at)]
        put(cube, KINDS, *rows)
        assert [row[:-2] for row in cube.rows(RowQuery("kinds")).rows.rows()] == rows
        for name, value in (("Text", "x"), ("Flag", True), ("Day", MAY_1), ("Moment", at)):
            for wanted, key in ((None, "a"), (value, "b")):
                found = cube.rows(RowQuery("kinds", among({name: [wanted]})))
                assert (found.rows["Key"].to_list(), found.count) == ([key], 1)

    def test_rows_are_chosen_by_any_condition_on_any_level(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS, (4, date(2021, 6, 1), "watch", 1))
        where = (Among("Date.Month", ("2021-05",)), Begins("Product", "ph"))
        assert ids(cube.rows(RowQuery("sales", where))) == [1, 3]
        assert ids(cube.rows(RowQuery("sales", (Compare("ID", ">", 2),)))) == [3, 4]

    def test_where_nothing_matches_there_are_no_rows(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        nothing: list[list[Any]] = [["nothing"], [], [None]]
        for allowed in nothing:
            found = cube.rows(RowQuery("sales", among({"Product": allowed})))
            assert found.rows.schema == rows_of(SALES, []).schema
            assert (found.rows.height, found.count) == (0, 0)

    def test_the_rows_of_each_cell_add_up_to_it(self, cube: Cube) -> None:
        for version in range(1, 4):
            rows = ((7 * number, MAY_1 if number % 2 else MAY_2, "abc"[number % 3], number * version)
                    for number in range(10 * version, 25 * version))  # fmt: skip
            put(cube, SALES, *rows, version=version)
        measures = ("Quantity.SUM", "contributors.COUNT")
        for levels in ((), ("Date",), ("Product", "Date")):
            for *cell, total, count in cube.query(Query("sales", measures, levels)).rows():
                where: dict[str, list[Any]] = {name: [value] for name, value in zip(levels, cell, strict=True)}
                found = cube.rows(RowQuery("sales", among(where)))
                assert (found.rows["Quantity"].sum(), found.count, found.rows.height) == (total, count, count)

    def test_a_page_and_its_count_are_of_one_state(self, cube: Cube) -> None:
        size, most = 2_000, 20
        done = threading.Event()
        errors: list[BaseException] = []
        seen: list[tuple[set[int], int]] = []

        def read() -> None:
            try:
                while not done.is_set():
                    page = cube.rows(RowQuery("sales", among({"Date": [MAY_1]}), limit=5))
                    seen.append((set(page.rows[VERSION]), page.count))
            except BaseException as error:
                errors.append(error)

        put(cube, SALES, *((number, MAY_1, "x", 1) for number in range(size)))
        reader = threading.Thread(target=read)
        reader.start()
        try:
            for version in range(2, most + 1):
                rows = ((number, MAY_1, "x", version) for number in range(size + version))
                put(cube, SALES, *rows, version=version, drop=[version - 1])
        finally:
            done.set()
            reader.join()
        assert not errors and seen
        for versions, count in seen:
            (version,) = versions
            assert count == size + (version if version > 1 else 0)

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            (RowQuery("sale"), "sales"),
            (RowQuery("sales", among({"Produkt": ["x"]})), "Product"),
            (RowQuery("sales", among({"Date": ["2021-05-01"]})), "date"),
            (RowQuery("sales", limit=0), "limit .*1 or more"),
            (RowQuery("sales", offset=-1), "offset .*0 or more"),
        ],
    )
    def test_a_question_for_rows_that_cannot_be_answered_is_refused(
        self, cube: Cube, query: RowQuery, words: str
    ) -> None:
        with pytest.raises(QueryError, match=words):
            cube.rows(query)

    def test_a_question_for_rows_that_is_over_is_not_begun(self, cube: Cube) -> None:
        left = Bounds()
        left.leave()
        for bounds, error in ((left, NobodyWaits), (Bounds(within_s=0.0), TooSlow)):
            with pytest.raises(error):
                cube.rows(RowQuery("sales"), bounds=bounds)
