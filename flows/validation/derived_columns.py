"""Derived columns of rows that have their types: values, and where one could not be computed."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from flows.model.dataset import Dataset
from flows.model.tables import READ
from flows.model.types import type_of
from flows.validation.casts import TypedRows

DERIVED = "derived"
"""The rule that a value can be computed and has a place in its column's type."""


def compute_derived(dataset: Dataset, typed: TypedRows) -> TypedRows:
    """The rows with their derived columns, in the order in which they are declared."""
    rows = typed
    for name in dataset.computations:
        rows = _with_column(dataset, name, rows)
    return rows


def _with_column(dataset: Dataset, name: str, rows: TypedRows) -> TypedRows:
    computation = dataset.computations[name]
    values, failed = computation.compute(name, rows.frame)
    without = _without(dataset, computation.reads, rows)
    rows = replace(
        rows,
        frame=rows.frame.with_columns(values),
        without=rows.without if without is None else {**rows.without, name: without},
    )
    failed = failed if failed is None or without is None else failed & ~without
    if failed is None or not failed.any():
        return rows
    frame = rows.frame.with_columns((pl.col(READ) & ~pl.lit(failed)).alias(READ))
    return replace(rows, frame=frame, unread={**rows.unread, name: failed})


def _without(dataset: Dataset, reads: tuple[str, ...], rows: TypedRows) -> pl.Series | None:
    """Where a cell that is read has a finding: then that is what is wrong with the row, and not what follows of it."""
    columns = dataset.row_schema.columns()
    flags = [each[name] for each in (rows.unread, rows.without) for name in reads if name in each]
    needed = [name for name in reads if not columns[name].nullable and rows.frame[name].null_count()]
    flags += [rows.frame[name].is_null() for name in needed]
    return pl.select(pl.any_horizontal(pl.lit(each) for each in flags)).to_series() if flags else None


def operand_texts(dataset: Dataset, name: str, text: pl.DataFrame) -> pl.Series:
    """What a derived column is computed from, as it stands in the file: `Price=1.15, Qty=3`."""
    cells = [
        pl.format(f"{_braces(each)}={{}}", pl.col(each).cast(pl.String).fill_null(""))
        for each in _sources(dataset, name)
    ]
    return text.select(pl.concat_str(cells, separator=", ").alias(name)).to_series()


def _braces(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")


def _sources(dataset: Dataset, name: str) -> tuple[str, ...]:
    """The columns of the schema that a derived one is computed from, by others too."""
    if name not in dataset.columns:
        return (name,)
    found = [source for each in dataset.computations[name].reads for source in _sources(dataset, each)]
    return tuple(dict.fromkeys(found))


def expected_of(dataset: Dataset, name: str) -> str:
    """What should have come out, in words."""
    derived = dataset.columns[name]
    return f"{type_of(derived.type).noun}, the value of {derived.expression}"
