"""Derived columns: what they are computed from, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dataframely as dy
import polars as pl

from flows.model.declaration import require, wrong
from flows.model.expressions.compile import Computation, compile_expression
from flows.model.expressions.term import Refused
from flows.model.schema_checks import check_column


@dataclass(frozen=True, eq=False)
class Derived:
    """A column that is computed from others of its row, when a file is loaded.

    Whole numbers and decimals are computed exactly, with up to 38 digits at each step, and so is a quotient that is
    rounded: `(pl.col("Price") / pl.col("Qty")).round(2)`; a number written with a point, as in `* 0.19`, is the decimal
    that it shows. What has no place in the column's type to the last digit (an integer that is too large, 1.3225 in
    two digits behind the point), or does not stay finite, is a finding of its row. Floats, and quotients that are not
    rounded, are floats. A null makes the result null, and so does a division by zero; `nullable=False` makes that a
    finding too.

    Args:
        expression: over columns of the schema, and derived ones that are declared before: polars' operators, `when`,
            `cast`, and functions that look at one row alone.
        type: of the column, as a schema declares it, with the rules that its values have to keep.
    """

    expression: pl.Expr
    type: dy.Column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derived) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Derived({self.expression}, {self.type!r})"

    @property
    def fingerprint(self) -> str:
        """Changes with the expression and the type."""
        tree = self.expression.meta.serialize(format="json")
        return f"{hashlib.sha256(tree.encode()).hexdigest()[:16]} as {self.type!r}"


def with_derived(schema: type[dy.Schema], derived: Mapping[str, Derived]) -> type[dy.Schema]:
    """A schema with the derived columns behind its own."""
    if not derived:
        return schema
    added = {f"_derived_{place}": _named(each.type, name) for place, (name, each) in enumerate(derived.items())}
    return type(schema.__name__, (schema,), added)


def _named(column: dy.Column, name: str) -> dy.Column:
    named = copy(column)
    named.alias = name  # as an attribute of a class, which may have others of that name
    return named


def computations(schema: type[dy.Schema], derived: Mapping[str, Derived]) -> dict[str, Computation]:
    """Derived columns, checked and made ready, each over the columns of the schema and those before it.

    Raises:
        DeclarationError: one cannot be declared so.
    """
    require(isinstance(derived, Mapping), "columns", "a mapping of names to Derived(…)", derived)
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
