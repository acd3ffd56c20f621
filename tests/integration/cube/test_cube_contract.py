"""The contract of the port on the embedded engine, and what that engine promises beyond it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.cube import frames
from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.engines import open_cube
from flows.cube.port import Cube, LiveSegment
from flows.errors import EngineFailed, EngineUnavailable
from flows.model.merge import ChangeSet
from flows.model.query import First, Order, Query
from tests.cube_rows import all_rows, rows_of
from tests.integration.cube.condition_contract import ConditionContract
from tests.integration.cube.cube_contract import DAYS, MAY_1, MODEL, SALES, CubeContract, content, put, segment
from tests.integration.cube.join_contract import JOINED, JoinContract
from tests.integration.cube.level_contract import LevelContract
from tests.integration.cube.measure_contract import MeasureContract
from tests.integration.cube.row_contract import RowContract


class RowsCube(DuckDbCube):
    """Answers from rows, as engines do where they cannot say it themselves."""

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        table = query.checked(self.model)
        return frames.aggregate(table, query, all_rows(self, table.name))


class TestRows(LevelContract):
    @pytest.fixture
    def cube(self) -> Iterator[Cube]:
        with closing(RowsCube(MODEL)) as cube:
            yield cube


class TestDuckDb(CubeContract, ConditionContract, JoinContract, LevelContract, MeasureContract, RowContract):
    @pytest.fixture
    def cube(self) -> Iterator[Cube]:
        cube = open_cube("duckdb", (*MODEL, *JOINED))
        yield cube
        cube.close()

    def test_a_sum_beyond_64_bits_never_wraps(self, cube: Cube) -> None:
        put(cube, SALES, (1, date(2021, 5, 1), "a", 2**63 - 1), (2, date(2021, 5, 1), "b", 1))
        assert cube.query(Query("sales", ("Quantity.SUM",)))["Quantity.SUM"].to_list() == [2**63]
        found = cube.query(Query("sales", ("Quantity.SUM",), ("Product",)))
        assert found["Quantity.SUM"].to_list() == [2**63 - 1, 1]

    def test_all_but_the_first_groups_are_left_out(self, cube: DuckDbCube) -> None:
        put(cube, SALES, *((n, MAY_1, f"product {n % 40}", n) for n in range(100)))
        query = Query("sales", ("Quantity.SUM",), ("Product",))
        found = cube.query(replace(query, first=First(2, (Order("Quantity.SUM", descending=True),))))
        assert found.rows() == [("product 18", 174), ("product 19", 177)]
        unless_exact = First(2, (Order("Quantity.MEAN"),))
        assert cube.query(replace(query, measures=("Quantity.MEAN",), first=unless_exact)).height == 40

    def test_a_null_in_a_key_is_refused(self, cube: Cube) -> None:
        put(cube, SALES, *DAYS)
        for ids in ([None], [1, None]):
            rows = [(i, date(2021, 5, 1), "x", 1) for i in ids]
            with pytest.raises(Exception, match="NOT NULL"):
                cube.apply(ChangeSet("sales", frozenset(), rows_of(SALES, rows, 2)))
        assert cube.row_count("sales") == 3

    def test_closing_twice_does_nothing_and_a_closed_cube_says_so(self, cube: Cube) -> None:
        cube.close()
        cube.close()
        for ask in (lambda: cube.query(Query("sales", ("Quantity.SUM",))), lambda: cube.row_count("sales")):
            with pytest.raises(EngineFailed, match="closed"):
                ask()

    def test_closing_waits_for_readers_and_ends_their_queries(self, cube: Cube, tmp_path: Path) -> None:
        rows = pl.concat([rows_of(SALES, [(0, date(2021, 5, 1), "x", 1)])] * 300_000).with_columns(
            pl.int_range(pl.len()).alias("ID")
        )
        cube.apply(ChangeSet("sales", frozenset(), rows))
        ends: list[BaseException] = []
        answered = threading.Semaphore(0)

        def read() -> None:
            try:
                while True:
                    cube.query(Query("sales", ("Quantity.SUM",), ("ID", "Product"), totals=True))
                    answered.release()
            except EngineFailed as error:
                ends.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        assert all(answered.acquire(timeout=20) for _ in readers)  # they are anywhere in their queries
        cube.close()
        for reader in readers:
            reader.join(20)
        assert len(ends) == 3

    def test_many_versions_fold_like_few(self, cube: Cube, tmp_path: Path) -> None:
        day = date(2021, 5, 1)
        apart = {v: [(v * 10 + i, day, f"v{v}", 1) for i in range(5)] for v in range(40)}
        over = {100 + v: [(v * 10 + i, day, f"over{v}", 1) for i in range(3, 7)] for v in (3, 20)}
        file = segment(tmp_path / "s.parquet", SALES, {**apart, **over})
        places = {v: v for v in apart} | {103: 1000, 120: -1}
        assert cube.rebuild("sales", [LiveSegment(file, places)]) == 40 * 5 + 4
        found = {row[0]: row[2] for row in content(cube, SALES)}
        assert [found[key] for key in (33, 34, 35, 36)] == ["over3"] * 4
        assert [found[key] for key in (203, 204, 205, 206)] == ["v20", "v20", "over20", "over20"]


def test_an_unknown_engine_is_refused_and_none_is_taken_instead() -> None:
    with pytest.raises(EngineUnavailable, match="duckdb, atoti"):
        open_cube("duck", MODEL)
