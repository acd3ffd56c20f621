"""What was understood of samples as a declaration, and as a table of reasons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from flows.inference.cell_format import describe_cells
from flows.inference.columns import Column, Columns
from flows.inference.evidence import Decision, Wishes
from flows.inference.keys import Key
from flows.inference.names import class_name, column_names, dataset_name
from flows.inference.paths import PathColumn, arrival_times, name_pattern
from flows.inference.samples import Sample, Samples
from flows.inference.source_text import Argument, Declaration, SchemaColumn, quoted, raw
from flows.model.formats import Csv, Excel, JsonLines, Parquet
from flows.text.plural import counted

_FORMAT_NAMES = ("Cells", "Header", "Numbers", "Trailer")
"""What an argument of a format may be made of."""


@dataclass(frozen=True)
class Draft(ABC):
    """What was understood, whatever the format is.

    Args:
        found: all files.
        samples: those that were read.
        columns: what they hold.
        key: which of their columns tell rows apart.
        path: the column that paths give.
        wishes: what was decided beforehand.
    """

    found: Samples
    samples: Sequence[Sample]
    columns: Columns
    key: Key
    path: PathColumn | None
    wishes: Wishes

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows the samples have."""

    @property
    @abstractmethod
    def format_class(self) -> type[Csv] | type[Excel] | type[JsonLines] | type[Parquet]:
        """The class of their format."""

    @abstractmethod
    def format_arguments(self) -> Iterator[Argument]:
        """What of the format differs from the defaults."""

    @abstractmethod
    def format_decisions(self) -> Iterator[Decision]:
        """How the files are written, and why."""

    @property
    def constant(self) -> str:
        """The name of the dataset in its file."""
        return self._name.upper()

    @property
    def _name(self) -> str:
        return dataset_name(self.wishes.name or self.found.landing.name)

    def declaration(self) -> Declaration:
        """The dataset file."""
        files, form = counted(len(self.samples), "file"), list(self.format_arguments())
        name = self.format_class.__name__
        used = {each for each in _FORMAT_NAMES if any(f"{each}(" in option.value for option in form)}
        schema = class_name(self.wishes.name or self.found.landing.name)
        schema = schema if schema != self.constant else f"{schema}Rows"
        return Declaration(
            about=f"{schema}, understood from {files} with {self.rows:,} rows by `cubefeed init`: yours to change.",
            schema=schema,
            constant=self.constant,
            columns=[*self._schema_columns()],
            options=[*self._options(schema)],
            format_name=name if form or self.format_class is not Csv else "",
            form=form,
            imports=sorted({"Dataset", *([name] if form or self.format_class is not Csv else []), *used}),
            remarks=[*self._remarks()],
        )

    def decisions(self) -> Iterator[Decision]:
        """What it says, and why."""
        asked = {question.what for question in self.columns.questions}
        yield from self.format_decisions()
        yield self.key.decision
        for column, name in zip(self.columns.columns, self.names, strict=True):
            kind = f"{column.kind}{', null' if column.nullable else ''}"
            what = column.text if name == column.text else f"{column.text} → {name}"
            why = f"{column.evidence}: {column.why}"
            yield Decision(what, kind, why, "not decided, see below" if column.text in asked else column.uncertain)
        if self.path is not None:
            yield Decision("path", f"{self.path.name} = {self.path.pattern}", f"{self.path.files} files")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the declaration calls each column."""
        taken = (self.path.name,) if self.path is not None else ()
        return column_names([each.text for each in self.columns.columns], taken)

    def _schema_columns(self) -> Iterator[SchemaColumn]:
        if self.path is not None:
            kind = "Date" if self.path.form else "String"
            yield SchemaColumn(self.path.name, kind, "", f"from the path of {counted(self.path.files, 'file')}")
        for column, name in zip(self.columns.columns, self.names, strict=True):
            yield SchemaColumn(name, column.kind, self._column_arguments(column), f"{column.evidence}: {column.why}")

    def _column_arguments(self, column: Column) -> str:
        key = column.text in self.key.columns
        nullable = column.nullable and not key
        given = (column.arguments, "primary_key=True" * key, "nullable=True" * nullable)
        return ", ".join(each for each in given if each)

    def _landing(self) -> Argument:
        """The directory of the samples; one of its own where they lie beside everything else."""
        if Path.cwd().is_relative_to(self.found.landing):
            return Argument("landing", quoted(f"landing/{self._name}"), "a directory of its own, to be made")
        return Argument("landing", quoted(_shown(self.found.landing)))

    def _options(self, schema: str) -> Iterator[Argument]:
        yield Argument("schema", schema)
        yield self._landing()
        if self._name != schema.lower():
            yield Argument("name", quoted(self._name))
        pattern = name_pattern(self.found.files)
        if pattern != self.format_class.pattern:
            yield Argument("pattern", quoted(pattern), f"the names of {counted(len(self.found.files), 'file')}")
        if self.found.recursive:
            yield Argument("recursive", "True")
        if self.path is not None:
            yield Argument("from_path", raw(self.path.pattern), "in all paths, while no row says a day")

    def with_cells(self, form: Csv) -> Csv:
        """A format with all that was understood of cells, and of the days that paths give."""
        found = describe_cells(form, self.columns.columns, self.columns.decimal)
        names = {each.text: name for each, name in zip(self.columns.columns, self.names, strict=True)}
        form = replace(found.form, columns={names[text]: cells for text, cells in found.columns.items()})
        return replace(form, date_format=self.path.form) if self.path is not None and self.path.form else form

    def why_forms(self, kind: str) -> str:
        """From how many values of a kind their forms were understood."""
        values = sum(each.values for each in self.columns.columns if each.kind == kind)
        return f"{values:,} values" if values else "in the paths"

    def _remarks(self) -> Iterator[str]:
        times = arrival_times(self.samples)
        named = zip(self.columns.columns, self.names, strict=True)
        days = [name for each, name in named if each.kind == "Date"]
        days += [self.path.name] if self.path is not None and self.path.form else []
        if times is not None and days:
            yield f"Files were written between {times[0]} and {times[1]}. To be told when a day is late:"
            yield f'expect=DailyBy("{times[1]}", "Europe/Paris", day={quoted(days[0])}),'


def _shown(landing: Path) -> str:
    """The landing directory as it is written in the declaration: from here, where it lies below."""
    here = Path.cwd()
    return str(landing.relative_to(here)) if landing.is_relative_to(here) else str(landing)
