"""What was understood of samples as a declaration, and as a table of reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from flows.inference.cell_format import CellFormat, describe_cells
from flows.inference.columns import Column, Columns
from flows.inference.evidence import Decision, Wishes, share
from flows.inference.keys import Key
from flows.inference.layout_search import FoundLayout
from flows.inference.names import class_name, column_names, dataset_name
from flows.inference.paths import PathColumn, arrival_times, name_pattern
from flows.inference.samples import Sample, Samples
from flows.inference.source_text import Argument, Declaration, SchemaColumn, quoted, raw
from flows.inference.text_table import header_of
from flows.inference.trailers import with_trailers
from flows.model.formats import Cells, Csv
from flows.model.header import Header
from flows.model.numbers import PLAIN_NUMBERS
from flows.model.trailer import ROWS, Trailer
from flows.text.plural import counted

_FORMAT_NAMES = ("Cells", "Header", "Numbers", "Trailer")
"""What an argument of a format may be made of."""


@dataclass(frozen=True)
class Draft:
    """What was understood.

    Args:
        found: all files.
        samples: those that were read.
        layout: how their lines are laid out.
        columns: what they hold.
        key: which of them tell rows apart.
        path: the column that paths give.
        padded: whether there are blanks around values that are no text.
        wishes: what was decided beforehand.
    """

    found: Samples
    samples: Sequence[Sample]
    layout: FoundLayout
    columns: Columns
    key: Key
    path: PathColumn | None
    padded: bool
    wishes: Wishes

    @property
    def _name(self) -> str:
        return dataset_name(self.wishes.name or self.found.landing.name)

    @property
    def constant(self) -> str:
        """The name of the dataset in its file."""
        return self._name.upper()

    @cached_property
    def form(self) -> Csv:
        """How the files are written, cells included."""
        form = with_trailers(self._cells.form, self.layout, self.columns.columns, self._names)
        return replace(form, header=self._header, columns=self._apart, padding=self.padded)

    @cached_property
    def _cells(self) -> CellFormat:
        found = describe_cells(self.layout.form, self.columns.columns, self.columns.decimal)
        if self.path is not None and self.path.form:
            return replace(found, form=replace(found.form, date_format=self.path.form))
        return found

    @property
    def _apart(self) -> dict[str, Cells]:
        names = dict(zip((each.text for each in self.columns.columns), self._names, strict=True))
        return {names[text]: cells for text, cells in self._cells.columns.items()}

    def declaration(self) -> Declaration:
        """The dataset file."""
        rows = f"{self.layout.table.frame.height:,}"
        files = counted(len(self.samples), "file")
        form = list(self._form_arguments())
        used = {each for each in _FORMAT_NAMES if any(f"{each}(" in option.value for option in form)}
        imports = {"Dataset", *(["Csv"] if form else []), *used}
        schema = class_name(self.wishes.name or self.found.landing.name)
        return Declaration(
            about=f"{schema}, understood from {files} with {rows} rows by `cubefeed init`: yours to change.",
            schema=schema,
            constant=self.constant,
            columns=[*self._schema_columns()],
            options=[*self._options(schema)],
            form=form,
            imports=sorted(imports),
            remarks=[*self._remarks()],
        )

    def decisions(self) -> Iterator[Decision]:
        """What it says, and why; encodings apart."""
        layouts, form = self.layout.layouts, self.form
        asked = {question.what for question in self.columns.questions}
        files = f"{share(len(layouts), len(layouts))} files"
        yield Decision("delimiter", repr(form.delimiter), files, flag="--delimiter")
        if form.quote != '"' or form.escape or form.multiline:
            how = f"escaped by {form.escape!r}" if form.escape else "with line ends in them" * form.multiline
            yield Decision("quotes", f"{form.quote or 'none'} {how}".strip(), files)
        for what, counts in self._counted():
            first = next((each.below[0] for each in layouts if each.below), "") if what == "below the rows" else ""
            value = f"{counted(sum(counts), 'line')}{f', such as {first}' if first else ''}"
            checked = [name for each in form.footer if isinstance(each, Trailer) for name in _checked(each)]
            value += f"; checked: {', '.join(checked)}" if first and checked else ""
            yield Decision(what, value, f"{share(sum(map(bool, counts)), len(counts))} files")
        yield self._header_decision()
        yield self.key.decision
        for column, name in zip(self.columns.columns, self._names, strict=True):
            kind = f"{column.kind}{', null' if column.nullable else ''}"
            what = column.text if name == column.text else f"{column.text} → {name}"
            why = f"{column.evidence}: {column.why}"
            yield Decision(what, kind, why, "not decided, see below" if column.text in asked else column.uncertain)
        if self.path is not None:
            yield Decision("path", f"{self.path.name} = {self.path.pattern}", f"{self.path.files} files")

    @cached_property
    def _names(self) -> tuple[str, ...]:
        taken = (self.path.name,) if self.path is not None else ()
        return column_names([each.text for each in self.columns.columns], taken)

    @cached_property
    def _header(self) -> Header | None:
        headers = [
            None if each.header is None else tuple(name.strip() for name in each.header) for each in self.layout.layouts
        ]
        return header_of(self.layout.names, headers, self._names, strip=self.layout.padded)

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

    def _schema_columns(self) -> Iterator[SchemaColumn]:
        if self.path is not None:
            kind = "Date" if self.path.form else "String"
            yield SchemaColumn(self.path.name, kind, "", f"from the path of {counted(self.path.files, 'file')}")
        for column, name in zip(self.columns.columns, self._names, strict=True):
            yield SchemaColumn(name, column.kind, self._column_arguments(column), f"{column.evidence}: {column.why}")

    def _column_arguments(self, column: Column) -> str:
        key = column.text in self.key.columns
        nullable = column.nullable and not key
        given = (column.arguments, "primary_key=True" * key, "nullable=True" * nullable)
        return ", ".join(each for each in given if each)

    def _options(self, schema: str) -> Iterator[Argument]:
        yield Argument("schema", schema)
        yield Argument("landing", quoted(_shown(self.found.landing)))
        if self._name != schema.lower():
            yield Argument("name", quoted(self._name))
        pattern = name_pattern(self.found.files)
        if pattern != "*.csv":
            yield Argument("pattern", quoted(pattern), f"the names of {counted(len(self.found.files), 'file')}")
        if self.found.recursive:
            yield Argument("recursive", "True")
        if self.path is not None:
            yield Argument("from_path", raw(self.path.pattern), "in all paths, while no row says a day")

    def _form_arguments(self) -> Iterator[Argument]:
        form, plain, whys = self.form, Csv(), self._whys()
        for each in fields(Csv):
            value = getattr(form, each.name)
            if value == getattr(plain, each.name):
                continue
            written = _footer_text(form) if each.name == "footer" else quoted(value)
            yield Argument(each.name, written, whys.get(each.name, ""))

    def _whys(self) -> dict[str, str]:
        layouts = self.layout.layouts
        of = {what: f"{sum(map(bool, counts))} of {len(counts)} files" for what, counts in self._counted()}
        numbers = [each for each in self.columns.columns if each.kind in ("Int64", "Float64", "Decimal")]
        different = len({each.header for each in layouts})
        by_name = self._header is not None and self._header.by == "name"
        return {
            "delimiter": f"{len(layouts)} of {len(layouts)} files",
            "sep_line": of.get("sep= line", ""),
            "preamble": of.get("above the header", ""),
            "footer": of.get("below the rows", ""),
            "decimal": f"{sum(each.values for each in numbers if each.kind != 'Int64'):,} values",
            "numbers": f"{sum(each.values for each in numbers if each.marks != PLAIN_NUMBERS):,} values",
            "nulls": f"{', '.join(each.text for each in self.columns.columns if each.nulls)}",
            "date_format": self._why_forms("Date"),
            "datetime_format": self._why_forms("Datetime"),
            "encoding": "tried in this order" if isinstance(self.form.encoding, tuple) else "",
            "header": f"{different} different headers" if by_name else "",
            "padding": "blanks around values that are no text" if self.padded else "",
        }  # fmt: skip

    def _why_forms(self, kind: str) -> str:
        values = sum(each.values for each in self.columns.columns if each.kind == kind)
        return f"{values:,} values" if values else "in the paths"

    def _remarks(self) -> Iterator[str]:
        times = arrival_times(self.samples)
        named = zip(self.columns.columns, self._names, strict=True)
        days = [name for each, name in named if each.kind == "Date"]
        days += [self.path.name] if self.path is not None and self.path.form else []
        if times is not None and days:
            yield f"Files were written between {times[0]} and {times[1]}. To be told when a day is late:"
            yield f'expect=DailyBy("{times[1]}", "Europe/Paris", day={quoted(days[0])}),'


def _shown(landing: Path) -> str:
    """The landing directory as it is written in the declaration: from here, where it lies below."""
    here = Path.cwd()
    return str(landing.relative_to(here)) if landing.is_relative_to(here) else str(landing)


def _footer_text(form: Csv) -> str:
    lines = [f"Trailer({raw(each.pattern)})" if isinstance(each, Trailer) else raw(each) for each in form.footer]
    return f"({', '.join(lines)},)"


def _checked(trailer: Trailer) -> list[str]:
    """What of a file is held against a trailer."""
    sums = [f"the sum of {column}" for column in trailer.columns.values()]
    return ["the number of rows", *sums] if f"(?P<{ROWS}>" in trailer.pattern else sums
