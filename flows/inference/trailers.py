"""Lines below the rows that say what the rows hold: where that is right in all samples, it is checked from then on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from flows.inference.columns import Column
from flows.inference.layout import escaped, total_word
from flows.inference.layout_search import FoundLayout
from flows.inference.marks import Marks, split_line
from flows.model.formats import CellText, Csv
from flows.model.tables import FILE
from flows.model.trailer import ROWS, Trailer
from flows.model.types.exact_sum import exact_sum, read_number

_NUMBERS = frozenset(("Int64", "Float64", "Decimal"))


def with_trailers(form: Csv, layout: FoundLayout, columns: Sequence[Column], names: Sequence[str]) -> Csv:
    """A format in which a footer is a `Trailer`, where it holds the number of rows or sums of columns.

    Args:
        form: how files and their cells are written.
        layout: how their lines are laid out, and their cells.
        columns: what they hold.
        names: what the declaration calls each of them.
    """
    footer = tuple(_trailer(each, form, layout, columns, names) or each for each in map(str, form.footer))
    taken = [each.pattern for each in footer if isinstance(each, Trailer)]
    lines = [line for each in layout.layouts for line in each.below]
    clear = all(sum(re.fullmatch(pattern, line) is not None for pattern in taken) <= 1 for line in lines)
    return replace(form, footer=footer) if taken and clear else form


def _trailer(
    pattern: str, form: Csv, layout: FoundLayout, columns: Sequence[Column], names: Sequence[str]
) -> Trailer | None:
    """What a pattern of all files can be checked by; None where a file has no such line, or it says something else."""
    fitting = [[line for line in each.below if re.fullmatch(pattern, line)] for each in layout.layouts]
    if any(len(lines) != 1 for lines in fitting):
        return None
    lines = [lines[0] for lines in fitting]
    counts = layout.table.frame.group_by(FILE).len().to_dict(as_series=False)
    rows = dict(zip(counts[FILE], counts["len"], strict=True))
    counted = _row_count(lines, rows)
    return Trailer(counted) if counted is not None else _sums(lines, form, layout, columns, names)


def _row_count(lines: Sequence[str], rows: Mapping[int, int]) -> str | None:
    """A pattern for lines that have one number, which is that of the rows; files of different lengths show that."""
    found = [re.fullmatch(r"(\D*)(\d+)(\D*)", line) for line in lines]
    if len(set(rows.values())) < 2 or not all(found):
        return None
    parts = {(each[1], each[3]) for each in found if each is not None}
    right = all(each is not None and int(each[2]) == rows.get(file, 0) for file, each in enumerate(found))
    if not right or len(parts) != 1:
        return None
    before, after = parts.pop()
    return rf"{escaped(before)}(?P<{ROWS}>\d+){escaped(after)}"


def _sums(
    lines: Sequence[str], form: Csv, layout: FoundLayout, columns: Sequence[Column], names: Sequence[str]
) -> Trailer | None:
    """A pattern for lines that hold the sums of the same columns, in the same order."""
    if form.quote is not None and any(form.quote in line for line in lines):
        return None
    found = {tuple(_summed(file, line, form, layout, columns)) for file, line in enumerate(lines)}
    words = {total_word(line) for line in lines}
    if len(found) != 1 or len(words) != 1:
        return None
    (texts,), (word,) = found, words
    named = dict(zip((each.text for each in columns), names, strict=True))
    if not texts or word is None or any(named[text] == ROWS for text in texts):
        return None
    between = escaped(form.delimiter)
    between = between if len(form.delimiter) == 1 else f"(?:{between})"
    cell = rf"[^{escaped(form.delimiter[0])}]+"
    groups = f"{between}+".join(f"(?P<{named[text]}>{cell})" for text in texts)
    return Trailer(f"{escaped(word)}{between}+{groups}{between}*")


def _summed(file: int, line: str, form: Csv, layout: FoundLayout, columns: Sequence[Column]) -> Iterator[str]:
    """The columns whose sums a line holds, in its order; none where it holds something else besides."""
    header = layout.layouts[file].names or layout.names
    cells = split_line(line, Marks(form.delimiter, form.quote, form.escape))
    kinds = {each.text: each for each in columns}
    rows = layout.table.frame.filter(pl.col(FILE) == file)
    held = [(text, cell) for text, cell in zip(header, cells, strict=False) if cell.strip()][1:]
    summed = [
        text for text, cell in held
        if kinds[text].kind in _NUMBERS and _is_sum(cell, rows[layout.table.columns[text]], form.cells)
    ]  # fmt: skip
    if len(summed) == len(held) and len(cells) == len(header):
        yield from summed


def _is_sum(cell: str, texts: pl.Series, cells: CellText) -> bool:
    total, others = exact_sum(texts, cells)
    return not others and read_number(cell, cells) == total
