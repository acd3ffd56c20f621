"""What there is to say of a column type. One that forgets a part of it is a type error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText

Value = str | int | float | bool | Decimal | date | datetime | None
Sums = Literal["whole", "decimal", "float"]
"""What sums of values are: exact in whole numbers, exact in decimals, or in floating point."""


def decimal_text(value: Decimal) -> str:
    """All digits of a decimal, never with an exponent."""
    return format(value, "f")


def fits_64_bits(value: Value) -> bool:
    """Whether a whole number is one that engines can hold; other values are."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@dataclass(frozen=True)
class ColumnType(ABC):
    """One column type, in every place where it matters.

    Args:
        kind: its name for people and in JSON.
        declared: the classes by which a schema declares it; all that it takes, it holds without loss.
        frame: how it is stored in segments and stands in frames.
        arrow: how it is handed to Atoti.
        duckdb: its name in DuckDB.
        atoti: its name in Atoti.
        page: how the live page's engine takes it.
        values: the Python types of its values.
        sums: what sums of its values are; None where they are no numbers. Exact ones may leave the type.
        ordered: whether its values have the same order in every engine, and the same of them are equal.
    """

    kind: str
    declared: tuple[type[dy.Column], ...]
    frame: pl.DataType
    arrow: pa.DataType
    duckdb: str
    atoti: Literal["String", "long", "double", "boolean", "LocalDate", "LocalDateTime"]
    page: Literal["string", "integer", "float", "boolean", "date"]
    values: tuple[type, ...]
    sums: Sums | None = None
    ordered: bool = True

    @property
    def numeric(self) -> bool:
        """Whether its columns are measured, where they are no keys."""
        return self.sums is not None

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.sums == "whole"

    @property
    def of_sums(self) -> ColumnType:
        """The type of sums of its values."""
        return self

    def declared_by(self, column: dy.Column) -> ColumnType:
        """The type as a schema's column declares it: with its digits, where it has such."""
        return self

    def of_stored(self, stored: pl.DataType) -> ColumnType | None:
        """The type as it is stored in a segment's column; None where that is of another one."""
        return self if self.is_stored_as(stored) else None

    @property
    def noun(self) -> str:
        """One of its values, in words."""
        return self.kind

    def holds(self, value: Value) -> bool:
        """Whether it is one of its values."""
        return type(value) in self.values

    def instead_of(self, column: dy.Column) -> str | None:
        """What to declare instead of a column that is of a class of this type and that it does not hold."""
        return None

    @abstractmethod
    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        """The values of text cells, strictly: null for a text that is not exactly how the value is written.

        Args:
            text: the cells.
            held: the same as an expression, null where a cell means "no value".
            column: the schema's column.
            cells: how values are written.
        """

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        """Which cells, of those that are read, have more than the plain form: what that is, as in "cells with …" →
        whether. The arguments are those of `read`."""
        return {}

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        """Ways to declare other forms, as an author writes them, and how cells are then written.

        Args:
            texts: those that are refused now.
            cells: how values are written now.
        """
        return iter(())

    def readings(self, cells: CellText) -> Iterator[tuple[str, CellText]]:
        """The declared forms one by one, where there are several: a form in words, and it alone."""
        return iter(())

    @abstractmethod
    def expected(self, column: dy.Column, cells: CellText) -> str:
        """How a value is written, in words."""

    @abstractmethod
    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        """Values as texts that say all of them: days and moments as ISO 8601 has them, the others as files do."""

    def write(self, value: object, cells: CellText) -> str:
        """A value of any type that `prepare` has made, as text; one that is none of this type is refused as text."""
        match value:
            case bool():
                return (cells.true if value else cells.false)[0]
            case float():
                return str(value).replace(".", cells.decimal)
            case Decimal():
                return decimal_text(value).replace(".", cells.decimal)
            case _:
                return str(value)

    @abstractmethod
    def parse(self, text: str) -> Value:
        """The value that a query writes.

        Raises:
            ValueError: the text is no such value.
        """

    def kept(self, column: pl.Expr) -> pl.Expr:
        """A column of checked values as segments hold it."""
        return column

    def to_duckdb(self, column: pl.Expr) -> pl.Expr:
        """A column of rows as DuckDB is handed it."""
        return column

    def to_atoti(self, column: pl.Expr) -> pl.Expr:
        """A column of rows as Atoti is handed it, in values of `arrow`."""
        return column

    def in_engine(self, value: Value) -> Value:
        """A value as engines compare it."""
        return value

    def from_engine(self, value: Value) -> Value:
        """The value that an engine has found."""
        return value

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        """A column of an engine's answer in the type of the frame; some engines answer in texts."""
        return column.cast(self.frame)

    def shown(self, column: pl.Expr) -> pl.Expr:
        """A column as the live page's engine takes it."""
        return column

    def json(self, column: pl.Expr) -> pl.Expr:
        """A column in what JSON has for it."""
        return column

    def portable(self, column: pl.Expr) -> pl.Expr:
        """A column as files for other programs hold it."""
        return column

    def words(self, value: object) -> str:
        """A value as people see it."""
        return str(value)

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        """Whether a segment's column is of this type."""
        return stored is not None and stored.base_type() is self.frame.base_type()
