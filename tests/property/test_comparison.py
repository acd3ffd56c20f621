"""The comparison by pieces finds what a comparison of all rows at once finds."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.frames import row_columns
from flows.ingest import comparison
from flows.ingest.comparison import Expected, compare
from flows.model.merge import ChangeSet, Horizon, winners
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import DATE, FLOAT, INTEGER, STRING
from tests.cube_rows import all_rows, with_lines

COLUMNS = (
    Column("Shop", STRING),
    Column("Day", DATE),
    Column("Pieces", INTEGER, nullable=True),
    Column("Share", FLOAT, nullable=True),
)
KEYED, LOOSE = Table("keyed", COLUMNS, keys=("Shop", "Day")), Table("loose", COLUMNS)
ROW = st.tuples(
    st.sampled_from(["", "a", "b", "ä"]),
    st.dates(date(2021, 5, 1), date(2021, 5, 4)),
    st.none() | st.integers(0, 2),
    st.sampled_from([None, 0.0, -0.0, 0.5, float("nan"), float("inf")]),
)
VERSIONS = st.lists(st.tuples(st.lists(ROW, max_size=9, unique_by=lambda row: row[:2]), st.none() | st.integers(0, 9)),
                    max_size=4)  # fmt: skip
HORIZON = st.none() | st.dates(date(2021, 5, 1), date(2021, 5, 4)).map(lambda day: Horizon("Day", day))


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {name: each.frame for name, each in row_columns(KEYED).items()}
    return pl.DataFrame([(*row, 2) for row in rows], schema=schema, orient="row")


def whole(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """The distinct rows of `left` that stand more often there than in `right`."""
    one, other = (Counter(repr(row).replace("-0.0", "0.0") for row in frame.rows()) for frame in (left, right))
    return sum(count > other[row] for row, count in one.items())


@pytest.mark.parametrize("table", [KEYED, LOOSE], ids=["keyed", "loose"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VERSIONS, HORIZON, st.data())
def test_pieces_find_what_the_whole_finds(
    monkeypatch: pytest.MonkeyPatch, table: Table, versions: list[Any], horizon: Horizon | None, data: st.DataObject
) -> None:
    monkeypatch.setattr(comparison, "PIECE_ROWS", 8)
    monkeypatch.setattr(comparison, "BUCKETS", 8)
    rows = frame([(*row, number) for number, (written, _) in enumerate(versions) for row in written])
    places = {number: 10 * place + number for number, (_, place) in enumerate(versions) if place is not None}
    fold = winners(table, rows, places)
    kept = fold if horizon is None else fold.filter(horizon.kept())
    held = frame([row for row in kept.drop(LINE).rows() if data.draw(st.integers(0, 5))])
    strange = data.draw(
        st.lists(st.tuples(ROW, st.integers(0, 5)).map(lambda found: (*found[0], found[1])), max_size=2)
    )
    cube = DuckDbCube((table,))
    try:
        for each in (held, *(frame([row]) for row in strange)):
            cube.apply(ChangeSet(table.name, frozenset(), each))
        actual = all_rows(cube, table.name)
        found = compare(
            Expected(table, [part.lazy() for part in rows.partition_by(VERSION)], places, rows.height, horizon), cube
        )
        assert (found["rows"], found["missing"], found["extra"]) == (
            actual.height, whole(kept, actual), whole(actual, kept),
        )  # fmt: skip
        assert Counter(example["difference"] for example in found["examples"]) == {
            kind: found[kind] for kind in ("missing", "extra") if found[kind]
        }
    finally:
        cube.close()


def test_no_more_than_a_piece_of_the_rows_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "PIECE_ROWS", 1_000)
    numbers = pl.int_range(20_000, eager=True)
    rows = pl.DataFrame({"Shop": numbers.cast(pl.String), "Day": date(2021, 5, 1), "Pieces": numbers, "Share": 0.5,
                         VERSION: pl.repeat(1, 20_000, dtype=pl.Int64, eager=True)})  # fmt: skip
    rows = with_lines(rows)
    held: list[int] = []

    def counted(table: Table, rows: pl.DataFrame, places: Any, **options: Any) -> pl.DataFrame:
        held.append(rows.height)
        return winners(table, rows, places, **options)

    monkeypatch.setattr(comparison, "winners", counted)
    cube = DuckDbCube((KEYED,))
    cube.apply(ChangeSet("keyed", frozenset(), rows.with_columns(pl.col("Pieces") % 19_999)))
    found = compare(Expected(KEYED, [rows.lazy()], {1: 1}, rows.height), cube)
    cube.close()
    assert (found["rows"], found["missing"], found["extra"]) == (20_000, 1, 1)
    assert max(held) < 1_500 and len(held) == 2 * 21
