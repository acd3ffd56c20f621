"""A dataset's own `prepare`, one file at a time: what it raises or leaves out is a finding on that file."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import shorten
from flows.model.findings import FileFindings, Finding
from flows.model.tables import FILE, LINE
from flows.model.types import type_of
from flows.runtime.boundaries import FileFailed, Scope, boundary
from flows.runtime.progress import show_progress
from flows.validation.raw_rows import RawRows

if TYPE_CHECKING:
    import pandas as pd


class PrepareFailed(Exception):
    """What a `prepare` returned cannot be used."""

    def __init__(self, raw: str, expected: str) -> None:
        super().__init__(raw)
        self.raw = raw
        self.expected = expected


def prepare_files(dataset: Dataset, text: RawRows) -> RawRows:
    """The schema's columns as text, `_file` and `_line`, in file order; without `prepare` the files' own.

    A file whose `prepare` fails has a finding that refuses it, and no rows.
    """
    columns = [*dataset.schema.columns(), FILE, LINE]
    if dataset.prepare is None:
        return replace(text, frame=text.frame.select(columns))
    prepared = [text.frame.clear().select(pl.lit("").alias(n) if n not in (FILE, LINE) else n for n in columns)]
    found = list(text.found)
    for rows in text.frame.partition_by(FILE, maintain_order=True):
        show_progress()
        file = rows[FILE][0]
        try:
            frame = _prepare_file(dataset, rows.drop(FILE))
            prepared.append(frame.with_columns(pl.lit(file, pl.UInt32).alias(FILE)).select(columns))
        except PrepareFailed as failed:
            found[file] = _with_failure(found[file], failed)
    return replace(text, frame=pl.concat(prepared), found=found)


def _with_failure(found: FileFindings, failed: PrepareFailed) -> FileFindings:
    finding = Finding("prepare", raw=shorten(failed.raw), expected=failed.expected)
    return found.with_refusal(finding, f"prepare: {finding.raw}; expected {finding.expected}")


def _prepare_file(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    import pandas as pd  # only for those who prepare: it takes more time and memory to import than all else here

    given = pd.DataFrame({name: pd.Series(rows[name].to_list(), dtype=_dtype(name)) for name in rows.columns})
    assert dataset.prepare is not None
    try:
        with boundary(Scope.FILE):  # the author's code may raise anything
            returned = dataset.prepare(given)
    except FileFailed as failed:
        raise PrepareFailed(f"{failed}{_place(failed.cause, dataset.prepare)}", "no exception") from failed.cause
    _check_shape(dataset, returned)
    lines = _lines(returned[LINE], rows[LINE])
    return pl.DataFrame([lines, *(_text(name, returned[name], dataset) for name in dataset.schema.columns())])


def _place(error: BaseException, prepare: Callable[..., object]) -> str:
    """Where in the author's file it was raised, in brackets; empty where it is no frame of that file."""
    code = getattr(prepare, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if code is not None and frame.filename == code.co_filename]
    return f" ({Path(code.co_filename).name}, line {lines[-1]})" if code is not None and lines else ""


def _dtype(name: str) -> str:
    return "int64" if name == LINE else "str"


def _check_shape(dataset: Dataset, returned: object) -> None:
    wanted = [*dataset.schema.columns(), LINE]
    expected = f"the columns {', '.join(wanted)}"
    import pandas as pd

    if not isinstance(returned, pd.DataFrame):
        raise PrepareFailed(f"it returned {type(returned).__name__}", f"a pandas DataFrame with {expected}")
    got = [str(name) for name in returned.columns]
    differences = {
        "missing": [name for name in wanted if name not in got],
        "extra": [name for name in got if name not in wanted],
        "twice": [name for name, count in Counter(got).items() if count > 1],
    }
    text = "; ".join(f"{what}: {', '.join(names)}" for what, names in differences.items() if names)
    if text:
        raise PrepareFailed(text, expected)


def _lines(returned: pd.Series, known: pl.Series) -> pl.Series:
    lines = returned.tolist()
    strange = set(lines) - set(known.to_list())
    if strange:
        raise PrepareFailed(f"{LINE} {next(iter(strange))}", f"{LINE} kept as it was given")
    return pl.Series(LINE, [int(line) for line in lines], pl.UInt32)


def _text(name: str, values: pd.Series, dataset: Dataset) -> pl.Series:
    """Values that are not text are written as the dataset's files write them, and then read like text."""
    write, form = type_of(dataset.schema.columns()[name]).write, dataset.first_format.cells.of(name)
    missing = values.isna().tolist()
    cells = [None if absent else write(value, form) for value, absent in zip(values.tolist(), missing, strict=True)]
    return pl.Series(name, cells, pl.String)
