"""Files of JSON objects, behind the port."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from flows.landing.packed_end import is_packed
from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES
from flows.model.formats import JsonLines
from flows.model.tables import LINE
from flows.reading.assembly import FileRows, assemble
from flows.reading.byte_checks import count_lines
from flows.reading.jsonl.fields import Fields
from flows.reading.jsonl.layout import Layout, extract, layout_of
from flows.reading.jsonl.lines import TEXT, split_lines
from flows.reading.jsonl.parser import LineFault, parse_line
from flows.reading.jsonl.rows import MAX_CELL_BYTES, JsonRows
from flows.reading.physical_lines import line_at, line_starts, without_end
from flows.reading.port import Source
from flows.reading.refused_lines import cut_lines
from flows.reading.text_bodies import open_text
from flows.validation.cost import Cost
from flows.validation.raw_rows import RawRows

MAX_LAYOUTS = 8
"""So many layouts are tried on a file, each of which takes about as long as a hundredth of its lines one by one."""
FEW_LINES = 200
"""So many are sooner read one by one."""


class JsonLinesReader:
    """Reads the files of a dataset whose format is `JsonLines`."""

    def __init__(self, dataset: Dataset, json_lines: JsonLines, *, alike: bool = True) -> None:
        """`alike` is whether lines that are may be read at once; both ways give the same."""
        self._dataset = dataset
        self._cost = Cost(dataset)
        self._fields = Fields(dataset, json_lines)
        self._alike = alike

    def open(self, source: Source) -> Source:
        return replace(source, body=self._open(source.body), opened=True) if is_packed(source.body) else source

    def needs_bytes(self, source: Source) -> int:
        return len(source.body)

    def worst_bytes(self, source: Source) -> int:
        return self._cost.worst(len(source.body), count_lines(source.body))

    def parse(self, sources: Sequence[Source]) -> RawRows:
        return assemble(self._dataset, sources, self._read)

    def raw(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
        text = body.removeprefix(codecs.BOM_UTF8)
        return ((line, without_end(line_at(text, start))) for line, start in line_starts(text, lines).items())

    def cut(self, body: bytes, lines: Sequence[int]) -> bytes:
        return cut_lines(body, lines)

    def _open(self, body: bytes) -> bytes:
        return open_text(body, self._dataset.limits.file_bytes, self._cost)

    def _read(self, source: Source) -> FileRows:
        body = source.body if source.opened else self._open(source.body)
        self._cost.check_long_way(len(body), count_lines(body) + 1)
        lines = split_lines(body)
        rows = JsonRows(self._fields)
        rows.add_single(self._without_alike(lines.frame, rows))
        notes = pl.concat([NOTES.to_frame(), lines.notes, *rows.notes])
        self._cost.check_bad_rows(notes[LINE].n_unique())
        frame = pl.concat(rows.frames).sort(LINE) if len(rows.frames) > 1 else rows.frames[0]
        return FileRows(body, frame, lines.count, notes, rows.tolerated())

    def _without_alike(self, lines: pl.DataFrame, rows: JsonRows) -> pl.DataFrame:
        """Take in the lines that are like others; the rest remain."""
        left = list[pl.DataFrame]()
        long = lines[TEXT].str.len_bytes() > MAX_CELL_BYTES
        if long.any():
            left.append(lines.filter(long))
            lines = lines.filter(~long)
        for _ in range(MAX_LAYOUTS if self._alike else 0):
            if lines.height < FEW_LINES:
                break
            layout = _layout(lines[TEXT][0], self._fields)
            tokens = extract(lines[TEXT], layout) if layout is not None else None
            if layout is None or tokens is None:
                left.append(lines.head(1))
                lines = lines.slice(1)
                continue
            alike = tokens[layout.columns[0]].is_not_null()
            if alike.all():
                rows.add_alike(lines[LINE], tokens, layout)
                lines = lines.clear()
            else:
                rows.add_alike(lines[LINE].filter(alike), tokens.filter(alike), layout)
                lines = lines.filter(~alike)
        return pl.concat([*left, lines])


def _layout(line: str, fields: Fields) -> Layout | None:
    """The layout of a line, if it is sound."""
    try:
        parse_line(line)
    except LineFault:
        return None
    return layout_of(line, fields)
