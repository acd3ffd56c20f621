"""What a finding says that a refused text should have been, and which one option would take it as it stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

import dataframely as dy
import polars as pl

from flows.model.formats import CellText, Csv, Format
from flows.model.types import DATETIME, Value, type_of

_NULLS = frozenset(("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "nan", "NaN", "-", "--", "?", "(null)"))
"""Texts that files have for no value."""
_WAYS = 2
"""How many readings of a text a finding names."""
_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)\Z", re.ASCII)
_ZONED = "a Datetime(time_zone=…) takes its offset, with %z at the end of its datetime_format"


def expected_texts(name: str, column: dy.Column, form: Format, raws: pl.Series) -> pl.Series:
    """What should have stood in cells, in words.

    Args:
        name: the column's name.
        column: the schema's column.
        form: how the files are written.
        raws: the refused texts.
    """
    plain = type_of(column).expected(column, form.cells.of(name))
    if raws.dtype != pl.String:
        return pl.repeat(plain, len(raws), dtype=pl.String, eager=True)
    texts = raws.unique().drop_nulls()
    two, option = _read_twice(texts, name, column, form), _options(texts, name, column, form)
    local = type_of(column) is DATETIME
    words = {
        text: "; ".join(filter(None, (plain, two.get(text), _strange_character(text), option.get(text), hint)))
        for text in texts
        for hint in [_ZONED if local and _WITH_OFFSET.match(text) else None]
    }
    return pl.Series(raws.name, [words.get(text, plain) for text in raws], pl.String)


def _read_twice(texts: pl.Series, name: str, column: dy.Column, form: Format) -> dict[str, str]:
    """Text → how two of the declared forms read it differently."""
    readings = [
        (words, _values(texts, column, cells)) for words, cells in type_of(column).readings(form.cells.of(name))
    ]
    found = {}
    for text in texts:
        read = {values[text]: words for words, values in readings if text in values}
        if len(read) > 1:
            found[text] = " and ".join(f"{words} reads {value}" for value, words in read.items())
            found[text] += ", and a value that two forms read differently is never chosen"
    return found


def _options(texts: pl.Series, name: str, column: dy.Column, form: Format) -> dict[str, str]:
    """Text → the option that takes it, or those that do and read it differently."""
    cells, found = form.cells.of(name), dict[str, dict[Value, str]]()
    for words, other in type_of(column).options(texts.to_list(), cells):
        for text, value in _values(texts, column, other).items():
            found.setdefault(text, {}).setdefault(value, words)
    if column.nullable:
        for text in _NULLS & set(texts):
            found.setdefault(text, {})[None] = f"nulls={(*cells.nulls, text)!r}"
    match form:
        case Csv(padding=False):
            for text, value in _padded(texts, column, cells):
                found.setdefault(text, {})[value] = "padding=True"
    return {text: _choice(found[text], name, form) for text in found}


def _choice(options: Mapping[Value, str], name: str, form: Format) -> str:
    """Value → the option that reads it, in words; where options read it differently, how the first of them do."""
    declared = {value: _declared(name, words, form) for value, words in options.items()}
    if len(declared) == 1:
        return f"{next(iter(declared.values()))} takes it"
    ways = [f"{words} as {value}" for value, words in declared.items()][:_WAYS]
    return f"it could be taken by {' or by '.join(ways)}: only the file's author knows"


def _padded(texts: pl.Series, column: dy.Column, cells: CellText) -> Iterator[tuple[str, Value]]:
    """The texts that are read without the blanks around them."""
    bare = {text: text.strip() for text in texts if text != text.strip()}
    read = _values(pl.Series(texts.name, sorted({*bare.values()}), pl.String), column, cells)
    return ((text, read[inner]) for text, inner in bare.items() if inner in read)


def _declared(name: str, words: str, form: Format) -> str:
    """An option as the author writes it: for all columns, or for the one that has options of its own."""
    kind = type(form).__name__
    if name in form.cells.columns and not words.startswith("padding"):
        return f"{kind}(columns={{{name!r}: Cells({words})}})"
    return f"{kind}({words})"


def _values(texts: pl.Series, column: dy.Column, cells: CellText) -> Mapping[str, Value]:
    """The texts that are read, with their values."""
    found = texts.to_frame().select(type_of(column).read(texts, pl.col(texts.name), column, cells)).to_series()
    return {text: value for text, value in zip(texts, found, strict=True) if value is not None}


def _strange_character(text: str) -> str | None:
    """The first character that looks like another, or like nothing."""
    for char in text:
        if not char.isascii() or not char.isprintable():
            return f"it has U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
    return None
