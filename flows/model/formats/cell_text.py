"""How values are written as text, whatever the format is whose cells hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import polars as pl

from flows.model.declaration import require

Side = Literal["earliest", "latest"]


@dataclass(frozen=True, kw_only=True)
class CellText:
    """How the text of cells is read, and values are written as text.

    Args:
        decimal: `.` or `,`.
        date_format: strftime format of Date columns.
        datetime_format: strftime format of Datetime columns; those with a time zone may have `%z` at its end, for `Z`
            and offsets such as `+01:00`.
        ambiguous: which of two moments a local time means that clocks of a zone have shown twice; None for neither.
        nulls: texts that mean "no value".
        true: texts that mean true.
        false: texts that mean false.
    """

    decimal: str = "."
    date_format: str = "%Y-%m-%d"
    datetime_format: str = "%Y-%m-%d %H:%M:%S"
    ambiguous: Side | None = None
    nulls: tuple[str, ...] = ()
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)

    def __post_init__(self) -> None:
        require(self.decimal in (".", ","), "format.decimal", "`.` or `,`", self.decimal)
        sound = "%z" not in self.datetime_format[:-2]
        require(sound, "format.datetime_format", "with %z at its end, or nowhere", self.datetime_format)
        sides = ("earliest", "latest", None)
        require(self.ambiguous in sides, "format.ambiguous", "earliest, latest or None", self.ambiguous)
        expected = "a strftime format such as %d.%m.%Y"
        require(_reads_back(self.date_format, pl.Date), "format.date_format", expected, self.date_format)
        clock = self.moment_format.removesuffix("%z")
        require(_reads_back(clock, pl.Datetime), "format.datetime_format", expected, self.datetime_format)
        both = set(self.true) & set(self.false)
        require(not both, "format.true", "texts that are not in format.false too", both)

    @cached_property
    def moment_format(self) -> str:
        """`datetime_format` as polars spells it: its own %f is nanoseconds, strftime's microseconds in six digits."""
        return re.sub(r"%(.)", lambda found: "%6f" if found[1] == "f" else found[0], self.datetime_format)


def _reads_back(form: str, kind: type[pl.Date | pl.Datetime]) -> bool:
    """Whether a day written in this format is understood again."""
    day = date(2001, 2, 3)
    try:
        read = pl.Series([day]).cast(pl.Datetime).dt.strftime(form).str.strptime(kind, form, strict=False)
        return bool(read.cast(pl.Date)[0] == day)
    except (pl.exceptions.PolarsError, TypeError):
        return False
