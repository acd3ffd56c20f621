"""Questions by the files of rows, on the embedded engine."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from typing import Any

import pytest

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.duckdb.sources import FEW
from flows.errors import QueryError
from flows.model.conditions import Among, Compare
from flows.model.merge import ChangeSet, RowSource
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import Table
from tests.cube_rows import all_rows, rows_of
from tests.integration.cube.join_contract import FACTS, JOINED, ORDERS, PHONE, PRODUCTS, TODAY, sums

LATER = date(2021, 5, 2)


def put(cube: DuckDbCube, table: Table, version: int, *rows: Any, drop: tuple[int, ...] = (), **files: date) -> None:
    sources = {number: RowSource(name, day) for number, (name, day) in enumerate(files.items(), start=version)}
    cube.apply(ChangeSet(table.name, frozenset(drop), rows_of(table, rows, version), sources=sources))


def test_rows_tell_the_file_that_they_came_in_and_so_do_those_that_are_joined() -> None:
    with closing(DuckDbCube(JOINED)) as cube:
        put(cube, ORDERS, 1, *FACTS, a=TODAY)
        put(cube, ORDERS, 2, ("b", "phone", 64), b=LATER)
        put(cube, PRODUCTS, 1, PHONE, list=TODAY)
        assert sums(cube, "Source.File") == [("a", 63), ("b", 64)]
        assert sums(cube, "Source.Loaded", "Product.Source.File") == [
            (TODAY, "list", 3), (TODAY, "no Product", 60), (LATER, "list", 64),
        ]  # fmt: skip
        assert sums(cube, where=(Compare("Source.Loaded", ">", TODAY),)) == [(64,)]
        assert cube.rows(RowQuery("orders", (Among("Source.File", ("b",)),))).rows["Amount"].to_list() == [64]
        put(cube, ORDERS, 2, drop=(1,), c=TODAY)
        assert sums(cube, "Source.File") == [("c", 64)]
        assert cube.query(Query("orders", ("Source.File.COUNT_DISTINCT",))).rows() == [(1,)]


def test_the_files_of_what_has_left_are_forgotten_and_many_are_known() -> None:
    rows = rows_of(ORDERS, [("a", "phone", 1)])
    with closing(DuckDbCube(JOINED)) as cube:
        for begin in (0, FEW):
            sources = {begin + i: RowSource(f"{begin + i}", TODAY) for i in range(1, FEW + 2)}
            cube.apply(ChangeSet("orders", frozenset(), rows.clear(), sources=sources))
        cube.apply(ChangeSet("orders", frozenset(range(1, FEW + 2)), rows.clear()))
        with cube._database.cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM t0s").fetchall() == [(FEW,)]


def test_what_has_only_the_rows_refuses_levels_of_their_files() -> None:
    with closing(DuckDbCube(JOINED)) as cube:
        put(cube, ORDERS, 1, *FACTS, a=TODAY)
        with pytest.raises(QueryError, match=r"Source\.File is of the files of rows, which cannot be asked here"):
            frames.aggregate(ORDERS, Query("orders", ("Amount.SUM",), ("Source.File",)), all_rows(cube, "orders"))
