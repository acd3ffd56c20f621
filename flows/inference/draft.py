"""What was understood of samples as a declaration, and as a table of reasons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flows.inference.columns import Column, Columns
from flows.inference.evidence import Decision, Wishes, share
from flows.inference.keys import Key
from flows.inference.names import class_name, column_names, dataset_name
from flows.inference.paths import PathColumn, arrival_times, name_pattern
from flows.inference.samples import Sample, Samples
from flows.inference.source_text import Argument, Declaration, FormatText, SchemaColumn, quoted, raw
from flows.model.archives import Zip
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

    @abstractmethod
    def formats(self) -> list[FormatText]:
        """How they are written; none where that is the default."""

    @abstractmethod
    def pattern(self) -> str:
        """The glob for their names; empty where the formats say it."""

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
        files, formats = counted(len(self.samples), "file"), self.formats()
        values = [option.value for each in formats for option in each.arguments]
        used = {each for each in _FORMAT_NAMES if any(f"{each}(" in value for value in values)}
        schema = class_name(self.wishes.name or self.found.landing.name)
        schema = schema if schema != self.constant else f"{schema}Rows"
        return Declaration(
            about=f"{schema}, understood from {files} with {self.rows:,} rows by `cubefeed init`: yours to change.",
            schema=schema,
            constant=self.constant,
            columns=[*self._schema_columns()],
            options=[*self._options(schema)],
            formats=formats,
            imports=sorted({"Dataset", *(each.name for each in formats), *used, *["Zip"][: len(self.found.archives)]}),
            remarks=[*self._remarks()],
        )

    def decisions(self) -> Iterator[Decision]:
        """What it says, and why."""
        asked = {question.what for question in self.columns.questions}
        yield from self.format_decisions()
        parts = sum(not each.whole for each in self.samples)
        read_files = len({each.archive or each.file for each in self.samples})
        if parts or read_files < len(self.found.files):
            read = f"{share(read_files, len(self.found.files))} files, {parts} of them in parts"
            yield Decision("size", "understood from a part", read, "the check of all files says what is otherwise")
        if self.found.archives:
            yield Decision("archives", self._archives().value, self._archives().why)
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
        return self._named([each.text for each in self.columns.columns])

    def _named(self, texts: Sequence[str]) -> tuple[str, ...]:
        return column_names(texts, (self.path.name,) if self.path is not None else ())

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
        if pattern := self.pattern():
            yield Argument("pattern", quoted(pattern), f"the names of {counted(len(self.samples), 'file')}")
        if self.found.archives:
            yield self._archives()
        if self.found.recursive:
            yield Argument("recursive", "True")
        if self.path is not None:
            yield Argument("from_path", raw(self.path.pattern), "in all paths, while no row says a day")

    def _archives(self) -> Argument:
        pattern, members = name_pattern(self.found.archives), sum(each.archive is not None for each in self.samples)
        why = f"{counted(len(self.found.archives), 'archive')} with {counted(members, 'file')}"
        return Argument("archives", "Zip()" if pattern == Zip().pattern else f"Zip({quoted(pattern)})", why)

    def _remarks(self) -> Iterator[str]:
        times = arrival_times(sample.modified_s for sample in self.samples)
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
