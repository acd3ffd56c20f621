"""The cells behind the page's pivots, on a real DuckDB: always what the cube holds, sent in steps that are whole."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cube.bounds import Bounds
from flows.cube.duckdb import engine as duckdb_cube
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.observable import WatchedCube
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT, Column, Table
from flows.model.types import DATE, DATETIME, FLOAT, INTEGER, STRING
from flows.web.cells import Layout, choose_layout, with_keys
from flows.web.hub import refresh_view
from flows.web.table_view import TableView
from tests.cube_rows import rows_of
from tests.integration.web.channel import Reader

TABLE = Table(
    "t",
    (
        Column("ID", INTEGER),
        Column("Day", DATE),
        Column("Shop", STRING, nullable=True),
        Column("Amount", INTEGER),
        Column("Price", FLOAT, nullable=True),
    ),
    keys=("ID",),
)
DAY = date(2021, 5, 1)


class RecordingCube(DuckDbCube):
    """Remembers the queries."""

    def __init__(self, table: Table = TABLE) -> None:
        super().__init__((table,))
        self.queries: list[Query] = []
        self.meanwhile: Any = None

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        self.queries.append(query)
        return super().query(query, bounds=bounds)

    def row_count(self, table: str) -> int:
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return super().row_count(table)


def rows(*rows: tuple[Any, ...], version: int = 1) -> pl.DataFrame:
    return rows_of(TABLE, rows, version)


def opened(max_cells: int = 1000) -> tuple[RecordingCube, WatchedCube, TableView, Reader]:
    cube = RecordingCube()
    watched = WatchedCube(cube)
    view = TableView(watched, TABLE, max_cells)
    return cube, watched, view, Reader(view)


def put(cube: WatchedCube, frame: pl.DataFrame, *, drop: tuple[int, ...] = ()) -> None:
    cube.apply(ChangeSet("t", frozenset(drop), frame))


def test_an_addition_is_shown_without_a_query_of_the_cube() -> None:
    cube, watched, view, reader = opened()
    put(watched, rows((1, DAY, "a", 5, 1.0), (2, date(2021, 5, 2), None, 7, None)))
    view.refresh()
    reader.read()
    cube.queries.clear()
    put(watched, rows((3, DAY, None, 2, 1.5), version=2))
    view.refresh()
    reader.read()
    assert reader.kinds == ["snapshot", "delta"]
    assert cube.queries == [] and len(reader.cells) == 3
    assert reader.sums("Day", "Shop") == {(DAY, "a"): 5, (date(2021, 5, 2), None): 7, (DAY, None): 2}
    put(watched, rows((4, DAY, None, 4, None), version=3))
    view.refresh()
    reader.read()
    shown = next(cell for cell in reader.cells.values() if cell["ID"] == 4)
    assert (shown["Amount.MEAN"], shown["Price.SUM"], cube.queries) == (4, None, [])


def test_a_row_that_is_replaced_leaves_its_old_cell() -> None:
    _, watched, view, reader = opened()
    put(watched, rows((1, DAY, "a", 5, 1.0), (2, DAY, "b", 7, 1.0)))
    view.refresh()
    reader.read()
    put(watched, rows((1, DAY, "b", 5, 1.0), version=2))
    view.refresh()
    reader.read()
    assert reader.kinds == ["snapshot", "delta"]
    assert reader.sums("Shop") == {("b",): 12}


def test_a_commit_during_the_look_is_seen_whole_or_not_at_all() -> None:
    """The first commit moves a row; the second makes the count of rows such as if it had been added."""
    cube, watched, view, reader = opened()
    put(watched, rows((1, DAY, "a", 1, 1.0), (2, DAY, "b", 1, 1.0)))
    view.refresh()
    reader.read()
    put(watched, rows((1, DAY, "b", 1, 1.0), version=2))
    cube.meanwhile = lambda: put(watched, rows((4, DAY, "a", 10, 1.0), version=3))
    for _ in range(3):
        view.refresh()
        reader.read()
        assert reader.sums("Shop") in ({("b",): 2}, {("a",): 10, ("b",): 2})
    assert reader.sums("Shop") == {("a",): 10, ("b",): 2}


def test_a_look_that_was_ended_for_a_commits_memory_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What moved before it is shown after it, though the next commit alone would explain the count of rows."""
    _, watched, view, reader = opened()
    put(watched, rows((1, DAY, "a", 1, 1.0), (2, DAY, "b", 1, 1.0)))
    refresh_view(view)
    reader.read()
    put(watched, rows((1, DAY, "b", 1, 1.0), version=2))
    with monkeypatch.context() as patched:
        patched.setattr(duckdb_cube, "answer", _interrupted)
        refresh_view(view)
    put(watched, rows((4, DAY, "a", 10, 1.0), version=3))
    refresh_view(view)
    reader.read()
    assert reader.sums("Shop") == {("a",): 10, ("b",): 2}


def _interrupted(*_: object) -> pl.DataFrame:
    raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")


def test_too_many_cells_drop_the_widest_level_also_later() -> None:
    _, watched, view, reader = opened(max_cells=4)
    put(watched, rows(*((number, DAY, "ab"[number % 2], 1, 1.0) for number in range(4))))
    view.refresh()
    reader.read()
    assert reader.header["dropped"] == []
    put(watched, rows((9, DAY, "a", 1, 1.0), version=2))
    view.refresh()
    reader.read()
    assert reader.header["dropped"] == ["ID"] and reader.kinds == ["snapshot", "snapshot"]
    assert reader.sums("Shop") == {("a",): 3, ("b",): 2}


