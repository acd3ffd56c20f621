"""What was understood of files that say their own columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from flows.inference.cell_format import PLAIN_CELLS
from flows.inference.evidence import Decision, share
from flows.inference.format_draft import FormatDraft
from flows.inference.layout import escaped, footer_patterns, total_word
from flows.inference.source_text import Argument, quoted, raw
from flows.inference.stored import StoredTable
from flows.model.formats import CellText, Excel, JsonLines, Parquet
from flows.model.header import By, Header
from flows.model.trailer import ROWS
from flows.text.plural import counted


@dataclass(frozen=True)
class StoredDraft(FormatDraft):
    """What was understood of Parquet files, or of JSON lines.

    Args:
        table: what they hold.
    """

    table: StoredTable

    @property
    def rows(self) -> int:
        return self.table.frame.height

    @property
    def format_class(self) -> type[Excel] | type[JsonLines] | type[Parquet]:
        match self.table.kind:
            case "parquet":
                return Parquet
            case "json lines":
                return JsonLines
            case "workbook":
                return Excel

    def format_decisions(self) -> Iterator[Decision]:
        files = counted(len(self.samples), "file")
        yield Decision("format", self.format_class.__name__, files)
        below = [row for rows in self.table.below for row in rows]
        if below:
            shown = f"{counted(len(below), 'row')}, such as {below[0].text}"
            yield Decision(
                "below the rows", shown, f"{share(sum(map(bool, self.table.below)), len(self.samples))} files"
            )
        lacking = "some are missing in places" if self.table.lacking else "all of them in all rows"
        yield Decision("columns", f"{len(self.columns.columns)}, by name", f"{files}: {lacking}")
        for name, what in self.table.left_out.items():
            yield Decision(
                name, "left out", f"it holds {what}, which no column does", "prepare= can make columns of it"
            )

    def format_arguments(self) -> Iterator[Argument]:
        yield from self._cell_arguments()
        if self.table.kind == "json lines":
            yield from self._field_arguments()
            return
        if self.wishes.sheet is not None and self.table.kind == "workbook":
            yield Argument("sheet", quoted(self.wishes.sheet))
        header = Header(by=self._by, aliases=self._renamed)
        header = replace(header, missing="null") if self._lacking else header
        header = replace(header, extra="ignore") if self.table.left_out else header
        if header != self._plain_header:
            yield Argument("header", quoted(header), ", ".join(self.table.left_out))
        if self.table.above:
            yield Argument("preamble", '"header"')
        if footer := list(self._footer()):
            files = share(sum(map(bool, self.table.below)), len(self.table.below))
            yield Argument("footer", f"({', '.join(footer)},)", f"{files} files")

    def _footer(self) -> Iterator[str]:
        """What stands below the rows; a sum that all files have there is checked."""
        for pattern in footer_patterns([row.text for rows in self.table.below for row in rows]):
            fitting = [[row for row in rows if re.fullmatch(pattern, row.text)] for rows in self.table.below]
            said = {(total_word(rows[0].text), rows[0].sums) if len(rows) == 1 else (None, ()) for rows in fitting}
            word, sums = said.pop() if len(said) == 1 else (None, ())
            names = dict(zip((each.text for each in self.columns.columns), self.names, strict=True))
            if word is None or not sums or any(names[text] == ROWS for text in sums):
                yield raw(pattern)
                continue
            groups = [f"(?P<{names[text]}>[^,]+)" for text in sums]
            yield f"Trailer({raw(', '.join([escaped(word), *groups]))})"

    @property
    def _lacking(self) -> bool:
        return self.table.lacking or self.lacks_columns

    @property
    def _by(self) -> By:
        ordered = self.table.kind == "workbook" and self.table.same_order and not self.is_apart
        return "order" if ordered and not self.table.left_out else "name"

    @property
    def _plain_header(self) -> Header:
        return Header() if self.table.kind == "workbook" else Header(by="name")

    @property
    def _renamed(self) -> dict[str, str]:
        pairs = zip(self.columns.columns, self.names, strict=True)
        return {each.text: name for each, name in pairs if each.text != name}

    def _field_arguments(self) -> Iterator[Argument]:
        if self._renamed:
            yield Argument("fields", quoted({name: text for text, name in self._renamed.items()}))
        if self._lacking:
            yield Argument("missing", '"null"', "rows lack fields that others have")
        if self.table.left_out:
            yield Argument("extra", '"ignore"', ", ".join(self.table.left_out))

    def _cell_arguments(self) -> Iterator[Argument]:
        """How values are read that are stored as text."""
        for each in fields(CellText):
            value = getattr(self.cells, each.name)
            if value != getattr(PLAIN_CELLS, each.name):
                yield Argument(each.name, quoted(value))
