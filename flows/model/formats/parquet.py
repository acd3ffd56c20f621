"""Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flows.model.declaration import declared_words, require
from flows.model.formats.cell_text import CellText
from flows.model.formats.end import End
from flows.model.header import Header

_BY_NAME = Header(by="name")


@dataclass(frozen=True, kw_only=True, repr=False)
class Parquet(CellText):
    """Parquet files: columns by name, and values as they are stored. A value is taken where the declared type holds it
    without loss, and is a finding otherwise: `3000000000` in an Int32, a nanosecond in a moment of microseconds.

        Parquet()
        Parquet(header=Header(by="name", extra="ignore", missing="null"))
        Parquet(whole_floats=True)      # pandas stores whole numbers as floats where some are missing
        Parquet(date_format="%d.%m.%Y") # days that are stored as text

    Args:
        decimal, date_format, datetime_format, nulls, true, false: how values are read that are stored as text.
        header: what the names of the columns have to be.
        whole_floats: whether floats are taken as whole numbers where each of them is one.
    """

    end: ClassVar[End] = "parquet"
    pattern: ClassVar[str] = "*.parquet"

    header: Header = _BY_NAME
    whole_floats: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(isinstance(self.header, Header), "format.header", "Header(…)", self.header)

    @property
    def cells(self) -> CellText:
        """How the text of cells is read."""
        return self

    @property
    def fingerprint(self) -> str:
        """All that decides how a file is read."""
        return repr(self)

    def __repr__(self) -> str:
        return declared_words(self)
