"""What can be asked of a table, in JSON types: for programs, and for people who look for a name."""

from __future__ import annotations

from typing import Any, assert_never, get_args

from flows.model.calculated import Formula
from flows.model.levels import CalendarPart, Joined, Level, OwnColumn, SourceFact
from flows.model.measures import Aggregation
from flows.model.tables import Table


def describe_table(table: Table) -> dict[str, Any]:
    """Its levels, hierarchies and measures, each with its type and what it is."""
    return {
        "dataset": table.name,
        "columns": {column.name: column.type.kind for column in table.columns},
        "keys": list(table.keys),
        "day": table.expect.day if table.expect is not None else None,
        "levels": {level.name: _level(level) for level in table.levels},
        "hierarchies": {each.name: list(each.levels) for each in table.hierarchies},
        "measures": {name: _measure(table, name, each) for name, each in _made_of(table).items()},
    }


def _made_of(table: Table) -> dict[str, Aggregation | Formula]:
    """Measure → what it is computed by."""
    columns: dict[str, Aggregation | Formula] = {each.name: each.aggregation for each in table.measures}
    return columns | {each.name: each.formula for each in table.calculated}


def _level(level: Level) -> dict[str, Any]:
    return {"type": level.type.kind, "nullable": level.nullable, "doc": _level_words(level)}


def _level_words(level: Level) -> str:
    match level.source:
        case OwnColumn(column):
            return f"the column {column}"
        case CalendarPart(column, period=None):
            return f"the day of {column}"
        case CalendarPart(column):
            return f"the {level.name.rpartition('.')[2].lower()} of {column}"
        case SourceFact(fact):
            facts = {"file": "the file that a row came in", "loaded": "the day on which the file of a row was loaded"}
            return facts[fact]
        case Joined(join, level=behind):
            return f"{behind.name} of the {join} that belongs to a row"
        case _:
            assert_never(level.source)


def _measure(table: Table, name: str, made: Aggregation | Formula) -> dict[str, Any]:
    """Of a calculated one its formula as it is declared."""
    declared = isinstance(made, get_args(Formula.__value__))
    doc = repr(made) if declared else (type(made).__doc__ or "").partition(".")[0]
    return {"type": table.type_of_measure(name).kind, "format": table.number_formats.get(name), "doc": doc}
