"""What was understood of files that say their own columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from flows.inference.cell_format import describe_cells
from flows.inference.draft import Draft
from flows.inference.evidence import Decision
from flows.inference.source_text import Argument, quoted
from flows.inference.stored import StoredTable
from flows.model.formats import CellText, Csv, JsonLines, Parquet
from flows.model.header import Header
from flows.text.plural import counted


@dataclass(frozen=True)
class StoredDraft(Draft):
    """What was understood of Parquet files, or of JSON lines.

    Args:
        table: what they hold.
    """

    table: StoredTable

    @property
    def rows(self) -> int:
        return self.table.frame.height

    @property
    def format_class(self) -> type[JsonLines] | type[Parquet]:
        return Parquet if self.table.kind == "parquet" else JsonLines

    def format_decisions(self) -> Iterator[Decision]:
        files = counted(len(self.samples), "file")
        yield Decision("format", self.format_class.__name__, files)
        lacking = "some are missing in places" if self.table.lacking else "all of them in all rows"
        yield Decision("columns", f"{len(self.columns.columns)}, by name", f"{files}: {lacking}")
        for name, what in self.table.left_out.items():
            yield Decision(
                name, "left out", f"it holds {what}, which no column does", "prepare= can make columns of it"
            )

    def format_arguments(self) -> Iterator[Argument]:
        yield from self._cell_arguments()
        renamed = {each.text: name for each, name in zip(self.columns.columns, self.names, strict=True)}
        renamed = {text: name for text, name in renamed.items() if text != name}
        left_out = ", ".join(self.table.left_out)
        if self.table.kind == "json lines":
            if renamed:
                yield Argument("fields", quoted({name: text for text, name in renamed.items()}))
            if self.table.lacking:
                yield Argument("missing", '"null"', "rows lack fields that others have")
            if left_out:
                yield Argument("extra", '"ignore"', left_out)
            return
        header = Header(by="name", aliases=renamed)
        header = replace(header, missing="null") if self.table.lacking else header
        header = replace(header, extra="ignore") if left_out else header
        if header != Header(by="name"):
            yield Argument("header", quoted(header), left_out)

    def _cell_arguments(self) -> Iterator[Argument]:
        """How values are read that are stored as text."""
        found = describe_cells(Csv(), self.columns.columns, self.columns.decimal)
        names = {each.text: name for each, name in zip(self.columns.columns, self.names, strict=True)}
        form = replace(found.form, columns={names[text]: cells for text, cells in found.columns.items()})
        days = self.path.form if self.path is not None and self.path.form else form.date_format
        form = replace(form, date_format=days)
        plain = Csv()
        for each in fields(CellText):
            value = getattr(form, each.name)
            if value != getattr(plain, each.name):
                yield Argument(each.name, quoted(value))
