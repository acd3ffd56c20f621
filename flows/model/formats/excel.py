"""Workbooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flows.model.declaration import require
from flows.model.formats.end import End
from flows.model.formats.own_cells import OwnCells
from flows.model.header import Header, Preamble, check_header
from flows.model.trailer import FooterLine, Trailer, check_footer, trailers_of

_DECLARED_HEADER = Header()


@dataclass(frozen=True, kw_only=True, repr=False)
class Excel(OwnCells):
    """Workbooks (.xlsx): one sheet of each, with the values of its cells as they are typed. A date is a date whatever
    it looks like, `007` in a cell of text stays, and `12.0` is 12. What a formula has not computed, or has failed to,
    is a finding, and so are merged cells. The line of a row is its number in the sheet; rows without any value are
    none.

        Excel()
        Excel(sheet="Sales *", preamble="header")       # "Sales 2024", whatever stands above the header
        Excel(header=Header(by="name", extra="ignore"))
        Excel(footer=(Trailer("TOTAL, (?P<Amount>.+)"), "printed on .*"))

    Args:
        decimal, numbers, date_format, datetime_format, nulls, true, false, columns, …: how cells of text are read, as
            in `Csv`.
        sheet: the name of the sheet, or a glob that one name matches; None where the workbook shows one alone.
        header: what the first row has to be; None where there is none and the columns come in the declared order.
        preamble: how many rows with values stand above the header, or `"header"`: all above the first one that is it.
        footer: what stands below the rows, as in `Csv`: the text of such a row is that of its cells with values, with
            a comma and a blank between them, such as `TOTAL, 1234.5`. A sum may differ from that of the rows by what
            floats lose that are added up.
    """

    end: ClassVar[End] = "zip"
    pattern: ClassVar[str] = "*.xlsx"

    sheet: str | None = None
    header: Header | None = _DECLARED_HEADER
    preamble: Preamble = 0
    footer: tuple[FooterLine, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.sheet != "", "format.sheet", "the name of a sheet, or None", self.sheet)
        check_header(self.header, self.preamble, "rows")
        check_footer(self.footer)

    @property
    def trailers(self) -> tuple[Trailer, ...]:
        """What is checked of what stands below the rows."""
        return trailers_of(self.footer)
