"""Derived columns: what they are computed from, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import dataframely as dy
import polars as pl


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
