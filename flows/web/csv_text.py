"""Rows as CSV: UTF-8, commas, a line for each row, texts in quotation marks where they need them.

What a spreadsheet would compute is marked by a `'` in front, as `flows.text.escape.spreadsheet` does it of one cell.
"""

from __future__ import annotations

import io
from collections.abc import Generator

import polars as pl

from flows.text.escape import COMPUTED, NUMBER, spreadsheet
from flows.web.extract import Extract


def csv_text(rows: Extract) -> Generator[bytes]:
    """The bytes of the file, some rows at a time; a day is 2021-05-01, and a value that is not there is nothing."""
    names = {name: str(spreadsheet(name)) for name in rows.columns}
    yield _lines(rows.empty.rename(names), header=True)
    for frame in rows.frames:
        written = frame.select(each.json(pl.col(name)) for name, each in rows.columns.items())
        yield _lines(written.with_columns(marked(pl.col(pl.String))).rename(names), header=False)


def marked(texts: pl.Expr) -> pl.Expr:
    """Texts that a spreadsheet shows and does not compute."""
    return (
        pl.when(texts.str.contains(rf"(?i)^(?:{NUMBER})$"))
        .then(texts)
        .otherwise(texts.str.replace_all(f"(^|;)({COMPUTED})", "${1}'${2}"))
    )


def _lines(frame: pl.DataFrame, *, header: bool) -> bytes:
    written = io.BytesIO()
    frame.write_csv(written, include_header=header, datetime_format="%Y-%m-%dT%H:%M:%S%.f")
    return written.getvalue()
