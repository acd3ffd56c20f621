"""Parameters whose values are names out of the cube's tables: which there are is known only when they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from flows.errors import QueryError
from flows.model.joint_table import SEPARATOR, JointTable, measure_of
from flows.model.tables import Table

type AskedTable = Table | JointTable
"""What a question is of."""


@dataclass(frozen=True)
class TableNames:
    """Each value is a name that the tables give of which `dataset` and `measure` speak, and none is given twice.

    Args:
        of: all names of a table.
        find: what a name means; raises QueryError naming the nearest.
        meant: the names that stand for them; by default, themselves.
        hint: what to do about a name that the table does not give but knows, as a sentence; mostly nothing.
    """

    of: Callable[[AskedTable], list[str]]
    find: Callable[[AskedTable, str], object]
    meant: Callable[[AskedTable, tuple[str, ...]], tuple[str, ...]] = lambda _, names: names
    hint: Callable[[AskedTable, str], str] = lambda *_: ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"uniqueItems": True}

    def require(self, field: str, name: str, table: AskedTable) -> None:
        """Refuse a name that the table does not give."""
        try:
            self.find(table, name)
        except QueryError as error:
            raise QueryError(
                error.what,
                next_step=self.hint(table, name) or error.next_step,
                got=name,
                field=field,
                allowed=self.of(table),
            ) from None

    def _check(self, names: tuple[str, ...], info: ValidationInfo[tuple[Table, ...]]) -> tuple[str, ...]:
        field = str(info.field_name)
        measures = names if field == MEASURE else info.data.get(MEASURE, ())
        table = asked_table(info.context, info.data["dataset"], measures)
        for name in names:
            self.require(field, name, table)
        if len({_whole_name(table, field, name) for name in names}) < len(names):
            twice = f"A name stands twice in {field}"
            raise QueryError(twice, next_step="name each once", got=", ".join(names), field=field)
        return self.meant(table, names)


def _number_hint(table: AskedTable, name: str) -> str:
    if f"{name}.SUM" not in table.measure_names:
        return ""
    return f"{name} is a number: ask for {name}.SUM, or declare it as dy.String() to group by it"


def _whole_name(table: AskedTable, field: str, name: str) -> str:
    """The same for all names that a measure may be called."""
    if field != MEASURE or not isinstance(table, JointTable):
        return name
    of, own = table.own(name)
    return measure_of(of.name, own)


MEASURE = "measure"
MEASURES = TableNames(lambda table: list(table.measure_names), lambda table, name: table.type_of_measure(name))
LEVELS = TableNames(
    lambda table: [level.name for level in table.levels], lambda table, name: table.level(name), hint=_number_hint
)
GROUPINGS = TableNames(
    lambda table: [*table.groupings],
    lambda table, name: table.drilled((name,)),
    lambda table, names: table.drilled(names),
    _number_hint,
)


def asked_table(tables: Sequence[Table], dataset: str | None, measures: Sequence[str]) -> AskedTable:
    """The table of which a question is: that of the dataset, or those of its measures, `sales:Revenue.SUM`.

    Args:
        tables: those that there are.
        dataset: the one whose measures stand without its name.
        measures: the measures asked for.

    Raises:
        QueryError: there is no such dataset; or none is named, and a measure is of none, or of several.
    """
    names = {table.name for table in tables}
    prefixed = any(name.partition(SEPARATOR)[0] in names for name in measures)
    if not prefixed and (dataset is not None or len(names) == 1 or not measures):
        return table_named(tables, dataset)
    every = JointTable(tuple(tables), None if dataset is None else table_named(tables, dataset).name)
    try:
        owners = [every.own(name) for name in measures]
    except QueryError as error:
        raise QueryError(error.what, next_step=error.next_step, **(error.where | {"field": MEASURE})) from None
    asked = {table.name: table for table, _ in owners}
    if len(asked) == 1 and all(name == own for name, (_, own) in zip(measures, owners, strict=True)):
        return owners[0][0]
    return JointTable(tuple(asked.values()), every.default)


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
