"""Rows with what joined tables say of them, for an engine that is asked for rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from flows.model.levels import CalendarPart, Joined, Level, SourceFact
from flows.model.tables import Table, TableJoin

type ReadRows = Callable[[Table, Sequence[str]], pl.DataFrame]
"""Some columns of all rows of a table, in the types of the port."""

_FOUND, _KEY = "\0found", "\0key"  # no columns of a table


def with_joined(table: Table, names: Iterable[str], rows: pl.DataFrame, read: ReadRows) -> pl.DataFrame:
    """Rows with the levels and numbers of joined tables that some names mean, beside their own columns.

    Args:
        table: whose rows they are.
        names: levels, and columns that are measured; those that are no joined ones are left alone.
        rows: at least the columns by which those tables are found.
        read: reads the joined tables.
    """
    asked = set(names)
    for join in table.joins:
        values = [value for value in (*join.levels, *join.numbers) if value.name in asked]
        if values:
            rows = _with_values(join, values, rows, read)
    return rows


def unmatched_rows(table: Table, rows: pl.DataFrame, read: ReadRows) -> dict[str, int]:
    """How many rows have no match in each joined table, as `Cube.unmatched` says.

    Args:
        table: whose rows they are.
        rows: at least the columns by which those tables are found.
        read: reads the joined tables.
    """
    found: dict[str, int] = {}
    for join in table.joins:
        further = key_columns(join.table)
        there = _beside(join, rows, read(join.table, [key for _, key in join.on] + further), further)
        found[join.name] = there[_FOUND].null_count()
        renamed = {f"{join.name}.{column}": column for column in further}
        matched = there.filter(pl.col(_FOUND)).select(*renamed).rename(renamed)
        behind = unmatched_rows(join.table, matched, read)
        found |= {f"{join.name}.{name}": count for name, count in behind.items()}
    return found


def key_columns(table: Table) -> list[str]:
    """The columns by which a table's rows find those of joined ones."""
    return list(dict.fromkeys(here for join in table.joins for here, _ in join.on))


def _with_values(join: TableJoin, values: Sequence[Level], rows: pl.DataFrame, read: ReadRows) -> pl.DataFrame:
    inner = [value.source.level for value in values if isinstance(value.source, Joined)]
    names = [each.name for each in inner]
    columns = [key for _, key in join.on] + [column for each in inner for column in each.columns]
    there = with_joined(join.table, names, read(join.table, list(dict.fromkeys(columns))), read)
    made = (each for each in inner if isinstance(each.source, CalendarPart | SourceFact))
    there = there.with_columns(each.expression.alias(each.name) for each in made)
    return _beside(join, rows, there, names).with_columns(map(_named_missing, values)).drop(_FOUND)


def _named_missing(value: Level) -> pl.Expr:
    missing = value.source.missing if isinstance(value.source, Joined) else None
    if missing is None:
        return pl.col(value.name)
    return pl.when(pl.col(_FOUND)).then(pl.col(value.name)).otherwise(pl.lit(missing)).alias(value.name)


def _beside(join: TableJoin, rows: pl.DataFrame, there: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Rows with some columns of the row there that has their key, by the names that they have here."""
    keys = [f"{_KEY}{index}" for index in range(len(join.on))]
    keyed = (pl.col(key).alias(name) for name, (_, key) in zip(keys, join.on, strict=True))
    named = (pl.col(name).alias(f"{join.name}.{name}") for name in names)
    found = there.select(*keyed, *named, pl.lit(value=True).alias(_FOUND))
    return rows.join(found, left_on=[here for here, _ in join.on], right_on=keys, how="left")
