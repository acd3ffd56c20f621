"""The cube's model: tables with typed columns, and from them the levels and measures that queries name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import assert_never

from flows.model.calculated import CalculatedMeasure, Formula, Operand, operands
from flows.model.calendar import DailyBy
from flows.model.calendar_levels import Calendar, calendar_levels
from flows.model.hierarchies import Hierarchy, drilled
from flows.model.levels import SOURCE, Joined, Level, OwnColumn, SourceFact
from flows.model.measures import (
    Aggregation,
    DistinctCount,
    Max,
    Mean,
    Measure,
    Min,
    RowCount,
    Shown,
    Sum,
    ValueCount,
    of_column,
)
from flows.model.names import named
from flows.model.types import BOOLEAN, DATE, FLOAT, INTEGER, STRING, ColumnType

VERSION = "_version"
"""The hidden integer column that says which file version a row came from."""
LINE = "_line"
"""The 1-based physical line of a row in its file."""
FILE = "_file"
"""Which file of a batch a row came from, counted from 0."""
ROW = "_row"
"""The position of a row in its batch, counted from 0."""
READ = "_read"
"""Whether every cell of a row could be read as its column's type."""
RESERVED = frozenset({VERSION, LINE, FILE, ROW, READ})
"""Names that no column of a dataset may have."""
CONTRIBUTORS_COUNT = "contributors.COUNT"
TOTAL_DEPTH = "total_depth"
"""Column of a query with totals: how many of the leading levels a row fixes (0 is the grand total)."""


SOURCE_LEVELS = (
    Level(f"{SOURCE}.File", STRING, SourceFact("file")),
    Level(f"{SOURCE}.Loaded", DATE, SourceFact("loaded")),
)
"""The levels of each table that say which file a row came in, and on which day that was loaded."""
_PLAIN = Calendar()


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType
    nullable: bool = False


