"""Random derived columns, loaded, corrected and asked for: every sum is that of fractions, row by row."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import dataframely as dy
import polars as pl
from hypothesis import assume, given, settings

from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.model.derived import Derived
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import FILE, LINE, READ, ROW, VERSION
from flows.validation.casts import TypedRows
from flows.validation.derived_columns import compute_derived
from tests.property.expressions import COLUMNS, NUMBERS, ROWS, Drawn, Row, frame_of
from tests.property.test_expressions import meant

MADE = dy.Decimal(18, 6, nullable=True)
GROUPS = 3


def loaded(dataset: Dataset, rows: list[Row], version: int) -> pl.DataFrame:
    """The rows of a file that can be computed, as a cube is handed them; their keys count from 0."""
    place = pl.int_range(pl.len(), dtype=pl.UInt32)
    own = frame_of(rows).with_columns(
        pl.int_range(pl.len()).alias("Key"), (pl.int_range(pl.len()) % GROUPS).cast(pl.String).alias("Group"),
        pl.lit(0, pl.UInt32).alias(FILE), place.alias(LINE), place.alias(ROW), pl.lit(True).alias(READ),
    )  # fmt: skip
    typed = compute_derived(dataset, TypedRows(own, {})).frame
    names = [column.name for column in dataset.table.columns]
    return typed.filter(READ).select(*names, pl.lit(version, pl.Int64).alias(VERSION), LINE)


@given(NUMBERS, ROWS, ROWS)
@settings(max_examples=30, deadline=None)
def test_sums_over_a_history_are_those_of_fractions(drawn: Drawn, first: list[Row], second: list[Row]) -> None:
    schema = type("T", (dy.Schema,), {"Key": dy.Int64(primary_key=True), "Group": dy.String(), **COLUMNS})
    try:
        dataset = Dataset(schema, "landing", columns={"Made": Derived(drawn.polars, MADE)})
    except DeclarationError as refused:
        assume("38" not in str(refused))
        raise
    expected: dict[int, Fraction | None] = {}
    cube = DuckDbCube((dataset.table,))
    try:
        for version, rows in enumerate((first, second), start=1):
            cube.apply(ChangeSet("t", frozenset(), loaded(dataset, rows, version)))
            values = {key: meant(drawn, row, MADE) for key, row in enumerate(rows)}
            expected |= {key: value for key, value in values.items() if not isinstance(value, str)}
        answer = cube.query(Query("t", ("Made.SUM", "Made.COUNT"), ("Group",)))
    finally:
        cube.close()
    groups: dict[str, list[Fraction]] = defaultdict(list)
    for key, value in expected.items():
        groups[str(key % GROUPS)] += [] if value is None else [value]
    said = {group: (total if total is None else Fraction(total), count) for group, total, count in answer.iter_rows()}
    assert said == {group: (sum(values) if values else None, len(values)) for group, values in groups.items()}
