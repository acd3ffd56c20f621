"""What statements consist of that are built once, and executed with each batch and at each start: to build one takes
some ten times as long as SQLite takes to answer it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Executable, Select, String, bindparam, func, select

from flows.store.schema import datasets

OF = bindparam("of", type_=String)
"""The dataset that a statement is about."""
_IN_LIMIT = 10_000


def among(ids: Iterable[int | str]) -> Select[tuple[Any]]:
    """Ids, or texts, as one bound value: SQLite takes some ten thousand of them in a statement, and every other number
    of them would be another statement to keep."""
    return _listed(json.dumps(list(ids)))


NAMED_IDS = bindparam("ids", type_=String)


def among_named() -> Select[tuple[Any]]:
    """The same in a statement that is built once: they are given to it by `named`."""
    return _listed(NAMED_IDS)


def named(ids: Iterable[int | str]) -> dict[str, str]:
    """What is bound in place of `among_named`."""
    return {NAMED_IDS.key: json.dumps(list(ids))}


def _listed(ids: Any) -> Select[tuple[Any]]:
    return select(func.json_each(ids).table_valued("value").c.value)


def chunked(
    connection: Connection, statement: Executable, name: str, values: Sequence[Any], **others: object
) -> Iterator[Any]:
    """The rows of a statement about many values, some thousand of which are bound at a time.

    SQLite takes 32,766 of them in a statement: https://www.sqlite.org/limits.html#max_variable_number

    Args:
        connection: where.
        statement: it has an expanding parameter for them.
        name: of that parameter.
        values: all of them.
        others: what else is bound.
    """
    for start in range(0, len(values), _IN_LIMIT):
        yield from connection.execute(statement, {name: values[start : start + _IN_LIMIT], **others})


@cache
def _fact(column: Column[Any]) -> Select[Any]:
    return select(column).where(datasets.c.name == OF)


def dataset_fact(connection: Connection, column: Column[Any], dataset: str) -> Any:
    """One column of the row of a dataset; None where it has none, or no session has opened the dataset."""
    return connection.scalar(_fact(column), {"of": dataset})
