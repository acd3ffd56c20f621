"""Files whose values have types: Parquet, JSON objects one a line, and workbooks."""

from __future__ import annotations

import io
import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, assert_never

import polars as pl

from flows.errors import QueryError
from flows.inference.columns import Column, Columns, find_columns, number_column
from flows.inference.evidence import Wishes
from flows.inference.samples import PARQUET, Sample, is_workbook
from flows.inference.scalars import scalar_series
from flows.inference.workbooks import RowBelow, read_sheet_values
from flows.model.tables import FILE

type StoredKind = Literal["parquet", "json lines", "workbook"]
type Kind = Literal["text"] | StoredKind
_TYPED: dict[type[pl.DataType], str] = {
    pl.Boolean: "Bool", pl.Date: "Date", pl.Datetime: "Datetime", pl.Decimal: "Decimal", pl.Float32: "Float64",
    pl.Float64: "Float64", **dict.fromkeys(
        (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64), "Int64"
    ),
}  # fmt: skip
_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Null)


@dataclass(frozen=True)
class StoredTable:
    """The values of all samples.

    Args:
        kind: of the files.
        frame: a column for each field, and `_file`.
        lacking: whether a file, or a row, lacks a field that another one has.
        left_out: fields that hold no values but lists, with an example.
        above: whether rows stand above a header.
        below: what stands below the rows of each file.
        same_order: whether all files have the same columns in the same order.
    """

    kind: StoredKind
    frame: pl.DataFrame
    lacking: bool
    left_out: Mapping[str, str]
    above: bool
    below: Sequence[tuple[RowBelow, ...]]
    same_order: bool

    @property
    def names(self) -> dict[str, str]:
        """What the files call a column → its name in the frame, which is the same."""
        return {name: name for name in self.frame.columns if name != FILE}


def samples_by_kind(samples: Sequence[Sample]) -> dict[Kind, list[Sample]]:
    """The samples of each kind."""
    kinds = dict[Kind, list[Sample]]()
    for sample in samples:
        kinds.setdefault(_kind(sample.body), []).append(sample)
    return kinds


def read_stored(kind: StoredKind, samples: Sequence[Sample], wishes: Wishes) -> StoredTable:
    """All values of the samples.

    Raises:
        QueryError: one of them cannot be read.
    """
    frames, left_out, above, lacking = list[pl.DataFrame](), dict[str, str](), False, False
    below = list[tuple[RowBelow, ...]]()
    for file, sample in enumerate(samples):
        try:
            read = _read(kind, sample, wishes, left_out)
        except (pl.exceptions.PolarsError, ValueError) as error:
            raise QueryError(
                f"The file cannot be read ({error})", next_step="leave it out, or mend it", file=sample.file
            ) from None
        frame, above, lacking = read.frame, above or read.above, lacking or read.lacking
        below.append(read.below)
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary]
        left_out |= {name: str(frame.schema[name]) for name in nested}
        frames.append(frame.drop(nested).with_columns(pl.lit(file, pl.UInt32).alias(FILE)))
    lacking = lacking or len({frozenset(frame.columns) for frame in frames}) > 1
    same_order = len({tuple(frame.columns) for frame in frames}) == 1
    return StoredTable(kind, _together(frames), lacking, left_out, above, below, same_order)


@dataclass(frozen=True)
class _FileValues:
    """The values of a file, whether rows stand above its header, what stands below the rows, and whether a row lacks a
    field of another one."""

    frame: pl.DataFrame
    above: bool = False
    below: tuple[RowBelow, ...] = ()
    lacking: bool = False


def _read(kind: StoredKind, sample: Sample, wishes: Wishes, left_out: dict[str, str]) -> _FileValues:
    match kind:
        case "parquet":
            return _FileValues(pl.read_parquet(io.BytesIO(sample.body)))
        case "json lines":
            return _read_json(sample, left_out)
        case "workbook":
            sheet = read_sheet_values(sample, wishes.sheet)
            return _FileValues(sheet.frame, above=sheet.above > 0, below=sheet.below)
        case _:
            assert_never(kind)


