"""The rows of a batch, for formats whose files are read one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES
from flows.model.findings import NO_FINDINGS, FileFindings
from flows.model.tables import FILE, LINE
from flows.model.tolerances import Tolerance
from flows.reading.path_values import path_values, with_path_values
from flows.reading.port import Source
from flows.reading.refusal import FileRefused, check_rows
from flows.reading.refused_lines import with_refused_lines
from flows.reading.typed_columns import as_text
from flows.runtime.progress import show_progress
from flows.validation.raw_rows import RawRows


@dataclass(frozen=True)
class FileRows:
    """The rows of one file.

    Args:
        body: its bytes, decompressed.
        frame: the dataset's header columns and `_line`; each column is text, or of the type that is declared.
        data_rows: data rows seen, those with problems included.
        notes: what is found in rows that are not in the frame; `_file` may be anything.
        tolerated: what was let pass.
    """

    body: bytes
    frame: pl.DataFrame
    data_rows: int
    notes: pl.DataFrame
    tolerated: tuple[Tolerance, ...] = ()


def assemble(dataset: Dataset, sources: Sequence[Source], read: Callable[[Source], FileRows]) -> RawRows:
    """Read files one after the other, each as if it were alone.

    Args:
        dataset: the declaration.
        sources: the files of a batch.
        read: reads one; may raise FileRefused.
    """
    found: list[FileFindings] = []
    held: dict[str, list[str | None]] = {name: [] for name in dataset.path_columns}
    frames, notes = [_no_rows(dataset)], [NOTES.to_frame()]
    bodies, data_rows = list[bytes](), list[int]()
    for index, source in enumerate(sources):
        show_progress()
        values: dict[str, str | None] = dict.fromkeys(held)
        try:
            values = path_values(dataset, source.path)
            rows = read(source)
            check_rows(dataset, rows.data_rows)
        except FileRefused as refusal:
            found.append(refusal.found)
            bodies.append(source.body)
            data_rows.append(found[-1].refused)
        else:
            number = pl.lit(index, pl.UInt32).alias(FILE)
            frames.append(rows.frame.select(*dataset.header, number, LINE))
            notes.append(rows.notes.with_columns(number))
            found.append(replace(NO_FINDINGS, tolerated=rows.tolerated))
            bodies.append(rows.body)
            data_rows.append(rows.data_rows)
        for name, column in held.items():
            column.append(values[name])
    return RawRows(
        frame=with_path_values(dataset, pl.concat(_alike(dataset, frames[1:] or frames)), held),
        data_rows=data_rows,
        found=with_refused_lines(found, pl.concat(notes)),
        bodies=bodies,
    )


def _alike(dataset: Dataset, frames: Sequence[pl.DataFrame]) -> Sequence[pl.DataFrame]:
    """Frames whose columns have one type each: text, where one of them has text."""
    other = [name for name in dataset.header if len({frame[name].dtype for frame in frames}) > 1]
    cells = dataset.first_format.cells
    return [frame.with_columns(as_text(frame[name], cells) for name in other) for frame in frames] if other else frames


def _no_rows(dataset: Dataset) -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(dataset.header, pl.String), FILE: pl.UInt32, LINE: pl.UInt32})
