"""The rows behind a number, in JSON or as a file."""

from __future__ import annotations

from starlette.responses import Response

from flows.errors import QueryError
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import CONTRIBUTORS_COUNT
from flows.model.types import INTEGER, STRING
from flows.web.answers import context_headers, reply
from flows.web.conditions import parse_where
from flows.web.endpoint import Question
from flows.web.files import file_answer
from flows.web.forms import Form, most_rows
from flows.web.parameters import COUNT_HEADER, RAW_ROWS, RowsParameters
from flows.web.streams import Stream
from flows.web.table_names import table_named

SOURCE = {
    "Source.File": STRING, "Source.Also_in": STRING, "Source.Version": INTEGER, "Source.Line": INTEGER,
    "Source.Loaded_utc": STRING,
}  # fmt: skip
"""Columns of a file that say where a row is from: no column of a dataset has a point in its name but theirs."""


def answer_rows(question: Question[RowsParameters]) -> Response | Stream:
    """Rows of a table, each with its file."""
    given, source = question.parameters, question.source
    form = given.chosen(question.headers.get("accept", ""))
    _check(given, form)
    table = table_named(source.model(), given.dataset)
    query = RowQuery(table.name, parse_where(table, given.where), given.most(form), given.offset)
    context = source.context(Query(table.name, (CONTRIBUTORS_COUNT,), where=query.where))
    facts = {"dataset": table.name, **(context.as_json() if given.with_envelope or form is not Form.json else {})}
    if form is Form.json:
        rows, count = source.rows(query, raw=given.with_raw, bounds=question.bounds)
        answer = reply({**facts, "count": count, "offset": given.offset, "rows": rows})
        answer.headers.update({COUNT_HEADER: str(count), "Vary": "Accept", **context_headers(context)})
        return answer
    frame, count = source.row_frame(query, bounds=question.bounds)
    if given.asks_for_all and count > query.offset + frame.height:
        raise QueryError(
            "There are more rows than such a file may have",
            next_step="add a condition, ask for some with limit and offset, or take all with cubefeed export",
            got=count,
            most=most_rows(form),
        )
    columns = {column.name: column.type for column in table.columns} | SOURCE
    headers = {COUNT_HEADER: str(count), **context_headers(context)}
    return file_answer(form, frame, columns, facts | {"count": count}, headers)


def _check(given: RowsParameters, form: Form) -> None:
    if given.with_raw and form is not Form.json:
        raise QueryError(
            "What stands in files is told in JSON alone", next_step="leave raw out, or the format", field="raw"
        )
    most = RAW_ROWS if given.with_raw else most_rows(form)
    if given.most(form) > most:
        raise QueryError(
            "So many rows are not looked for in their files at once"
            if given.with_raw
            else f"An answer in {form} may not have so many rows",
            next_step="make limit smaller, and go on with offset",
            field="limit",
            got=given.limit,
            most=most,
        )
