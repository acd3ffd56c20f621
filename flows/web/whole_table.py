"""A whole table on its way out, some rows at a time, all of one state."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from flows.model.tables import Table
from flows.runtime.clock import now_utc
from flows.web.endpoint import Question
from flows.web.extract import Extract
from flows.web.files import file_parts, file_stream
from flows.web.forms import Form
from flows.web.parameters import TableParameters
from flows.web.source import Source
from flows.web.streams import Stream
from flows.web.table_names import table_named


def answer_table(question: Question[TableParameters]) -> Stream:
    """All rows of a table, read while they are sent: of the state that it has when the first of them are read."""
    source, form = question.source, Form(question.parameters.format)
    table = table_named(source.model(), question.parameters.dataset)
    source.require_ready(table.name)
    return file_stream(form, table.name, _parts(source, table, form), {})


def _parts(source: Source, table: Table, form: Form) -> Generator[bytes]:
    rows, commit = source.table(table.name)
    kinds = {column.name: column.type for column in table.columns}
    facts = {
        "dataset": table.name, "commit": commit, "as_of_utc": now_utc(),
        "columns": {name: each.kind for name, each in kinds.items()},
    }  # fmt: skip
    with closing(rows):
        yield from file_parts(form, Extract(kinds, rows, facts))