@dataclass(frozen=True)
class TableJoin:
    """How the rows of a table find those of another one, whose key they hold.

    Args:
        name: what its levels are called by: `Product.Category`.
        table: the other table.
        on: pairs of a column here and a column of the key there, which it has no others of.
    """

    name: str
    table: Table
    on: tuple[tuple[str, str], ...]

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of the other table, but for its key, which stands here. Each may be missing."""
        others = (level for level in self.table.levels if isinstance(level.source, Joined) or not self._is_key(level))
        return tuple(
            self._joined(level, f"no {self.name}" if level.type.kind == STRING.kind else None) for level in others
        )

    @property
    def numbers(self) -> tuple[Level, ...]:
        """The numbers of the other table, made as levels are. Each may be missing, and is null then."""
        columns = (c for c in self.table.columns if c.type.numeric and c.name not in self.table.keys)
        own = (Level(c.name, c.type, OwnColumn(c.name), c.nullable) for c in columns)
        return tuple(self._joined(number, None) for number in (*own, *self.table.joined_numbers))

    @property
    def references(self) -> Mapping[str, Table]:
        """The other table, and those joined to it, by what their levels are called by."""
        behind = {f"{self.name}.{name}": table for name, table in self.table.references.items()}
        return {self.name: self.table, **behind}

    def _joined(self, value: Level, missing: str | None) -> Level:
        source = Joined(self.name, tuple(own for own, _ in self.on), value, missing)
        return Level(f"{self.name}.{value.name}", value.type, source, nullable=True)

    def _is_key(self, level: Level) -> bool:
        return not set(level.columns).isdisjoint(self.table.keys)


@dataclass(frozen=True)
class Table:
    """One table of the cube. Keyed tables hold one row per key; tables without keys hold all rows.

    Args:
        name: its name.
        columns: in the order of the schema.
        keys: the names of those that are the key.
        greatest: of rows with the same key the one with the greatest value of this column stays; None where
            rank decides alone.
        calculated: what can be asked besides, and is computed of measures.
        expect: when which day's data is expected; it says which day it is where conditions name days from today.
        calendar: how the days of its dates and moments are grouped.
        hierarchies: levels that are drilled in an order.
        joins: other tables whose rows belong to those of this one.
        number_formats: measure → how its numbers are written for people, as `model/number_formats.py` has it.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    greatest: str | None = None
    calculated: tuple[CalculatedMeasure, ...] = ()
    expect: DailyBy | None = None
    calendar: Calendar = _PLAIN
    hierarchies: tuple[Hierarchy, ...] = ()
    joins: tuple[TableJoin, ...] = ()
    number_formats: Mapping[str, str] = field(default_factory=dict, hash=False)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Keys and columns that are not numeric, in the order of the schema, each with its levels of the calendar; then
        those of the files that rows came in, and those of joined tables."""
        grouped = (c for c in self.columns if c.name in self.keys or not c.type.numeric)
        columns = (Level(c.name, c.type, OwnColumn(c.name), c.nullable) for c in grouped)
        own = (level for each in columns for level in (each, *calendar_levels(each, self.calendar)))
        return (*own, *SOURCE_LEVELS, *(level for join in self.joins for level in join.levels))

    @cached_property
    def joined_numbers(self) -> tuple[Level, ...]:
        """The numbers of joined tables, such as `Product.Weight`: a row has that of the row there that has its key."""
        return tuple(number for join in self.joins for number in join.numbers)

    @cached_property
    def joined_names(self) -> frozenset[str]:
        """The names of the levels and numbers of joined tables."""
        return frozenset(value.name for join in self.joins for value in (*join.levels, *join.numbers))

    @cached_property
    def references(self) -> Mapping[str, Table]:
        """The joined tables, by what their levels are called by: `Product`, and behind it `Product.Supplier`."""
        return {name: table for join in self.joins for name, table in join.references.items()}

    def references_of(self, levels: Iterable[str] = (), measures: Iterable[str] = ()) -> tuple[str, ...]:
        """The joined tables from which levels and measures come, those before them included."""
        measured = {number.name: number for number in self.joined_numbers}
        bases = self.base_measures(measures) if measured else ()
        columns = [of_column(self.measure(name).aggregation) for name in bases]
        numbers = [measured[column] for column in columns if column in measured]
        found = (name for value in (*map(self.level, levels), *numbers) for name in value.references)
        return tuple(dict.fromkeys(found))

    def base_measures(self, names: Iterable[str]) -> tuple[str, ...]:
        """The measures of columns that these are, or are calculated of."""
        formulas = {each.name: each.formula for each in self.calculated}
        return tuple(dict.fromkeys(base for name in names for base in _bases(name, formulas)))

    @property
    def column_levels(self) -> tuple[Level, ...]:
        """Those that are columns as they are."""
        return tuple(level for level in self.levels if level.is_column)

    @cached_property
    def measures(self) -> tuple[Measure[Aggregation], ...]:
        """All that can be asked: those shown, `X.MIN` and `X.MAX` for each column but truth values,
        `X.COUNT_DISTINCT` for each level, and of each number of a joined table, counted for each row here, `X.SUM`,
        `X.MEAN`, `X.COUNT`, `X.MIN` and `X.MAX`."""
        ordered = [c.name for c in self.columns if c.type is not BOOLEAN]
        return (
            *self.shown,
            *(Measure(f"{name}.MIN", Min(name)) for name in ordered),
            *(Measure(f"{name}.MAX", Max(name)) for name in ordered),
            *(Measure(f"{level.name}.COUNT_DISTINCT", DistinctCount(level.name)) for level in self.levels),
            *(
                Measure(f"{number.name}.{aggregation.word}", aggregation(number.name))
                for aggregation in (Sum, Mean, ValueCount, Min, Max)
                for number in self.joined_numbers
            ),
        )

    @property
    def shown(self) -> tuple[Measure[Shown], ...]:
        """What the live page and the reports of days show: `X.SUM` and `X.MEAN` for each numeric column that is no
        key, `X.COUNT` of its values where it may be null, and `contributors.COUNT`."""
        numeric = [c.name for c in self.columns if c.type.numeric and c.name not in self.keys]
        nullable = [c.name for c in self.columns if c.name in numeric and c.nullable]
        return (
            *(Measure(f"{name}.SUM", Sum(name)) for name in numeric),
            *(Measure(f"{name}.MEAN", Mean(name)) for name in numeric),
            *(Measure(f"{name}.COUNT", ValueCount(name)) for name in nullable),
            Measure(CONTRIBUTORS_COUNT, RowCount()),
        )

    def column(self, name: str) -> Column:
        """The column of that name, or the number of a joined table."""
        return self._columns[name]

    @property
    def all_columns(self) -> Iterable[Column]:
        """The columns, and the numbers of joined tables."""
        return self._columns.values()

    @cached_property
    def _columns(self) -> Mapping[str, Column]:
        numbers = (Column(number.name, number.type, nullable=True) for number in self.joined_numbers)
        return {column.name: column for column in (*self.columns, *numbers)}

    def type_of(self, aggregation: Aggregation) -> ColumnType:
        """The type of an aggregation's answers."""
        match aggregation:
            case Sum(column):
                return self.column(column).type.of_sums
            case Mean():
                return FLOAT
            case Min(column) | Max(column):
                return self.column(column).type
            case ValueCount() | RowCount() | DistinctCount():
                return INTEGER
            case _:
                assert_never(aggregation)

    def level(self, name: str) -> Level:
        """The level of that name; raises QueryError naming the nearest one."""
        return named("level", name, {level.name: level for level in self.levels}, self.name)

    @cached_property
    def groupings(self) -> tuple[str, ...]:
        """By what one may group: levels, hierarchies, and hierarchies down to one of their levels."""
        steps = (name for hierarchy in self.hierarchies for name in hierarchy.steps)
        return (*(level.name for level in self.levels), *steps)

    def drilled(self, names: Iterable[str]) -> tuple[str, ...]:
        """The levels that groupings mean; raises QueryError naming the nearest one of an unknown name."""
        known = dict.fromkeys(self.groupings)
        for name in (name for name in names if name not in known):
            named("level", name, known, self.name)
        return drilled(names, self.hierarchies)

    def measure(self, name: str) -> Measure[Aggregation]:
        """The measure of that name; raises QueryError naming the nearest one."""
        return named("measure", name, {m.name: m for m in self.measures}, self.name)

    @property
    def measure_names(self) -> tuple[str, ...]:
        """All measures that can be asked, those of columns and those calculated."""
        return (*(measure.name for measure in self.measures), *(each.name for each in self.calculated))

    def type_of_measure(self, name: str) -> ColumnType:
        """The type of the values of a measure, calculated or not; raises QueryError naming the nearest one."""
        known: dict[str, Measure[Aggregation] | CalculatedMeasure] = {m.name: m for m in self.measures}
        found = named("measure", name, known | {each.name: each for each in self.calculated}, self.name)
        return found.type if isinstance(found, CalculatedMeasure) else self.type_of(found.aggregation)


def _bases(operand: Operand, formulas: Mapping[str, Formula]) -> Iterator[str]:
    formula = formulas.get(operand) if isinstance(operand, str) else operand
    if formula is None:
        yield str(operand)
    elif not isinstance(formula, str | int | float | Decimal):
        for each in operands(formula):
            yield from _bases(each, formulas)