def _together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One table of all: where a column has values in one file alone, the others have none; where types differ that one
    type does not hold, they are texts."""
    names = list(dict.fromkeys(name for frame in reversed(frames) for name in frame.columns))
    empty = [frame.select(each for each in frame if each.null_count() < len(each)) for frame in frames]
    try:
        found = pl.concat(empty, how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        found = pl.concat([each.with_columns(pl.exclude(FILE).cast(pl.String)) for each in empty], how="diagonal")
    absent = [pl.lit(None, pl.String).alias(name) for name in names if name not in found.columns]
    return found.with_columns(absent).select(names)


def find_stored_columns(table: StoredTable, wishes: Wishes) -> Columns:
    """What the columns hold: as they are stored, and texts as they are written."""
    frame = table.frame.with_columns(pl.col(pl.Categorical, pl.Enum, pl.Null).cast(pl.String))
    texts = {name: name for name in table.names if frame.schema[name] == pl.String}
    written = find_columns(frame, texts, wishes)
    by_name = {each.text: each for each in written.columns}
    columns = [by_name.get(name) or _typed(name, frame[name]) for name in table.names]
    if table.kind == "json lines":
        columns = [_as_text(each) if each.kind in ("Int64", "Float64", "Decimal") and each.text in by_name else each
                   for each in columns]  # fmt: skip
    questions = written.questions
    if table.kind == "json lines":  # whose numbers are no texts
        questions = tuple(each for each in questions if each.flag == "--dates")
    return Columns(tuple(columns), written.decimal, questions)


def _as_text(column: Column) -> Column:
    """A number in quotes is text: whoever wrote the file could have left them out."""
    return replace(column, kind="String", arguments="", why="text in quotes", uncertain="a number could be declared")


def _typed(name: str, values: pl.Series) -> Column:
    dtype, absent = values.dtype, values.null_count()
    kind = _TYPED[dtype.base_type()]
    column = Column(name, kind, absent > 0, len(values) - absent, len(values), f"stored as {dtype}")
    match dtype:
        case pl.Decimal():
            return replace(column, arguments=f"{dtype.precision}, {dtype.scale}", places=dtype.scale)
        case pl.Datetime(time_zone=str(zone)):
            return replace(column, arguments=f'time_zone="{zone}"')
        case _ if kind == "Int64" or (kind == "Float64" and dtype == pl.Float64):
            found = number_column(column, values.drop_nulls().cast(pl.String))
            return replace(found, why=column.why) if found.kind == kind else replace(column, places=found.places)
        case _:
            return column


def _kind(body: bytes) -> Kind:
    if body.startswith(PARQUET):
        return "parquet"
    if is_workbook(body):
        return "workbook"
    first = body.removeprefix(BOM_UTF8).lstrip().partition(b"\n")[0].strip()
    return "json lines" if first.startswith(b"{") and first.endswith(b"}") and _is_object(first) else "text"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _read_json(sample: Sample, left_out: dict[str, str]) -> _FileValues:
    lines = [line for line in sample.body.removeprefix(BOM_UTF8).split(b"\n") if line.strip()]
    rows = [dict(_flat(json.loads(line, parse_float=Decimal), "", left_out)) for line in lines]
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame([scalar_series(name, [row.get(name) for row in rows]) for name in names])
    return _FileValues(frame, lacking=any(len(row) < len(names) for row in rows))


def _flat(value: Mapping[str, object], above: str, left_out: dict[str, str]) -> Iterator[tuple[str, object]]:
    for key, each in value.items():
        name = f"{above}{key}"
        match each:
            case dict():
                yield from _flat(each, f"{name}.", left_out)
            case list():
                left_out[name] = "a list"
            case _:
                yield name, each
