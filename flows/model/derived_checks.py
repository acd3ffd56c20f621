"""Whether derived columns can be computed; imported where a dataset has some."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dataframely as dy
import polars as pl

from flows.model.declaration import require, wrong
from flows.model.derived import Derived
from flows.model.expressions.compile import Computation, compile_expression
from flows.model.expressions.term import Refused
from flows.model.schema_checks import check_column


def computations(schema: type[dy.Schema], derived: Mapping[str, Derived]) -> dict[str, Computation]:
    """Derived columns, checked and made ready, each over the columns of the schema and those before it.

    Raises:
        DeclarationError: one cannot be declared so.
    """
    known, found = dict(schema.columns()), dict[str, Computation]()
    for name, each in derived.items():
        field = f"columns.{name}"
        require(isinstance(each, Derived), field, "Derived(pl.col(…) …, dy.…)", each)
        require(isinstance(each.expression, pl.Expr), field, "Derived(…) of a polars expression", each.expression)
        require(isinstance(each.type, dy.Column), field, "Derived(…, dy.…): the type of a schema's column", each.type)
        require(name not in known, field, "of another name: the schema has a column of that name", name)
        check_column(name, each.type, field)
        key = each.type.primary_key
        require(not key, field, "no key: rows are told apart by what files hold", name)
        try:
            found[name] = compile_expression(each.expression, each.type, known)
            _try(name, found[name], known)
        except Refused as refused:
            raise wrong(field, refused.expected, refused.got) from None
        known[name] = each.type
    return found


def _try(name: str, computation: Computation, columns: Mapping[str, dy.Column]) -> None:
    """Compute a row, since some mistakes show only then, such as a pattern that is no regular expression."""
    row = {each: pl.Series([_sample(columns[each].dtype)], dtype=columns[each].dtype) for each in computation.reads}
    try:
        computation.compute(name, pl.DataFrame(row))
    except pl.exceptions.PolarsError as error:
        raise Refused(str(error).splitlines()[0], "with what polars can compute") from None


def _sample(dtype: pl.DataType) -> object:
    match dtype:
        case pl.Date():
            return date(2021, 5, 1)
        case pl.Datetime():
            return datetime(2021, 5, 1, tzinfo=UTC if dtype.time_zone else None)
        case pl.Boolean():
            return True
        case pl.Enum():
            return dtype.categories[0]
        case pl.String() | pl.Categorical():
            return "a"
    return 0 if isinstance(dtype, pl.Decimal) else 1
