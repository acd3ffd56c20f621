"""Parameters whose values are names out of the cube's tables: which there are is known only when they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from flows.errors import QueryError
from flows.model.tables import Table


@dataclass(frozen=True)
class TableNames:
    """Each value is a name that the table of the parameter `dataset` gives, and none is given twice.

    Args:
        of: all names of a table.
        find: what a name means; raises QueryError naming the nearest.
        meant: the names that stand for them; by default, themselves.
        hint: what to do about a name that the table does not give but knows, as a sentence; mostly nothing.
    """

    of: Callable[[Table], list[str]]
    find: Callable[[Table, str], object]
    meant: Callable[[Table, tuple[str, ...]], tuple[str, ...]] = lambda _, names: names
    hint: Callable[[Table, str], str] = lambda *_: ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"uniqueItems": True}

    def require(self, field: str, name: str, table: Table) -> None:
        """Refuse a name that the table does not give."""
        try:
            self.find(table, name)
        except QueryError as error:
            raise QueryError(
                error.what,
                next_step=self.hint(table, name) + error.next_step,
                got=name,
                field=field,
                allowed=self.of(table),
            ) from None

    def _check(self, names: tuple[str, ...], info: ValidationInfo[tuple[Table, ...]]) -> tuple[str, ...]:
        field = str(info.field_name)
        table = table_named(info.context, info.data["dataset"])
        for name in names:
            self.require(field, name, table)
        if len(set(names)) < len(names):
            raise QueryError(f"A {field} is named twice", next_step="name each once", got=", ".join(names), field=field)
        return self.meant(table, names)


def _number_hint(table: Table, name: str) -> str:
    if f"{name}.SUM" not in table.measure_names:
        return ""
    return f"{name} is a number: ask for {name}.SUM, or declare it as dy.String() to group by it. "


MEASURES = TableNames(lambda table: list(table.measure_names), Table.type_of_measure)
LEVELS = TableNames(lambda table: [level.name for level in table.levels], Table.level, hint=_number_hint)
GROUPINGS = TableNames(
    lambda table: [*table.groupings], lambda table, name: table.drilled((name,)), Table.drilled, _number_hint
)


def table_named(tables: Iterable[Table], name: str | None) -> Table:
    """The table of a dataset; None stands for the only one.

    Raises:
        QueryError: there is no such dataset, or there are several.
    """
    known = {table.name: table for table in tables}
    if name is None and len(known) > 1:
        raise refusal("dataset", "There are several datasets", known, next_step="name it as dataset (--dataset), one")
    chosen = next(iter(known), "") if name is None else name
    if chosen not in known:
        raise refusal("dataset", "There is no dataset of that name", known, got=chosen)
    return known[chosen]


def refusal(
    field: str, what: str, allowed: Iterable[str], *, next_step: str = "use one", got: str | None = None
) -> QueryError:
    """The error about a value in whose place only some may stand."""
    allowed = list(allowed)
    named = ", ".join(name for name in allowed if name)
    return QueryError(what, next_step=f"{next_step} of {named}", got=got, field=field, allowed=allowed)
