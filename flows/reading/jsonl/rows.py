"""Lines of JSON as rows of text cells: those that are alike all at once, the others one by one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from flows.model.finding_frame import SHOWN, RowNote, make_notes, row_notes, shorten
from flows.model.formats.json_lines import FieldPath
from flows.model.nulls import null_column, only_where
from flows.model.tables import FILE, LINE
from flows.model.tolerances import Tolerance
from flows.reading.jsonl.fields import Fields, spelled
from flows.reading.jsonl.layout import Layout
from flows.reading.jsonl.parser import Leaf, LineFault, Number, parse_line, written
from flows.runtime.progress import show_progress
from flows.text.plural import counted

MAX_CELL_BYTES = 1 << 20
"""As long as a cell of CSV may be."""
_IN_QUOTES = "text in quotes"
_EXPECTED_EXTRA = 'no fields but those that are declared; JsonLines(extra="ignore") takes others'
_ONE_VALUE = "a single value, no array or object"
_QUOTE, _NULL = '"', "null"
_PROGRESS_LINES = 10_000

type _Fault = tuple[str, str | None, str | None, str]
"""The rule, column, raw text and what was expected instead."""


@dataclass
class JsonRows:
    """What was read of the lines of a file so far.

    Args:
        fields: which fields are which columns.
    """

    fields: Fields
    frames: list[pl.DataFrame] = field(default_factory=list)
    notes: list[pl.DataFrame] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def add_alike(self, lines: pl.Series, tokens: pl.DataFrame, layout: Layout) -> None:
        """Take in lines of one layout, as its groups have their values."""
        fields, wrong = self.fields, dict[str, pl.Series]()
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # each column takes long where there are many lines
            texts = threads.map(lambda name: self._cells(tokens[name], name), layout.columns)
            found = dict(zip(layout.columns, texts, strict=True))
        missing = [name for name in fields.header if name not in found]
        if shape := self._shape_faults(missing, layout.extra):
            for rule, column, raw, expected in shape:
                self._note(lines, rule, raw, expected, column=column)
            return
        for name in layout.columns:
            if fields.takes_text_only(name) and (plain := _plain_values(tokens[name])) is not None:
                wrong[name] = plain
                self._note(lines.filter(plain), fields.rule(name), tokens[name].filter(plain), _IN_QUOTES, column=name)
        absent = [null_column(name, pl.String, len(lines)) for name in missing]
        frame = pl.DataFrame([*found.values(), *absent, lines]).select(*fields.header, LINE)
        frame = frame.filter(~pl.any_horizontal(*map(pl.lit, wrong.values()))) if wrong else frame
        self.frames.append(frame)
        if frame.height:
            self.ignored.update({spelled(path): frame.height for path in layout.extra})
            self.missed.update({spelled(fields.paths[name]): frame.height for name in missing})

    def add_single(self, lines: pl.DataFrame) -> None:
        """Take in lines of any kind."""
        kept: list[tuple[str | int | None, ...]] = []
        faults: list[RowNote] = []
        for number, (line, text) in enumerate(lines.iter_rows()):
            if number % _PROGRESS_LINES == 0:
                show_progress()
            row, found = self._row(text)
            if found:
                faults += [(line, *fault) for fault in found]
            else:
                kept.append((*row, line))
        schema = {**dict.fromkeys(self.fields.header, pl.String), LINE: pl.UInt32}
        self.frames.append(pl.DataFrame(kept, schema=schema, orient="row"))
        if faults:
            self.notes.append(row_notes(faults))

    def tolerated(self) -> tuple[Tolerance, ...]:
        """What was let pass."""
        ignored = (
            Tolerance("ignored field", f"field {name} ignored ({counted(count, 'value')})", count)
            for name, count in sorted(self.ignored.items())
        )
        missed = (
            Tolerance("missing field", f"field {name} missing in {counted(count, 'row')}", count)
            for name, count in sorted(self.missed.items())
        )
        return (*ignored, *missed)

    def _note(
        self, lines: pl.Series, rule: str, raw: str | pl.Series | None, expected: str, *, column: str | None = None
    ) -> None:
        given = raw.str.head(SHOWN) if isinstance(raw, pl.Series) else pl.lit(raw, pl.String)
        rank = pl.lit(self.fields.header.index(column) if column is not None else len(self.fields.header))
        words = {"rule": pl.lit(rule), "column": pl.lit(column, pl.String), "expected": pl.lit(expected), "rank": rank}
        self.notes.append(make_notes(lines.to_frame(), raw=given, **words, **{FILE: pl.lit(0)}))

    def _cells(self, tokens: pl.Series, column: str) -> pl.Series:
        """Values as they are written → their texts, null where there is none."""
        quoted = tokens.str.starts_with(_QUOTE)
        if not quoted.any():
            texts = tokens
        else:
            texts = tokens.str.strip_prefix(_QUOTE).str.strip_suffix(_QUOTE)
            if quoted.all():
                return texts
        if self.fields.is_boolean(column):
            texts = texts.zip_with(quoted, tokens.replace(self.fields.words(column)))
        absent = tokens == _NULL
        return only_where(texts, ~absent) if absent.any() else texts

    def _row(self, text: str) -> tuple[list[str | None], list[_Fault]]:
        """The texts of a line's cells, or what is found in it."""
        try:
            found = parse_line(text)
        except LineFault as wrong:
            return [], [(wrong.rule, None, wrong.raw, wrong.expected)]
        extra = [path for path in found if path not in self.fields.columns]
        missing = [name for name, path in self.fields.paths.items() if path not in found]
        if shape := self._shape_faults(missing, extra):
            return [], shape
        values = {name: found.get(path) for name, path in self.fields.paths.items()}
        faults = [fault for name, value in values.items() if (fault := self._fault(name, value)) is not None]
        if faults:
            return [], faults
        self.ignored.update(map(spelled, extra))
        self.missed.update(spelled(self.fields.paths[name]) for name in missing)
        return [self._cell(name, value) for name, value in values.items()], []

    def _shape_faults(self, missing: Iterable[str], extra: Sequence[FieldPath]) -> list[_Fault]:
        """What is wrong with an object that lacks these columns and has these other fields."""
        faults, others = list[_Fault](), ", ".join(map(spelled, extra))
        for name in missing:
            path = self.fields.paths[name]
            if any(each[: len(path)] == path for each in extra):
                faults.append((self.fields.rule(name), name, "an object", _ONE_VALUE))
            elif not self.fields.takes_missing:
                faults.append(("missing", name, None, _expected_missing(self.fields, name)))
        if others and not self.fields.takes_extra:
            faults.append(("extra", None, shorten(others), _EXPECTED_EXTRA))
        return faults

    def _cell(self, column: str, value: Leaf) -> str | None:
        match value:
            case bool() if self.fields.is_boolean(column):
                return self.fields.words(column)[written(value)]
            case bool() | list() | dict():
                return written(value)
            case _:
                return value

    def _fault(self, column: str, value: Leaf) -> _Fault | None:
        """What is wrong with a value, whatever its column's type makes of its text."""
        if isinstance(value, list | dict):
            return self.fields.rule(column), column, shorten(written(value)), _ONE_VALUE
        if isinstance(value, bool | Number):
            wrong = self.fields.takes_text_only(column)
            return (self.fields.rule(column), column, shorten(written(value)), _IN_QUOTES) if wrong else None
        if value is None:
            return None
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            return "encoding", column, shorten(value), "text in UTF-8, without half of a pair of surrogates"
        if "\0" in value:
            return "nul", column, shorten(value), "text without NUL characters"
        if size > MAX_CELL_BYTES:
            return "cell", column, shorten(value), f"at most {MAX_CELL_BYTES:,} bytes in a value"
        return None


def _plain_values(tokens: pl.Series) -> pl.Series | None:
    """Which of the values are neither in quotes nor null; None where all are."""
    plain = ~tokens.str.starts_with(_QUOTE)
    return found if plain.any() and (found := plain & (tokens != _NULL)).any() else None


def _expected_missing(fields: Fields, column: str) -> str:
    return f'the field {spelled(fields.paths[column])}; JsonLines(missing="null") takes its absence as no value'
