"""The rows of an answer as a file of the form that is asked for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import assert_never

import polars as pl

from flows.model.types import ColumnType
from flows.web.arrow_stream import arrow_stream
from flows.web.csv_text import csv_text
from flows.web.extract import Extract
from flows.web.forms import MEDIA_TYPES, Form
from flows.web.parquet_file import parquet_file
from flows.web.streams import Stream

FILES = tuple(MEDIA_TYPES[form] for form in Form if form is not Form.json)
"""The media types of the forms in which rows may be had besides JSON."""


def file_answer(
    form: Form,
    frame: pl.DataFrame,
    columns: Mapping[str, ColumnType],
    facts: Mapping[str, object],
    headers: Mapping[str, str],
) -> Stream:
    """Rows as a file, made while it is sent.

    Args:
        form: the form.
        frame: the rows.
        columns: those of the file, and their types.
        facts: what else is said of them, in JSON types; `dataset` is the name of the file.
        headers: what the answer says besides.

    Raises:
        QueryError: it does not hold them.
    """
    if form is Form.xlsx:
        from flows.web.workbook import require_sheet

        require_sheet(frame.height, frame)
    return file_stream(form, str(facts["dataset"]), file_parts(form, Extract.of(frame, columns, facts)), headers)


def file_parts(form: Form, rows: Extract) -> Generator[bytes]:
    """The bytes of a file, made as they are asked for."""
    match form:
        case Form.csv:
            return csv_text(rows)
        case Form.arrow:
            return arrow_stream(rows)
        case Form.parquet:
            return parquet_file(rows)
        case Form.xlsx:
            from flows.web.workbook import workbook

            return workbook(rows)
        case Form.json:
            raise ValueError("JSON is made as a whole")
        case _:
            assert_never(form)


def file_stream(form: Form, dataset: str, parts: Generator[bytes], headers: Mapping[str, str]) -> Stream:
    """A file as an answer, which a browser keeps under the dataset's name."""
    name = {"Content-Disposition": f'attachment; filename="{_file_name(dataset)}.{form}"'}
    return Stream(parts, MEDIA_TYPES[form], {"Cache-Control": "no-store", "Vary": "Accept"} | name | dict(headers))


def _file_name(dataset: str) -> str:
    """A name that a header and every system take."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in dataset)
