"""Vetted rows to text cells: the files of a batch are parsed as one text, with file and line beside it."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import IO, Literal, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES, SHOWN, make_notes
from flows.model.findings import MAX_FINDINGS
from flows.model.tables import FILE, LINE
from flows.model.tolerances import Tolerance
from flows.reading.column_names import Columns
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.csv.gate import MAX_CELL_BYTES, VettedFile
from flows.reading.csv.let_pass import IGNORED, let_cells_pass
from flows.reading.repeated_headers import EXPECTED, REPEATED, header_rows
from flows.validation.cost import Cost

_BLOCK_BYTES = 1 << 20
_PIECE_BYTES = 8 << 20
"""Pieces of a large file have at least so many bytes."""


@dataclass(frozen=True)
class TextCells:
    """The rows of a batch as text.

    Args:
        frame: the header's columns, `_file` and `_line`.
        notes: what is found in the lines left out.
        tolerated: file → what was let pass in its cells.
    """

    frame: pl.DataFrame
    notes: pl.DataFrame
    tolerated: Mapping[int, tuple[Tolerance, ...]]


@dataclass(frozen=True)
class _Shape:
    """What files have in common that are parsed together."""

    quoted: bool
    columns: Columns
    header: tuple[str, ...] | None

    @property
    def names(self) -> list[str]:
        """A name for each cell of a row; those that are ignored have one that no column has."""
        return [name if name is not None else f"{IGNORED}{place}" for place, name in enumerate(self.columns)]

    @property
    def ignored(self) -> dict[str, str]:
        """The names of the ignored cells → what the header calls them."""
        header = self.header or self.names
        pairs = zip(self.columns, self.names, header, strict=True)
        return {name: text for column, name, text in pairs if column is None}


def read_cells(dataset: Dataset, vetted: Mapping[int, VettedFile]) -> TextCells:
    """The rows of all files as text cells with `_file` and `_line`, and notes on the lines left out."""
    frames, tolerated = [], dict[int, tuple[Tolerance, ...]]()
    notes = [one.notes.with_columns(_file(i)) for i, one in vetted.items() if one.notes is not None]
    for shape, batch in _batches(vetted).items():
        frame, ragged = _read_batch(dataset, batch, shape)
        frame, repeated = _split_headers(dataset, frame, shape)
        notes += [ragged, repeated]
        if max(len(one.text) for one in batch.values()) > MAX_CELL_BYTES:
            frame, long = _split_long_cells(frame, shape)
            notes.append(long)
        frame, let_pass = let_cells_pass(dataset, frame, shape.names, shape.ignored)
        tolerated |= let_pass
        frames.append(frame)
    rows = pl.concat(frames) if frames else pl.DataFrame(schema=_schema(dataset))
    if len(frames) > 1:
        rows = rows.sort(FILE, LINE)
    return TextCells(rows, pl.concat([NOTES.to_frame(), *notes]), tolerated)


def _batches(vetted: Mapping[int, VettedFile]) -> dict[_Shape, dict[int, VettedFile]]:
    """The files that have rows, by their shape: plain ones first."""
    batches: dict[_Shape, dict[int, VettedFile]] = {}
    for quoted in (False, True):
        for index, one in vetted.items():
            if one.quoted is quoted and one.rows:
                batches.setdefault(_Shape(quoted, one.columns, one.header), {})[index] = one
    return batches


class _RaggedLines:
    """Called for each row with too few or too many fields; keeps the texts of the first ones of each file."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = ends
        self._file = self._kept = 0
        self.numbers = array("Q")  # there may be as many as the file has lines
        self.fields = array("Q")
        self.texts: list[str] = []

    def __call__(self, row: arrow_csv.InvalidRow) -> Literal["skip"]:
        assert row.number is not None
        while row.number > self._ends[self._file]:
            self._file += 1
            self._kept = 0
        self._kept += 1
        self.numbers.append(row.number)
        self.fields.append(row.actual_columns)
        self.texts.append(row.text[:SHOWN] if self._kept <= MAX_FINDINGS else "")
        return "skip"

    def cleared(self) -> _RaggedLines:
        """The same before the first call."""
        return _RaggedLines(self._ends)

    def take(self, other: _RaggedLines, rows: int) -> None:
        """Add what was found in a piece below so many rows."""
        self.numbers.extend(number + rows for number in other.numbers)
        self.fields += other.fields
        self.texts += other.texts


