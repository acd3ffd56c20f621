"""Random histories: the embedded engine against a dict, and its answers against an aggregation of its rows."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.port import LiveSegment
from flows.model.merge import ChangeSet, winners
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import BOOLEAN, DATE, INTEGER, STRING
from flows.model.types.base import Value
from tests.conditions import among
from tests.cube_rows import all_rows, rows_of

COLUMNS = (
    Column("Shop", STRING),
    Column("Day", DATE),
    Column("Text", STRING, nullable=True),
    Column("Flag", BOOLEAN, nullable=True),
    Column("Pieces", INTEGER, nullable=True),
)
KEYED = Table("keyed", COLUMNS, keys=("Shop", "Day"))
LOOSE = Table("loose", COLUMNS)
Row = tuple[Value, ...]

SHOPS = st.sampled_from(["", "a", "b", "ä", "z"])
DAYS = st.dates(date(2021, 5, 1), date(2021, 5, 4))
ROWS = st.tuples(
    SHOPS,
    DAYS,
    st.none() | st.sampled_from(["", "x", "N/A"]),
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**40), 2**40) | st.sampled_from([2**63 - 1, -(2**63), 2**62]),
)
VERSIONS = st.integers(1, 5)
PUTS = st.lists(ROWS, max_size=8, unique_by=lambda row: row[:2])
CHANGES = st.lists(st.tuples(st.sampled_from([KEYED, LOOSE]), st.frozensets(VERSIONS, max_size=3), PUTS, VERSIONS))


def frame(rows: list[Row], version: int) -> pl.DataFrame:
    return rows_of(KEYED, rows, version)


class Expected:
    """What the tables should hold: the keyed one as key → row, the other as a multiset."""

    def __init__(self) -> None:
        self.keyed: dict[Row, Row] = {}
        self.loose: Counter[Row] = Counter()

    def apply(self, table: Table, drop: frozenset[int], rows: list[Row]) -> None:
        self.keyed, self.loose = (
            {key: row for key, row in self.keyed.items() if table is not KEYED or row[-2] not in drop},
            Counter({row: n for row, n in self.loose.items() if table is not LOOSE or row[-2] not in drop}),
        )
        if table is KEYED:
            self.keyed |= {row[:2]: row for row in rows}
        else:
            self.loose.update(rows)


@settings(max_examples=75, deadline=None)
@given(CHANGES)
def test_a_history_of_changes_leaves_what_a_dict_would_hold(
    changes: list[tuple[Table, frozenset[int], list[Row], int]],
) -> None:
    cube, expected = DuckDbCube((KEYED, LOOSE)), Expected()
    try:
        for table, drop, rows, version in changes:
            assert cube.apply(ChangeSet(table.name, drop, frame(rows, version))) == len(rows)
            expected.apply(table, drop, frame(rows, version).rows())
            assert Counter(all_rows(cube, "keyed").rows()) == Counter(expected.keyed.values())
            assert Counter(all_rows(cube, "loose").rows()) == expected.loose
            assert [cube.row_count(t.name) for t in (KEYED, LOOSE)] == [len(expected.keyed), expected.loose.total()]
    finally:
        cube.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(PUTS, st.integers(-5, 5) | st.none()), min_size=1, max_size=6), st.integers(1, 3))
def test_a_rebuild_equals_the_fold_in_memory(versions: list[tuple[list[Row], int | None]], files: int) -> None:
    parts = [frame(rows, number) for number, (rows, _) in enumerate(versions)]
    # Places are unique: the number breaks ties. A version without a place is dead.
    places = {number: place * 10 + number for number, (_, place) in enumerate(versions) if place is not None}
    with TemporaryDirectory() as directory:
        segments = []
        for i in range(files):
            path = Path(directory, f"{i}.parquet")
            pl.concat([frame([], 0), *parts[i::files]]).write_parquet(path)
            segments.append(LiveSegment(path, {v: p for v, p in places.items() if v % files == i}))
        cube = DuckDbCube((KEYED, LOOSE))
        try:
            for table in (KEYED, LOOSE):
                fold = winners(table, pl.concat(parts), places)
                assert cube.rebuild(table.name, segments) == fold.height
                assert Counter(all_rows(cube, table.name).rows()) == Counter(fold.rows())
                assert cube.row_count(table.name) == fold.height
        finally:
            cube.close()


LEVELS = ("Shop", "Day", "Text", "Flag")
ALLOWED: dict[str, Any] = {"Shop": SHOPS, "Day": DAYS, "Text": st.none() | st.sampled_from(["", "x"]),
                           "Flag": st.none() | st.booleans()}  # fmt: skip
QUERIES = st.builds(
    Query,
    st.just("loose"),
    st.permutations(["Pieces.SUM", "Pieces.MEAN", "Pieces.COUNT", "contributors.COUNT"]).map(lambda m: tuple(m[:2])),
    st.permutations(LEVELS).flatmap(lambda order: st.integers(0, 4).map(lambda n: tuple(order[:n]))),
    st.fixed_dictionaries({}, optional={name: st.lists(values, max_size=3) for name, values in ALLOWED.items()}).map(
        among
    ),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=12), QUERIES)
def test_an_answer_equals_the_aggregation_of_the_rows(rows: list[Row], query: Query) -> None:
    cube = DuckDbCube((LOOSE,))
    try:
        cube.apply(ChangeSet("loose", frozenset(), frame(rows, 1)))
        found = cube.query(query)
        assert_frame_equal(found, frames.aggregate(LOOSE, query, all_rows(cube, "loose").drop(VERSION, LINE)))
    finally:
        cube.close()


CELLS = st.fixed_dictionaries(
    {}, optional={name: values.map(lambda value: [value]) for name, values in ALLOWED.items()}
)


@settings(max_examples=75, deadline=None)
@given(st.lists(st.tuples(PUTS, VERSIONS), max_size=5), CELLS, st.integers(1, 5))
def test_the_rows_of_a_cell_add_up_to_it_page_by_page(
    changes: list[tuple[list[Row], int]], cell: dict[str, list[Any]], limit: int
) -> None:
    cube = DuckDbCube((LOOSE,))
    try:
        for rows, version in changes:
            cube.apply(ChangeSet("loose", frozenset(), frame(rows, version)))
        total, count = cube.query(Query("loose", ("Pieces.SUM", "contributors.COUNT"), where=among(cell))).row(0)
        pages = [cube.rows(RowQuery("loose", among(cell), limit, offset)) for offset in range(0, count + 1, limit)]
        assert {page.count for page in pages} == {count}
        found = pl.concat([page.rows for page in pages])
        pieces = found["Pieces"].drop_nulls().to_list()
        assert found.height == count and (sum(pieces) if pieces else None) == total
        assert found.equals(frames.page_of(LOOSE, RowQuery("loose", among(cell)), all_rows(cube, "loose")).rows)
    finally:
        cube.close()
