"""Tables that are asked side by side: measures of several, by levels that all of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from flows.errors import QueryError
from flows.model.conditions import Among, Condition
from flows.model.level_origins import Origin, missing_names, origins
from flows.model.levels import Level
from flows.model.measures import Aggregation, Measure
from flows.model.names import named
from flows.model.query import Query
from flows.model.question import Question
from flows.model.tables import Table
from flows.model.types import ColumnType, Value

SEPARATOR = ":"
"""Stands between the names of a table and of its measure."""


def measure_of(table: str, measure: str) -> str:
    """How a measure is called where there are several tables: `sales:Revenue.SUM`."""
    return f"{table}{SEPARATOR}{measure}"


@dataclass(frozen=True)
class JointTable:
    """Several tables, as one whose measures are called `sales:Revenue.SUM`.

    Its levels are those that all of them have: by the same name and of the same type, or of the same reference table,
    whatever it is called by where it is joined.

    Args:
        tables: those that are asked.
        default: the name of the one whose measures are also called as it calls them. Without one, so are those of which
            there is one of the name.
    """

    tables: tuple[Table, ...]
    default: str | None = None

    @property
    def name(self) -> str:
        return ", ".join(table.name for table in self.tables)

    @cached_property
    def _owners(self) -> Mapping[str, tuple[Table, str]]:
        """What a measure may be called → its table, and what it is called there."""
        named = [(table, name) for table in self.tables for name in table.measure_names]
        plain = [(table, name) for table, name in named if self.default in (None, table.name)]
        counts = Counter(name for _, name in plain)
        alone = {name: (table, name) for table, name in plain if counts[name] == 1}
        return alone | {measure_of(table.name, name): (table, name) for table, name in named}

    @cached_property
    def measures(self) -> tuple[Measure[Aggregation], ...]:
        """Those of all tables that are not calculated; a column of one is of the table that its name says."""
        known = {table.name: {each.name: each.aggregation for each in table.measures} for table in self.tables}
        return tuple(
            Measure(name, known[table.name][own])
            for name, (table, own) in self._owners.items()
            if own in known[table.name]
        )

    @property
    def measure_names(self) -> tuple[str, ...]:
        """All that can be asked, those of columns and those calculated, by all names that they may be called."""
        return tuple(self._owners)

    @property
    def number_formats(self) -> Mapping[str, str]:
        """Measure → how its numbers are written."""
        forms = {name: table.number_formats.get(own) for name, (table, own) in self._owners.items()}
        return {name: form for name, form in forms.items() if form is not None}

    def own(self, measure: str) -> tuple[Table, str]:
        """The table that a measure is of, and what it is called there.

        Raises:
            QueryError: there is none of that name, or several; it says what to write.
        """
        if measure in self._owners:
            return self._owners[measure]
        tables = [table.name for table in self.tables if measure in table.measure_names]
        if self.default is None and tables:
            written = " or ".join(measure_of(table, measure) for table in tables)
            raise QueryError(
                f"{measure} is a measure of {' and of '.join(tables)}",
                next_step=f"write {written}, or name the dataset",
                got=measure,
            )
        return named("measure", measure, self._owners)

    def type_of_measure(self, name: str) -> ColumnType:
        """The type of the values of a measure; raises QueryError as `own` does."""
        table, own = self.own(name)
        return table.type_of_measure(own)

    def queries(self, question: Question, where: Mapping[str, tuple[Condition, ...]]) -> list[Query]:
        """What a question asks of each table, by its own names.

        Args:
            question: the question.
            where: table → the conditions on its rows.
        """
        asked = [self.own(name) for name in question.asked_measures]
        return [
            Query(
                table.name,
                tuple(own for of, own in asked if of is table),
                self.own_levels(table, question.by),
                where.get(table.name, ()),
                question.totals,
            )
            for table in self.tables
        ]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Those that all tables have, by the names that they have in the first that names them."""
        return tuple(level for level in self._first.values() if all(self._meant(level, each) for each in self.tables))

    def level(self, name: str) -> Level:
        """The level of that name, as the first table has it that names it.

        Raises:
            QueryError: there is none, or not in all of them.
        """
        level = named("level", name, self._first)
        for table in self.tables:
            self.own_level(level, table)
        return level

    def own_level(self, level: Level, table: Table) -> str:
        """What a level is called in one of the tables.

        Raises:
            QueryError: it has none such, or several.
        """
        meant = self._meant(level, table)
        if len(meant) == 1:
            return meant[0].name
        naming = (each.name for each in self.tables if each != table and level.name in self._levels[each.name])
        others = " and ".join(naming)
        what = f"{level.name} is a level of {others}, and {table.name} has none such"
        if meant:
            what = f"{level.name} of {others} is {' and '.join(each.name for each in meant)} of {table.name}"
        elif level.name in self._levels[table.name]:
            what = f"{level.name} is of another type in {others} and in {table.name}"
        both = ", ".join(each.name for each in self.levels)
        raise QueryError(what, next_step=f"name a level that all have: {both}", field="by", got=level.name)

    @cached_property
    def _levels(self) -> Mapping[str, Mapping[str, Level]]:
        """Table → its levels by name."""
        return {table.name: {level.name: level for level in table.levels} for table in self.tables}

    @cached_property
    def _first(self) -> Mapping[str, Level]:
        return {name: level for table in self.tables[::-1] for name, level in self._levels[table.name].items()}

    @cached_property
    def _origins(self) -> Mapping[str, Mapping[str, frozenset[Origin]]]:
        """Table → level → where it comes from."""
        return {
            table.name: {level.name: frozenset(origins(table, level)) for level in table.levels}
            for table in self.tables
        }

    def _meant(self, level: Level, table: Table) -> list[Level]:
        """The level of a table that one of another means: that of its name, or else those of the same origin."""
        levels = self._levels[table.name]
        if level.name in levels:
            found = [levels[level.name]]
        else:
            first = next(each.name for each in self.tables if level.name in self._levels[each.name])
            origins, own = self._origins[first][level.name], self._origins[table.name]
            found = [each for name, each in levels.items() if origins & own[name]]
        return [each for each in found if each.type == level.type]

    @cached_property
    def groupings(self) -> tuple[str, ...]:
        """By what one may group: levels that all have, and hierarchies of such."""
        levels = {level.name for level in self.levels}
        steps = (
            name
            for table in self.tables
            for hierarchy in table.hierarchies
            for name, meant in hierarchy.steps.items()
            if levels.issuperset(meant)
        )
        return tuple(dict.fromkeys([*(level.name for level in self.levels), *steps]))

    def drilled(self, names: Iterable[str]) -> tuple[str, ...]:
        """The levels that groupings mean; raises QueryError as `level` does."""

        def meant() -> Iterator[str]:
            for name in names:
                table = next((table for table in self.tables if name in table.groupings), None)
                yield from (name,) if table is None else table.drilled((name,))

        return tuple(self.level(name).name for name in dict.fromkeys(meant()))

    def own_levels(self, table: Table, names: Iterable[str]) -> tuple[str, ...]:
        """What levels are called in one of the tables."""
        return tuple(self.own_level(self.level(name), table) for name in names)

    def own_conditions(self, table: Table, where: Iterable[Condition]) -> tuple[Condition, ...]:
        """Conditions as they are about the levels of one of the tables."""

        def own(condition: Condition) -> Condition:
            missing: dict[Value, Value] = {text: here for here, text in self.missing(condition.name, table).items()}
            named = replace(condition, name=self.own_level(self.level(condition.name), table))
            if not isinstance(named, Among) or not missing:
                return named
            return replace(named, values=tuple(missing.get(value, value) for value in named.values))

        return tuple(map(own, where))

    def missing(self, name: str, table: Table) -> Mapping[str, str]:
        """What stands for rows of one of the tables that have no match → what it is called by the level asked for."""
        level = self.level(name)
        own = self._levels[table.name][self.own_level(level, table)]
        pairs = zip(missing_names(own), missing_names(level), strict=False)  # as far as both are joined
        return {here: asked for here, asked in pairs if here != asked}
