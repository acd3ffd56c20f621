"""What the present declaration makes of rows that an earlier one has made. None of them is left out: what the checks
would say of a file is found, and what has no place any more is null."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import dataframely as dy
import polars as pl

from flows.model.dataset import Dataset
from flows.model.findings import NO_FINDINGS, FileFindings, Finding
from flows.model.nulls import null_column
from flows.model.tables import FILE, LINE, READ, ROW, VERSION
from flows.model.types import type_of
from flows.validation.casts import TypedRows
from flows.validation.conversion import convert
from flows.validation.cost import TooCostly
from flows.validation.derived_columns import compute_derived
from flows.validation.validate import find_faults


@dataclass(frozen=True)
class Source:
    """A content, and the path whose values its rows have."""

    content: int
    path: bytes


@dataclass(frozen=True)
class DerivedRows:
    """The same rows as the present declaration has them.

    Args:
        rows: the schema's columns, `_version` and `_line`; without those that have no key, where it was changed.
        found: what the checks say of each content.
        hidden: column → how many of its values are not shown, since it is gone, or they have no place in it any more.
    """

    rows: pl.DataFrame
    found: dict[int, FileFindings]
    hidden: dict[str, int]


def derive_rows(dataset: Dataset, rows: pl.DataFrame, sources: Sequence[Source], *, judged: bool = True) -> DerivedRows:
    """The rows of some contents as they would be had they been declared so.

    Args:
        dataset: the present declaration.
        rows: rows of an earlier one, with `_version` and `_line`; those of other contents are left out.
        sources: the contents, each once.
        judged: whether they are checked; else nothing is found.
    """
    alike = dict[int, list[Source]]()
    for source in sources:
        alike.setdefault(id(dataset.of_file(source.path)), []).append(source)
    if not alike:
        return _derive_alike(dataset, rows, [], judged=judged)
    made = [_derive_alike(dataset.of_file(group[0].path), rows, group, judged=judged) for group in alike.values()]
    return reduce(_both, made)


def _both(one: DerivedRows, other: DerivedRows) -> DerivedRows:
    hidden = dict(Counter(one.hidden) + Counter(other.hidden))
    return DerivedRows(pl.concat([one.rows, other.rows]), one.found | other.found, hidden)


def _derive_alike(dataset: Dataset, rows: pl.DataFrame, sources: Sequence[Source], *, judged: bool) -> DerivedRows:
    numbers = pl.DataFrame(
        {VERSION: [source.content for source in sources], FILE: range(len(sources))},
        schema={VERSION: pl.Int64, FILE: pl.UInt32},
    )
    held = rows.join(numbers, on=VERSION, how="inner", maintain_order="left").sort(FILE, maintain_order=True)
    raw = pl.DataFrame(
        [_raw(dataset, held, sources, name).alias(name) for name in dataset.schema.columns()]
    ).with_columns(held[FILE], held[LINE])
    typed = compute_derived(dataset, _typed(dataset, raw))
    columns = list(dataset.row_schema.columns())
    values = dataset.kept(typed.frame.select(*columns, LINE)).with_columns(held[VERSION])
    found = _found(dataset, typed, raw, sources) if judged else {}
    hidden = {**_gone(dataset, held), **{name: int(lost.sum()) for name, lost in typed.unread.items()}}
    return DerivedRows(
        values.select(*columns, VERSION, LINE).drop_nulls(list(dataset.table.keys) or [VERSION]), found, hidden
    )


def _gone(dataset: Dataset, held: pl.DataFrame) -> dict[str, int]:
    """The columns of which nothing is made any more, and how many values they have."""
    used = {_stored_name(dataset, held, name) for name in dataset.schema.columns()}
    used |= {*dataset.columns, VERSION, FILE, LINE}
    values = {name: held.height - held[name].null_count() for name in held.columns if name not in used}
    return {name: number for name, number in values.items() if number}


def _raw(dataset: Dataset, held: pl.DataFrame, sources: Sequence[Source], name: str) -> pl.Series:
    """What a column is made of: what the path says, or what was stored under its name or its earlier one."""
    if dataset.prepare is None and name in dataset.path_columns:
        return _given_by_path(dataset, held, sources, name)
    stored = _stored_name(dataset, held, name)
    return held[stored] if stored is not None else null_column(name, pl.String, held.height)


def _stored_name(dataset: Dataset, held: pl.DataFrame, name: str) -> str | None:
    """The name, the present or an earlier one, under which a column was stored."""
    return next((each for each in (name, *dataset.earlier_names(name)) if each in held.columns), None)


def _given_by_path(dataset: Dataset, held: pl.DataFrame, sources: Sequence[Source], name: str) -> pl.Series:
    """What the path says. One that does not match says nothing: a text that it gave before stays."""
    given = [dataset.values_of_path(os.fsdecode(source.path)) for source in sources]
    said = pl.Series([values[name] if values else None for values in given], dtype=pl.String).gather(held[FILE])
    if name not in held.columns or held[name].dtype != pl.String:
        return said
    return said.zip_with(
        pl.Series([values is not None for values in given], dtype=pl.Boolean).gather(held[FILE]), held[name]
    )


def _typed(dataset: Dataset, raw: pl.DataFrame) -> TypedRows:
    values, unread = [], {}
    for name, column in dataset.schema.columns().items():
        found = _converted(dataset, raw[name], column)
        lost = found.is_null() & ~_absent(dataset, raw[name])
        values.append(found)
        if lost.any():
            unread[name] = lost
    read = pl.lit(True) if not unread else ~pl.any_horizontal(pl.lit(flags) for flags in unread.values())
    frame = pl.DataFrame(values).with_columns(
        raw[FILE], raw[LINE], pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW), read.alias(READ)
    )
    return TypedRows(frame, unread)


def _converted(dataset: Dataset, raw: pl.Series, column: dy.Column) -> pl.Series:
    cells = dataset.first_format.cells.of(raw.name)
    if raw.name not in dataset.path_columns or dataset.prepare is not None:
        return convert(raw, column, cells)
    held = pl.when(~pl.col(raw.name).is_in(list(cells.nulls))).then(pl.col(raw.name))
    read = type_of(column).read(raw, held, column, cells)
    return raw.to_frame().select(read.cast(column.dtype).alias(raw.name)).to_series()


def _absent(dataset: Dataset, raw: pl.Series) -> pl.Series:
    nothing = raw.is_null()
    is_text = raw.name in dataset.path_columns and raw.dtype == pl.String
    return (
        nothing | raw.is_in(list(dataset.first_format.cells.of(raw.name).nulls)).fill_null(True) if is_text else nothing
    )


def _found(dataset: Dataset, typed: TypedRows, raw: pl.DataFrame, sources: Sequence[Source]) -> dict[int, FileFindings]:
    before = [_of_path(dataset, source.path) for source in sources]
    try:
        found: Sequence[FileFindings] = find_faults(dataset, typed, raw, before)
    except TooCostly as costly:
        much = Finding("memory", raw=costly.raw, expected=costly.expected)
        found = [each.with_findings([much], {"memory": 1}) for each in before]
    return {source.content: each for source, each in zip(sources, found, strict=True)}


def _of_path(dataset: Dataset, path: bytes) -> FileFindings:
    text = os.fsdecode(path)
    if dataset.from_path is None or dataset.values_of_path(text) is not None:
        return NO_FINDINGS
    finding = Finding("from_path", raw=text, expected=f"a path that matches {dataset.from_path}")
    return NO_FINDINGS.with_findings([finding], {"from_path": 1})
