"""What the URL parameters of the read API may be. A refusal names the field and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flows.errors import QueryError
from flows.model.lifecycle import State
from flows.model.tables import Query, Table, parse_value

Given = Mapping[str, list[str]]
"""Parameter → the values given."""

MAX_FILES = 100_000
FILES = 1_000
MAX_ROWS = 100_000
"""Rows that one answer may have."""
MAX_NAMES = 100
"""How often a parameter may be repeated."""
STATES = tuple(state.value for state in State)
_YES, _NO = ("true", "1", ""), ("false", "0")


def parse_query(model: tuple[Table, ...], given: Given) -> Query:
    """The query that URL parameters ask for: `measure`, `by`, `where` (LEVEL=VALUE), `totals`, `dataset`.

    Raises:
        QueryError: a parameter names what the cube does not have; its `field` and `allowed` say which and what.
    """
    check_known(given, ("dataset", "measure", "by", "where", "totals", "limit"))
    table = _dataset(model, given)
    measures, levels = tuple(given.get("measure", ())), tuple(given.get("by", ()))
    totals = one_of(given, "totals", (*_YES, *_NO), "false") in _YES
    _checked("measure", measures, table.measure, [measure.name for measure in table.measures])
    _checked("by", levels, table.level, [level.name for level in table.levels])
    if not measures:
        raise _refusal(
            "measure", "A query needs at least one measure", [m.name for m in table.measures], next_step="name one"
        )
    return Query(table.name, measures, levels, _conditions(table, given.get("where", ())), totals)


def check_known(given: Given, known: Iterable[str]) -> None:
    """Refuse parameters of other names, and too many of one."""
    allowed = sorted(known)
    for name, values in given.items():
        if name not in allowed:
            raise _refusal(name, "There is no parameter of that name", allowed)
        if len(values) > MAX_NAMES:
            raise QueryError(f"{name} is given too often", next_step=f"give it {MAX_NAMES} times at most", field=name)


def one(given: Given, name: str, default: str) -> str:
    """The value of a parameter that may be given once."""
    values = given.get(name, [default])
    if len(values) > 1:
        raise QueryError(f"{name} is given {len(values)} times", next_step="give it once", field=name)
    return values[0]


def one_of(given: Given, name: str, allowed: Iterable[str], default: str) -> str:
    """The value of a parameter that may be given once, and has to be one of some."""
    value, choices = one(given, name, default), list(allowed)
    if value not in choices:
        raise _refusal(name, f"{name} has no such value", choices, got=value)
    return value


def whole(given: Given, name: str, default: int, most: int) -> int:
    """A number from 1 to `most`."""
    text = one(given, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= most):
        raise QueryError(f"{name} cannot be used", next_step=f"make it a number from 1 to {most}", got=text, field=name)
    return int(text)


def states(given: Given) -> tuple[str, ...]:
    """The states asked for; none asks for all."""
    for state in given.get("state", ()):
        if state not in STATES:
            raise _refusal("state", "There is no state of that name", STATES, got=state)
    return tuple(given.get("state", ()))


def dataset_of(model: tuple[Table, ...], given: Given) -> str | None:
    """The dataset asked for, if any."""
    return _dataset(model, given).name if "dataset" in given else None


def _dataset(model: tuple[Table, ...], given: Given) -> Table:
    tables = {table.name: table for table in model}
    default = next(iter(tables)) if len(tables) == 1 else ""
    if not default and "dataset" not in given:
        raise _refusal("dataset", "There are several datasets", tables, next_step="name one")
    name = one(given, "dataset", default)
    if name not in tables:
        raise _refusal("dataset", "There is no dataset of that name", tables, got=name)
    return tables[name]


def _checked(field: str, names: tuple[str, ...], find: Callable[[str], object], allowed: list[str]) -> None:
    for name in names:
        try:
            find(name)
        except QueryError as error:
            raise QueryError(error.what, next_step=error.next_step, got=name, field=field, allowed=allowed) from None
    if len(set(names)) < len(names):
        raise QueryError(f"A {field} is named twice", next_step="name each once", got=", ".join(names), field=field)


def _conditions(table: Table, conditions: Iterable[str]) -> dict[str, list[Any]]:
    where: dict[str, list[Any]] = {}
    levels = [level.name for level in table.levels]
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals:
            raise QueryError(
                "A condition needs LEVEL=VALUE",
                next_step="write for example Date=2021-05-01",
                got=condition,
                field="where",
                allowed=[f"{level}=…" for level in levels],
            )
        _checked("where", (name,), table.level, levels)
        try:
            where.setdefault(name, []).append(parse_value(table.level(name), value))
        except QueryError as error:
            raise QueryError(error.what, next_step=error.next_step, got=value, field="where") from None
    return where


def _refusal(
    field: str, what: str, allowed: Iterable[str], *, next_step: str | None = None, got: str | None = None
) -> QueryError:
    allowed = list(allowed)
    named = ", ".join(name for name in allowed if name)
    return QueryError(what, next_step=f"{next_step or 'use one'} of {named}", got=got, field=field, allowed=allowed)