def test_a_page_that_is_far_behind_gets_a_snapshot_and_one_that_is_not_gets_the_steps() -> None:
    _, watched, view, reader = opened()
    slow = Reader(view)
    view.refresh()
    for each in (reader, slow):
        each.read()
    for number in range(70):
        put(watched, rows((number, DAY, "a", 1, 1.0), version=number + 1))
        view.refresh()
        reader.read()
    slow.read()
    assert reader.kinds == ["snapshot"] + ["delta"] * 70 and slow.kinds == ["snapshot"] * 2
    assert reader.cells == slow.cells


def test_integers_beyond_the_browsers_are_shown_as_text() -> None:
    _, watched, view, reader = opened()
    put(watched, rows((5, DAY, "a", 1, 1.0)))
    view.refresh()
    reader.read()
    put(watched, rows((2**32 + 5, DAY, "a", 1, 1.0), version=2))
    view.refresh()
    reader.read()
    assert reader.header["types"]["ID"] == "string"
    assert reader.sums("ID") == {("5",): 1, (str(2**32 + 5),): 1}


def test_a_mean_is_weighted_by_the_count_of_its_values() -> None:
    _, watched, view, reader = opened()
    put(watched, rows((1, DAY, "a", 5, 1.0)))
    view.refresh()
    reader.read()
    for version, price in enumerate((None, 4.0, None), 2):
        put(watched, rows((version, DAY, "a", 5, price), version=version))
        view.refresh()
        reader.read()
    assert reader.kinds == ["snapshot"] + ["delta"] * 3
    folds = {measure["name"]: measure["fold"] for measure in reader.header["measures"]}
    assert folds["Price.MEAN"] == ["weighted mean", ["Price.COUNT"]]
    assert folds["Amount.MEAN"] == ["weighted mean", [CONTRIBUTORS_COUNT]]
    assert (reader.sums(of="Price.SUM", null=0), reader.sums(of="Price.COUNT")) == ({(): 5.0}, {(): 2})
    assert [cell["Price.MEAN"] for cell in reader.cells.values()] == [1.0, None, 4.0, None]


@given(st.lists(st.tuples(*[st.none() | st.text(alphabet="~:0129a,\x00é", max_size=5)] * 3), unique=True, min_size=1))
def test_no_two_cells_have_one_key(values: list[tuple[str | None, ...]]) -> None:
    table = Table("t", tuple(Column(name, STRING, nullable=True) for name in "abc"))
    answer = pl.DataFrame(values, schema=dict.fromkeys("abc", pl.String), orient="row")
    keyed = with_keys(answer.with_columns(pl.lit(1).alias(CONTRIBUTORS_COUNT)), Layout(table, table.column_levels))
    assert keyed["cell"].n_unique() == len(values)


def test_a_moment_is_shown_as_it_stands_and_a_column_called_cell_keeps_its_name() -> None:
    table = Table("t", (Column("cell", DATETIME), Column("Amount", INTEGER)))
    cube = DuckDbCube((table,))
    at = datetime(2021, 5, 1, 23, 59, 59)  # noqa: DTZ001  # the cube's moments have no zone
    cube.apply(ChangeSet("t", frozenset(), rows_of(table, [(at, 1)])))
    layout = choose_layout(table, cube.query, 1)
    shown = with_keys(cube.query(layout.query), layout)
    assert shown.columns[0] == "_cell" and shown["cell"].to_list()[0].startswith("2021-05-01 23:59:59")
    cube.close()


ROW = st.tuples(
    st.integers(0, 12), st.sampled_from([DAY, date(2021, 5, 2)]), st.sampled_from([None, "a", "b"]),
    st.integers(-3, 3), st.none() | st.floats(-1, 1),
)  # fmt: skip
STEP = st.tuples(st.lists(ROW, max_size=4, unique_by=lambda row: row[0]), st.lists(st.integers(1, 20), max_size=1))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=12), st.sampled_from([3, 8, 1000]), st.data())
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_pages_show_what_the_cube_says_whatever_happened(
    steps: list[tuple[list[tuple[Any, ...]], list[int]]], max_cells: int, data: st.DataObject
) -> None:
    cube, watched, view, reader = opened(max_cells)
    for version, (upserts, drop) in enumerate(steps, 1):
        put(watched, rows(*upserts, version=version), drop=tuple(each for each in drop if each < version))
        if data.draw(st.booleans()):
            view.refresh()
            reader.read()
    view.refresh()
    reader.read()
    layout = view.layout
    assert layout is not None
    whole = with_keys(cube.query(layout.query), layout)
    assert {row[layout.key]: row for row in whole.to_dicts()} == {
        key: {
            name: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value for name, value in cell.items()
        }
        for key, cell in reader.cells.items()
    }
    for level in reader.header["levels"]:
        answer = cube.query(Query("t", ("Amount.SUM",), (level["name"],)))
        assert reader.sums(level["name"]) == {(at,): total for at, total in answer.rows()}
    cube.close()


def test_a_sum_beyond_64_bits_leaves_the_page_at_work() -> None:
    most = 2**63 - 1
    _, watched, view, reader = opened(max_cells=2)
    put(watched, rows(*((number, DAY, "ab"[number % 2], most if number % 2 else 1, 1.0) for number in range(6))))
    view.refresh()
    reader.read()
    assert reader.sums("Shop") == {("a",): 3, ("b",): float(3 * most)}
    put(watched, rows((6, DAY, "a", 4, 1.0), version=2))
    put(watched, rows((1, DAY, "b", most - 1, 1.0), version=3))
    view.refresh()
    reader.read()
    assert reader.sums("Shop") == {("a",): 7, ("b",): float(3 * most)}
