"""What tables and columns go by in statements: no name from outside is part of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flows.cube.duckdb.zones import DAY, SHIFT
from flows.model.levels import CalendarPart
from flows.model.tables import VERSION, Table

CONTENT = "content"
"""The column of a table of sources that says of which rows each is."""


@dataclass(frozen=True)
class SideTable:
    """A table of few rows beside another one, as it is joined to it.

    Args:
        clause: what joins it.
        columns: its columns → their names in the statement, which no others have.
    """

    clause: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class JoinedTable:
    """A table as it is joined to another one.

    Args:
        clause: what joins it.
        names: what it goes by, so that no other table has these names.
    """

    clause: str
    names: TableNames


@dataclass(frozen=True)
class TableNames:
    """What a table and those beside it go by in a statement.

    Args:
        inside: its columns → their names.
        sources: the files of its rows.
        shifts: column of moments with a zone → how far the clocks there are from UTC.
        joins: name of a join → the table.
    """

    inside: Mapping[str, str]
    sources: SideTable
    shifts: Mapping[str, SideTable]
    joins: Mapping[str, JoinedTable] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineNames:
    """What the tables of the engine are called.

    Args:
        tables: table of the cube → its name, and its columns → their names.
        zones: zone → the table of its shifts.
    """

    tables: Mapping[str, tuple[str, Mapping[str, str]]]
    zones: Mapping[str, str]

    def of(self, table: Table, inside: Mapping[str, str] | None = None, prefix: str = "") -> TableNames:
        """What a table goes by in a statement.

        Args:
            table: the table.
            inside: its columns → their names, where it is joined to another one.
            prefix: what the names of all that is joined to it begin with.
        """
        name, own = self.tables[table.name]
        inside = inside or own
        joins = {}
        for number, join in enumerate(table.joins):
            begin = f"{prefix}j{number}"
            clause, columns = self._joined(join.table.name, begin)
            met = " AND ".join(f"{inside[here]} = {columns[there]}" for here, there in join.on)
            joins[join.name] = JoinedTable(f"{clause} ON {met}", self.of(join.table, columns, begin))
        return TableNames(inside, _sources(name, inside, prefix), self._shifts(table, inside, prefix), joins)

    def _joined(self, table: str, prefix: str) -> tuple[str, dict[str, str]]:
        name, columns = self.tables[table]
        return _renamed(name, columns, prefix)

    def _shifts(self, table: Table, inside: Mapping[str, str], prefix: str) -> dict[str, SideTable]:
        def each() -> Iterator[tuple[str, SideTable]]:
            for column, zone in zoned_moments(table).items():
                clause, named = _renamed(self.zones[zone], {DAY: DAY, SHIFT: SHIFT}, f"{prefix}z{inside[column]}")
                yield column, SideTable(f"{clause} ON CAST({inside[column]} AS DATE) = {named[DAY]}", named)

        return dict(each())


def zoned_moments(table: Table) -> dict[str, str]:
    """Column of moments with a zone → the zone."""
    parts = (level.source for level in table.levels)
    return {part.column: part.zone for part in parts if isinstance(part, CalendarPart) and part.zone is not None}


def sources_of(name: str) -> str:
    """The table of the sources of another one's rows."""
    return f"{name}s"


def _sources(name: str, inside: Mapping[str, str], prefix: str) -> SideTable:
    """Each row has a file, so that a plain join, which is three times as fast, leaves none out; but where the table is
    joined itself, rows without a match there stay."""
    clause, named = _renamed(sources_of(name), {each: each for each in (CONTENT, "file", "loaded")}, f"{prefix}s")
    clause = clause if prefix else clause.replace(" LEFT JOIN ", " JOIN ", 1)
    return SideTable(f"{clause} ON {inside[VERSION]} = {named[CONTENT]}", named)


def _renamed(name: str, columns: Mapping[str, str], prefix: str) -> tuple[str, dict[str, str]]:
    """The beginning of a join with a table whose columns get names that no other table has, and these."""
    named = {column: f"{prefix}{each}" for column, each in columns.items()}
    renamed = ", ".join(f"{each} AS {named[column]}" for column, each in columns.items())
    return f" LEFT JOIN (SELECT {renamed} FROM {name})", named
