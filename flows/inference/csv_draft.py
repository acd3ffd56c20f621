"""What was understood of text files with a delimiter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

from flows.inference.evidence import Decision, share
from flows.inference.format_draft import FormatDraft
from flows.inference.layout_search import FoundLayout
from flows.inference.source_text import Argument, quoted, raw
from flows.inference.text_table import header_of
from flows.inference.trailers import with_trailers
from flows.model.formats import CellText, Csv
from flows.model.header import Header
from flows.model.numbers import PLAIN_NUMBERS
from flows.model.trailer import ROWS, Trailer
from flows.text.plural import counted


@dataclass(frozen=True)
class CsvDraft(FormatDraft):
    """What was understood of text files.

    Args:
        layout: how their lines are laid out.
        padded: whether there are blanks around values that are no text.
        encodings: in which they are written.
    """

    layout: FoundLayout
    padded: bool
    encodings: tuple[Decision, ...]

    @property
    def rows(self) -> int:
        return self.layout.table.frame.height

    @property
    def format_class(self) -> type[Csv]:
        return Csv

    @cached_property
    def form(self) -> Csv:
        """How the files are written, cells included."""
        read = {each.name: getattr(self.cells, each.name) for each in fields(CellText)}
        form = replace(self.layout.form, **read)
        form = with_trailers(form, self.layout, self.columns.columns, self.names)
        return replace(form, header=self._header, padding=self.padded)

    def format_decisions(self) -> Iterator[Decision]:
        layouts, form = self.layout.layouts, self.form
        files = f"{share(len(layouts), len(layouts))} files"
        yield from self.encodings
        yield Decision("delimiter", repr(form.delimiter), files, flag="--delimiter")
        if form.quote != '"' or form.escape or form.multiline:
            how = f"escaped by {form.escape!r}" if form.escape else "with line ends in them" * form.multiline
            yield Decision("quotes", f"{form.quote or 'none'} {how}".strip(), files)
        for what, counts in self._counted():
            first = next((each.below[0] for each in layouts if each.below), "") if what == "below the rows" else ""
            value = (
                f"{counted(sum(counts), 'line')}{' in all' * (len(counts) > 1)}{f', such as {first}' if first else ''}"
            )
            checked = [name for each in form.trailers for name in _checked(each)]
            value += f"; checked: {', '.join(checked)}" if first and checked else ""
            uncertain = "last lines that begin so are never rows" if first and not checked else ""
            yield Decision(what, value, f"{share(sum(map(bool, counts)), len(counts))} files", uncertain)
        yield self._header_decision()

    @cached_property
    def _header(self) -> Header | None:
        headers = [each.names for each in self.layout.layouts]
        header = header_of(self.layout.names, headers, self.names, strip=self.layout.padded)
        if header is None or not self.is_apart:
            return header
        return replace(header, by="name", missing="null" if self.lacks_columns else header.missing)

    def _counted(self) -> Iterator[tuple[str, list[int]]]:
        layouts = self.layout.layouts
        for what, counts in (
            ("sep= line", [int(each.sep_line) for each in layouts]),
            ("above the header", [each.above for each in layouts]),
            ("below the rows", [len(each.below) for each in layouts]),
        ):
            if any(counts):
                yield what, counts

    def _header_decision(self) -> Decision:
        header, count = self._header, len(self.layout.names)
        if header is None:
            return Decision("header", "none", f"{count} columns", "the names are made up: change them in the file")
        different = len({each.header for each in self.layout.layouts})
        how = "in the same order" if header.by == "order" else f"by name: {different} different headers"
        return Decision("header", f"{count} columns, {how}", f"{len(self.layout.layouts)} files")

    def format_arguments(self) -> Iterator[Argument]:
        form, plain, whys = self.form, Csv(), self._whys()
        for each in fields(Csv):
            value = getattr(form, each.name)
            if value == getattr(plain, each.name):
                continue
            written = _footer_text(form) if each.name == "footer" else quoted(value)
            yield Argument(each.name, written, whys.get(each.name, ""))

    def _whys(self) -> dict[str, str]:
        layouts = self.layout.layouts
        of = {what: f"{share(sum(map(bool, counts)), len(counts))} files" for what, counts in self._counted()}
        numbers = [each for each in self.columns.columns if each.kind in ("Int64", "Float64", "Decimal")]
        different = len({each.header for each in layouts})
        by_name = self._header is not None and self._header.by == "name"
        return {
            "delimiter": f"{share(len(layouts), len(layouts))} files",
            "sep_line": of.get("sep= line", ""),
            "preamble": of.get("above the header", ""),
            "footer": of.get("below the rows", ""),
            "decimal": f"{sum(each.values for each in numbers if each.kind != 'Int64'):,} values",
            "numbers": f"{sum(each.values for each in numbers if each.marks != PLAIN_NUMBERS):,} values",
            "nulls": f"{', '.join(each.text for each in self.columns.columns if each.nulls)}",
            "date_format": self.why_forms("Date"),
            "datetime_format": self.why_forms("Datetime"),
            "encoding": "tried in this order" if isinstance(self.form.encoding, tuple) else "",
            "header": f"{different} different headers" if by_name and different > 1 else "",
            "padding": "blanks around values that are no text" if self.padded else "",
        }  # fmt: skip


def _footer_text(form: Csv) -> str:
    lines = [f"Trailer({raw(each.pattern)})" if isinstance(each, Trailer) else raw(each) for each in form.footer]
    return f"({', '.join(lines)},)"


def _checked(trailer: Trailer) -> list[str]:
    """What of a file is held against a trailer."""
    sums = [f"the sum of {column}" for column in trailer.columns.values()]
    return ["the number of rows", *sums] if f"(?P<{ROWS}>" in trailer.pattern else sums
