"""Random decimals: what a file says is what a segment, the cube and every sum say, to the last digit."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import dataframely as dy
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.model.dataset import Dataset
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import FILE, LINE, VERSION
from flows.model.totals import from_json, to_json
from flows.model.types import DECIMAL
from flows.model.types.decimal import FLOAT_DIGITS
from flows.store.footer import Footer
from flows.store.segment_rows import read_segment
from flows.store.segments import Segments
from flows.validation.casts import cast_rows

GROUPS = ("a", "b", None)


@st.composite
def amounts(draw: st.DrawFn) -> tuple[int, int, list[tuple[str | None, int]]]:
    """A precision, a scale, and rows of a group and the units of an amount."""
    precision = draw(st.integers(1, 38))
    units = st.integers(1 - 10**precision, 10**precision - 1)
    most = st.sampled_from([10**precision - 1, 1 - 10**precision])  # whose sums soon leave 38 digits
    rows = st.lists(st.tuples(st.sampled_from(GROUPS), units | most), min_size=1, max_size=30)
    return precision, draw(st.integers(0, precision)), draw(rows)


def text_of(units: int, scale: int) -> str:
    digits = str(abs(units)).rjust(scale + 1, "0")
    point = len(digits) - scale
    return ("-" if units < 0 else "") + digits[:point] + ("." + digits[point:] if scale else "")


@given(amounts())
@settings(max_examples=30, deadline=None)
def test_what_a_file_says_is_what_every_answer_says(drawn: tuple[int, int, list[tuple[str | None, int]]]) -> None:
    precision, scale, rows = drawn
    columns = {"Group": dy.String(nullable=True), "Amount": dy.Decimal(precision, scale)}
    dataset = Dataset(type("Money", (dy.Schema,), dict(columns)), "landing")
    texts = [text_of(units, scale) for _, units in rows]
    schema = {"Group": pl.String, "Amount": pl.String, FILE: pl.UInt32, LINE: pl.UInt32}
    cells = [(group, text, 0, line) for line, ((group, _), text) in enumerate(zip(rows, texts, strict=True))]
    typed = cast_rows(dataset.schema, dataset.first_format.cells, pl.DataFrame(cells, schema=schema, orient="row"))
    assert not typed.unread
    values = typed.frame["Amount"]
    assert [Fraction(value) for value in values] == [Fraction(units, 10**scale) for _, units in rows]
    assert values.cast(pl.String).to_list() == texts

    table, query = dataset.table, Query(dataset.name, ("Amount.SUM",), ("Group",), totals=True)
    upserts = typed.frame.select("Group", "Amount", pl.lit(1, pl.Int64).alias(VERSION), LINE)
    cube = DuckDbCube((table,))
    try:
        cube.apply(ChangeSet(table.name, frozenset(), upserts))
        [batch] = cube.batches(table.name)
        assert batch.schema == upserts.schema
        assert sorted(batch["Amount"]) == sorted(values)
        answers = (cube.query(query), frames.aggregate(table, query, upserts))
    finally:
        cube.close()
    expected: dict[tuple[str | None, int], Fraction] = defaultdict(Fraction)
    for group, units in rows:
        expected[None, 0] += Fraction(units, 10**scale)
        expected[group, 1] += Fraction(units, 10**scale)
    for answer in answers:
        found = {(group, depth): Fraction(total) for group, total, depth in answer.iter_rows()}
        assert found == expected
        shown, too_large = frames.fitting(table, query, answer)
        told = {(group, depth): total for group, total, depth in shown.iter_rows()}
        fits = {key: abs(total) * 10**scale < 10**38 for key, total in expected.items()}
        assert told == {key: Decimal(text_of(int(total * 10**scale), scale)) if fits[key] else None
                        for key, total in expected.items()}  # fmt: skip
        assert too_large == (() if all(fits.values()) else ("Amount.SUM",))
        assert [from_json(to_json(each)) for each in told.values()] == list(told.values())


def test_a_segment_keeps_all_digits(tmp_path: Path) -> None:
    chance = random.Random(7)
    columns = {f"P{precision}": dy.Decimal(precision, precision // 2) for precision in (1, 9, 18, 19, 28, 38)}
    dataset = Dataset(type("Money", (dy.Schema,), dict(columns)), tmp_path)
    values = {
        name: [Decimal(text_of(chance.randrange(1 - 10**digits, 10**digits), digits // 2)) for _ in range(500)]
        for name, digits in ((name, int(name[1:])) for name in columns)
    }
    rows = pl.DataFrame(values, schema={name: column.dtype for name, column in columns.items()})
    rows = rows.with_columns(pl.lit(1, pl.Int64).alias(VERSION), pl.int_range(500, dtype=pl.UInt32).alias(LINE))
    segments = Segments(tmp_path / "segments")
    facts = segments.write(1, dataset.table, rows, Footer(dataset.name, dataset.fingerprint))
    found = read_segment(segments.path(facts))
    assert found.schema == rows.schema
    assert found.select(*columns).to_dict(as_series=False) == values


@given(st.integers(1, FLOAT_DIGITS), st.data())
@settings(max_examples=200, deadline=None)
def test_up_to_so_many_digits_come_back_from_a_float(precision: int, data: st.DataObject) -> None:
    kind = DECIMAL.sized(precision, data.draw(st.integers(0, precision)))
    units = data.draw(st.lists(st.integers(1 - 10**precision, 10**precision - 1), min_size=1))
    values = pl.DataFrame({"Amount": [text_of(each, kind.scale) for each in units]}).cast(kind.frame)
    handed = values.select(kind.to_atoti(pl.col("Amount")))
    assert handed["Amount"].dtype == pl.Float64
    assert handed.select(kind.answer(pl.Float64(), pl.col("Amount"))).equals(values)