def _read_batch(dataset: Dataset, batch: Mapping[int, VettedFile], shape: _Shape) -> tuple[pl.DataFrame, pl.DataFrame]:
    ends = list(accumulate(one.rows for one in batch.values()))
    texts = [one.text for one in batch.values()]
    text = texts[0] if len(texts) == 1 else b"".join(texts)
    table, ragged = _parse(dataset, text, shape, ends)
    if table.num_rows + len(ragged.numbers) != ends[-1]:
        raise RuntimeError(f"{ends[-1]} rows went into the parser, {table.num_rows} came out as they should")
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    frame.columns = shape.names  # only now: Arrow ends a name at the NUL with which those of ignored cells begin
    places = _places(batch)
    if not ragged.numbers:
        return frame.with_columns(places.get_columns()), NOTES.to_frame()
    Cost(dataset).check_bad_rows(len(ragged.numbers))
    numbers = pl.Series(np.frombuffer(ragged.numbers, np.uint64)) - 1
    hurt = pl.int_range(pl.len(), dtype=pl.UInt64).is_in(numbers.implode())
    frame = frame.with_columns(places.filter(~hurt).get_columns())
    shown = list(map(Dialect.of(csv_of(dataset)).outer, ragged.texts))
    return frame, _ragged_notes(len(shape.columns), places.filter(hurt), shown, ragged.fields)


def _parse(
    dataset: Dataset, text: bytes | memoryview, shape: _Shape, ends: Sequence[int]
) -> tuple[pa.Table, _RaggedLines]:
    if len(ends) > 1 or (shape.quoted and csv_of(dataset).multiline):
        return _parse_piece(dataset, text, shape, _RaggedLines(ends), len(text))
    pieces = _pieces(text)
    with ThreadPoolExecutor(len(pieces)) as threads:
        parse = partial(_parse_piece, dataset, shape=shape, whole_bytes=len(text))
        parsed = list(threads.map(lambda piece: parse(piece, ragged=_RaggedLines(ends)), pieces))
    ragged, rows = _RaggedLines(ends), 0
    for table, found in parsed:
        ragged.take(found, rows)
        rows += table.num_rows + len(found.numbers)
    return pa.concat_tables(table for table, _ in parsed), ragged


