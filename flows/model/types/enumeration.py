"""Texts of a closed set, and texts of which an author expects few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.types.base import Value
from flows.model.types.string import StringType

_NAMED = 8
"""Values of a set that a sentence names."""


@dataclass(frozen=True)
class EnumType(StringType):
    """Texts of a closed set. They are kept as text, in no other order than that of texts.

    Args:
        members: the set.
    """

    members: tuple[str, ...] = ()

    def declared_by(self, column: dy.Column) -> Self:
        assert isinstance(column, dy.Enum)
        return replace(self, members=tuple(column.categories))

    @property
    def noun(self) -> str:
        named, more = ", ".join(self.members[:_NAMED]), len(self.members) - _NAMED
        return f"one of {named}{f' and {more:,} more' if more > 0 else ''}"

    def instead_of(self, column: dy.Column) -> str | None:
        assert isinstance(column, dy.Enum)
        members: list[object] = list(column.categories)
        sound = bool(members) and len(set(members)) == len(members) and all(isinstance(each, str) for each in members)
        return None if sound else "an Enum of different texts, at least one"

    def holds(self, value: Value) -> bool:
        return value in self.members

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return held.cast(column.dtype, strict=False)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return self.noun

    def kept(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.String)


class CategoricalType(StringType):
    """Any text; kept as such."""

    def instead_of(self, column: dy.Column) -> str | None:
        assert isinstance(column, dy.Categorical)
        return None if column.categories is None else "a Categorical without categories, or an Enum"

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return held.cast(column.dtype)

    def kept(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.String)


ENUM = EnumType("enum", (dy.Enum,))
CATEGORICAL = CategoricalType("categorical", (dy.Categorical,))
