"""Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flows.model.declaration import require
from flows.model.formats.end import End
from flows.model.formats.own_cells import OwnCells
from flows.model.header import Header

_BY_NAME = Header(by="name")


@dataclass(frozen=True, kw_only=True, repr=False)
class Parquet(OwnCells):
    """Parquet files: columns by name, and values as they are stored. A value is taken where the declared type holds it
    without loss, and is a finding otherwise: `3000000000` in an Int32, a nanosecond in a moment of microseconds.

        Parquet()
        Parquet(header=Header(by="name", extra="ignore", missing="null"))
        Parquet(whole_floats=True)      # pandas stores whole numbers as floats where some are missing
        Parquet(date_format="%d.%m.%Y") # days that are stored as text

    Args:
        decimal, numbers, date_format, datetime_format, nulls, true, false, columns, …: how values are read that are
            stored as text, as in `Csv`.
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