def _pieces(text: bytes | memoryview) -> list[memoryview]:
    """A large text as pieces of whole lines, one for each processor; pyarrow's own threads would not number rows."""
    whole = memoryview(text)
    count = max(1, min(os.cpu_count() or 1, len(text) // _PIECE_BYTES))
    cuts = [0]
    for place in (len(text) * k // count for k in range(1, count)):
        end = bytes(whole[place : place + _BLOCK_BYTES]).find(b"\n") + 1
        if end and cuts[-1] < place + end < len(text):
            cuts.append(place + end)
    return [whole[start:end] for start, end in pairwise([*cuts, len(text)])]


def _parse_piece(
    dataset: Dataset, text: bytes | memoryview, shape: _Shape, ragged: _RaggedLines, whole_bytes: int
) -> tuple[pa.Table, _RaggedLines]:
    try:
        return _read_csv(dataset, text, shape, ragged, _BLOCK_BYTES), ragged
    except pa.ArrowInvalid:  # a row longer than a block
        Cost(dataset).check_long_rows(whole_bytes)
        again = ragged.cleared()
        return _read_csv(dataset, text, shape, again, len(text) + 1), again


def _read_csv(
    dataset: Dataset, text: bytes | memoryview, shape: _Shape, ragged: _RaggedLines, block_bytes: int
) -> pa.Table:
    names, csv = [str(place) for place in range(len(shape.columns))], csv_of(dataset)
    return arrow_csv.read_csv(
        cast(IO[bytes], pa.BufferReader(pa.py_buffer(text))),  # the stubs know no Arrow streams
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=block_bytes),
        parse_options=arrow_csv.ParseOptions(
            delimiter=Dialect.of(csv).inner_delimiter,
            quote_char=csv.quote if shape.quoted and csv.quote is not None else False,
            double_quote=csv.escape is None,
            escape_char=csv.escape if shape.quoted and csv.escape is not None else False,
            newlines_in_values=shape.quoted and csv.multiline,
            ignore_empty_lines=False,
            invalid_row_handler=ragged,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _places(batch: Mapping[int, VettedFile]) -> pl.DataFrame:
    """File and physical line of each row."""
    starts = {"first": [one.first_line for one in batch.values()], "rows": [one.rows for one in batch.values()]}
    runs = pl.DataFrame({FILE: list(batch), **starts})
    end = pl.col("first") + pl.col("rows")
    lines = runs.select(pl.int_ranges("first", end, dtype=pl.UInt32).explode().alias(LINE))
    if any(one.lines is not None for one in batch.values()):
        even, before = lines, accumulate((one.rows for one in batch.values()), initial=0)
        lines = pl.concat(
            even.slice(start, one.rows) if one.lines is None else one.lines.alias(LINE).to_frame()
            for one, start in zip(batch.values(), before, strict=False)
        )
    files = runs.select(pl.col(FILE).cast(pl.UInt32).repeat_by("rows").explode())
    return files.hstack(lines)


def _ragged_notes(width: int, places: pl.DataFrame, texts: Sequence[str], fields: array[int]) -> pl.DataFrame:
    rows = places.with_columns(pl.Series("raw", texts), pl.Series("fields", np.frombuffer(fields, np.uint64)))
    expected = pl.format("{} fields, got {}", pl.lit(width), "fields")
    return make_notes(rows, rule=pl.lit("ragged"), expected=expected)


def _split_headers(dataset: Dataset, frame: pl.DataFrame, shape: _Shape) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out rows that say a header."""
    if shape.header is None:
        return frame, NOTES.to_frame()
    csv, cells = csv_of(dataset), list(zip(shape.names, shape.header, strict=True))
    flags = header_rows(frame, cells, csv.header, dataset.header)
    if flags is None:
        return frame, NOTES.to_frame()
    Cost(dataset).check_bad_rows(int(flags.sum()))
    repeated = frame.filter(flags).select(FILE, LINE, raw=pl.concat_str(*shape.names, separator=csv.delimiter))
    return frame.filter(~flags), make_notes(repeated, rule=pl.lit(REPEATED), expected=pl.lit(EXPECTED))


def _split_long_cells(frame: pl.DataFrame, shape: _Shape) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out rows that have a cell longer than any may be."""
    fits = {name: pl.col(name).str.len_bytes() <= MAX_CELL_BYTES for name in shape.names}
    if frame.select(pl.all_horizontal(each.all() for each in fits.values())).item():
        return frame, NOTES.to_frame()
    notes = [
        make_notes(
            frame.filter(~each).select(FILE, LINE, raw=pl.col(name).str.head(SHOWN)),
            rule=pl.lit("cell"),
            column=pl.lit(name),
            rank=pl.lit(rank),
            expected=pl.lit(f"at most {MAX_CELL_BYTES:,} bytes in a cell; is a quote or a line end missing?"),
        )
        for rank, (name, each) in enumerate(fits.items())
    ]
    return frame.filter(pl.all_horizontal(fits.values())), pl.concat(notes)


def _file(index: int) -> pl.Expr:
    return pl.lit(index, pl.UInt32).alias(FILE)


def _schema(dataset: Dataset) -> dict[str, type[pl.DataType]]:
    return {**dict.fromkeys(dataset.header, pl.String), FILE: pl.UInt32, LINE: pl.UInt32}
