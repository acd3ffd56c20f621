"""How the text of files is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from flows.model.declaration import require, wrong


@dataclass(frozen=True)
class Csv:
    """How the files' text is read. All of it is part of a dataset's fingerprint, defaults too: where one changes, files
    are checked again.

    Args:
        delimiter: one character between fields.
        decimal: `.` or `,`. Thousands separators are never accepted.
        encoding: a Python codec name. A UTF-8 byte order mark is accepted and left out.
        date_format: strftime format of Date columns.
        datetime_format: strftime format of Datetime columns.
        nulls: cell texts that mean "no value", in every column; one that may not be null refuses them.
        true: cell texts that mean true in a Bool column.
        false: cell texts that mean false in a Bool column.
        multiline: whether quoted fields may hold line ends. When False a line end inside quotes is a
            finding, since a stray quote looks the same.
    """

    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    date_format: str = "%Y-%m-%d"
    datetime_format: str = "%Y-%m-%d %H:%M:%S"
    nulls: tuple[str, ...] = ("",)
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    multiline: bool = False

    def __post_init__(self) -> None:
        require(
            len(self.delimiter) == 1 and self.delimiter.isascii() and self.delimiter not in '"\r\n\0',
            "format.delimiter",
            "one ASCII character, neither a quote nor a line end",
            self.delimiter,
        )
        require(
            self.decimal in (".", ",") and self.decimal != self.delimiter,
            "format.decimal",
            "`.` or `,`, and not the delimiter",
            self.decimal,
        )
        try:
            "".encode(self.encoding)  # unlike codecs.lookup it also refuses codecs that give no text
        except LookupError:
            raise wrong("format.encoding", "a codec that Python knows, such as utf-8", self.encoding) from None
        require("%z" not in self.datetime_format, "format.datetime_format", "without %z", self.datetime_format)
        expected = "a strftime format such as %d.%m.%Y"
        require(_reads_back(self.date_format, pl.Date), "format.date_format", expected, self.date_format)
        require(_reads_back(self.moment_format, pl.Datetime), "format.datetime_format", expected, self.datetime_format)
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
