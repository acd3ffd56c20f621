"""Exact decimal numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Self

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType, Value, decimal_text
from flows.model.types.number_text import marks, number_options, read_plain

MOST_DIGITS = 38
"""What a decimal of polars, Parquet and DuckDB holds."""
FLOAT_DIGITS = 15
"""Digits that come back from a float as they were."""
EXACT = Context(prec=4 * MOST_DIGITS)
"""To compute with decimals: Python's own context rounds to 28 digits, in `-x` and `abs(x)` too."""


@dataclass(frozen=True)
class DecimalType(ColumnType):
    """Numbers with a fixed number of digits behind the point. They never pass a float, and their sums are exact.

    Args:
        precision: how many digits they have at most.
        scale: how many of those stand behind the point.
    """

    precision: int = MOST_DIGITS
    scale: int = 0

    def sized(self, precision: int, scale: int) -> Self:
        """The same with other digits."""
        return replace(
            self,
            precision=precision,
            scale=scale,
            frame=pl.Decimal(precision, scale),
            duckdb=f"DECIMAL({precision},{scale})",
            arrow=pa.float64() if precision <= FLOAT_DIGITS else pa.string(),
            atoti="double" if precision <= FLOAT_DIGITS else "String",
        )

    def declared_by(self, column: dy.Column) -> Self:
        assert isinstance(column, dy.Decimal)
        return self.sized(column.precision or MOST_DIGITS, column.scale)

    def of_stored(self, stored: pl.DataType) -> Self | None:
        return self.sized(stored.precision, stored.scale) if isinstance(stored, pl.Decimal) else None

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        return isinstance(stored, pl.Decimal) and stored.scale == self.scale

    @property
    def of_sums(self) -> Self:
        return self.sized(MOST_DIGITS, self.scale)

    @property
    def noun(self) -> str:
        return f"decimal {self._digits}"

    @property
    def _digits(self) -> str:
        behind = f" and {self.scale} behind it" if self.scale else ""
        return f"with at most {self.precision - self.scale} digits before the point{behind}"

    def instead_of(self, column: dy.Column) -> str | None:
        assert isinstance(column, dy.Decimal)
        precision = MOST_DIGITS if column.precision is None else column.precision
        sound = 0 < precision <= MOST_DIGITS and 0 <= column.scale <= precision
        return None if sound else f"a Decimal of 1 to {MOST_DIGITS} digits, some or none of them behind the point"

    def holds(self, value: Value) -> bool:
        if not super().holds(value) or not isinstance(value, Decimal | int) or not Decimal(value).is_finite():
            return False
        units = Decimal(value).scaleb(self.scale, EXACT)
        return units.copy_abs() < Decimal(10) ** self.precision and units == units.to_integral_value()

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        # The cast alone rounds what has too many digits, and takes 1e2; what is too large it leaves out.
        plain = read_plain(text, held, cells)
        return pl.when(plain.str.contains(_spelling(self.scale))).then(plain.cast(self.frame, strict=False))

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        return marks(held, cells.numbers)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        """None where a number is written as declared, and has too many digits: as in `1.005`, in another form 1005."""
        plain = rf"-?[0-9]*{re.escape(cells.decimal)}?[0-9]+"
        return iter(()) if any(re.fullmatch(plain, text) for text in texts) else number_options(texts, cells)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return f"a number such as 1{f'{cells.decimal}5' if self.scale else ''}, {self._digits}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.cast(pl.String).str.replace(".", cells.decimal, literal=True)

    def parse(self, text: str) -> Decimal:
        if not re.fullmatch(_spelling(self.scale), text):
            raise ValueError(text)
        return Decimal(text)

    def to_atoti(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.Float64 if self.precision <= FLOAT_DIGITS else pl.String)

    def json(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.String)

    def words(self, value: object) -> str:
        return decimal_text(value) if isinstance(value, Decimal) else str(value)

    def shown(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.String)


def _spelling(scale: int) -> str:
    """Plain digits, where zeros alone may go beyond the scale. `.5` is one half, as databases write it."""
    behind = rf"\.[0-9]{{1,{scale}}}0*" if scale else r"\.0+"
    return rf"^-?(?:(?:0|[1-9][0-9]*)(?:{behind})?|{behind})$"


DECIMAL = DecimalType(
    kind="decimal",
    declared=(dy.Decimal,),
    frame=pl.Decimal(MOST_DIGITS, 0),
    arrow=pa.string(),
    duckdb=f"DECIMAL({MOST_DIGITS},0)",
    atoti="String",
    page="string",
    values=(Decimal, int),
    sums="decimal",
)
