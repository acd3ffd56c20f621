"""The answer to a question to the cube."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
from starlette.responses import Response

from flows.cube.asking.ask import Answer, ask
from flows.cube.asking.side_by_side import ask_side_by_side
from flows.cube.bounds import Bounds
from flows.cube.frames import answer_columns, fitting, json_rows, sum_overflow
from flows.errors import QueryError, TooManyRows
from flows.model.caveats import AnswerContext
from flows.model.joint_table import JointTable
from flows.model.query import Query
from flows.model.question import OTHERS
from flows.model.question import Question as Asked
from flows.model.question_text import parse_order, parse_top
from flows.model.tables import TOTAL_DEPTH
from flows.model.types import BOOLEAN, INTEGER, ColumnType
from flows.web.answers import AS_OF_HEADER, CAVEATS_HEADER, context_headers, error_fields, reply
from flows.web.conditions import parse_having, parse_joint_where, parse_where
from flows.web.endpoint import Question, json_array, json_object
from flows.web.etags import caching, etag, is_known, unchanged
from flows.web.files import file_answer
from flows.web.forms import Form, most_rows
from flows.web.parameters import COUNT_HEADER, QueryParameters
from flows.web.streams import Stream
from flows.web.table_names import AskedTable, asked_table

type AskAll = Callable[..., Answer]
"""Asks a question, whose table is known, of an engine, within bounds, for so many rows at most."""


def answer_question(question: Question[QueryParameters]) -> Response | Stream:
    """The rows that a question asks for, and how many there are in all."""
    given, form = question.parameters, question.parameters.chosen(question.headers.get("accept", ""))
    table = asked_table(question.source.model(), given.dataset, given.measure)
    asked, queries, ask_all = _planned(table, given, form)
    mark = question.source.state_mark()
    context = AnswerContext.of_all([question.source.context(query) for query in queries])
    tag = etag(mark, asked, queries, form, context, given.page, given.with_envelope)
    if is_known(tag, question.headers):
        return unchanged(tag)
    found = _found(question, ask_all, asked, most_rows(form))
    query = Query(table.name, asked.measures, asked.by, asked.where, asked.totals)
    rows, too_large = fitting(table, query, found.rows)
    kinds = {name: _described(table, name) for name in query.measures}
    answer: dict[str, Any] = {"dataset": table.name, "measures": kinds, "count": found.count}
    answer |= context.as_json() if question.parameters.with_envelope or form is not Form.json else {}
    overflows = [sum_overflow(table, measure) for measure in (*too_large, *found.too_large)]
    told_tag = tag if question.source.state_mark() == mark else None  # else it may be of the state before, or after
    headers = {COUNT_HEADER: str(found.count), "Vary": "Accept", **caching(told_tag), **context_headers(context)}
    if form is Form.json:
        errors = {"errors": [error_fields(each) for each in overflows]} if overflows else {}
        told = reply(answer | {"rows": json_rows(table, query, rows)} | errors)
        told.headers.update(headers)
        return told
    if overflows:  # no such file could say of its nulls what they are
        raise overflows[0]
    return file_answer(form, rows, _columns(table, query, rows), answer, headers)


def _planned(table: AskedTable, given: QueryParameters, form: Form) -> tuple[Asked, list[Query], AskAll]:
    """What is asked, of one table or of several: what that is of each, and what asks it."""
    asked = _asked(table, given, form)
    if isinstance(table, JointTable):
        asked.check_steps(table)
        where = parse_joint_where(table, given.where)
        return asked, table.queries(asked, where), partial(ask_side_by_side, table, asked, where)
    asked = replace(asked, where=parse_where(table, given.where))
    asked.checked((table,))
    return asked, [asked.query], partial(ask, table, asked)


def _columns(table: AskedTable, query: Query, rows: pl.DataFrame) -> Mapping[str, ColumnType]:
    """The columns of an answer, with those that say what a row stands for."""
    extra = {TOTAL_DEPTH: INTEGER, OTHERS: BOOLEAN}
    return answer_columns(table, query) | {name: each for name, each in extra.items() if name in rows.columns}


def _described(table: AskedTable, measure: str) -> dict[str, str]:
    form = table.number_formats.get(measure)
    of = {"dataset": table.own(measure)[0].name} if isinstance(table, JointTable) else {}
    return {"kind": table.type_of_measure(measure).kind} | ({} if form is None else {"format": form}) | of


def _asked(table: AskedTable, given: QueryParameters, form: Form) -> Asked:
    if given.limit > most_rows(form):
        raise QueryError(
            f"An answer in {form} may not have so many rows",
            next_step="make limit smaller, or ask for another format: csv, arrow, parquet",
            field="limit",
            got=given.limit,
            most=most_rows(form),
        )
    known = [*given.by, *table.measure_names]
    spelled = {name: name for name in given.measure}
    if isinstance(table, JointTable):  # a measure is known by the name by which it is asked for
        asked = {table.own(name): name for name in given.measure}
        spelled = {name: asked.get(table.own(name), name) for name in table.measure_names}
    having = parse_having(table, given.having)
    sort = (parse_order(text, known) for text in given.sort)
    return Asked(
        table.name,
        given.measure,
        given.by,
        (),
        tuple(replace(each, name=spelled.get(each.name, each.name)) for each in having),
        tuple(replace(each, name=spelled.get(each.name, each.name)) for each in sort),
        None if given.top is None else parse_top(given.top),
        given.with_others,
        given.with_totals,
        given.page,
        given.offset,
    )


def _found(question: Question[QueryParameters], ask_all: AskAll, asked: Asked, most: int) -> Answer:
    def engine(queries: Sequence[Query], bounds: Bounds) -> Sequence[pl.DataFrame]:
        if len(queries) == 1:
            return [question.source.query(queries[0], bounds=bounds)]
        return question.source.query_together(queries, bounds=bounds)

    try:
        return ask_all(engine, question.bounds, most_rows=most)
    except TooManyRows as error:
        raise QueryError(
            error.what,
            next_step=error.next_step + (", or ask for top or a limit" if asked.limit is None else ""),
            field="limit",
            **error.where,
        ) from error


_SUMS = {
    **json_array(json_object("measure", "error", "next")),
    "description": "Measures of which a sum does not fit; it is null in the rows",
}
_KINDS = {
    "type": "object",
    "additionalProperties": {**json_object("kind"), "description": "With a format, how people are to see its numbers"},
    "description": "Measure → the kind of its values, such as integer, decimal, date; its format, as in '€ {:,.2f}'",
}
_COUNT = {
    "type": "integer",
    "description": f"Of all rows, whatever limit and offset; also in {COUNT_HEADER}",
}
CONTEXT = {
    "as_of": {
        "type": "object",
        "description": "With envelope: the last commit that is in the answer (commit, at_utc, newest_file); also in "
        f"{AS_OF_HEADER}",
    },
    "caveats": {
        **json_array(json_object("kind", "dataset", "text", "command", count={"type": "integer"})),
        "description": "With envelope: what is known to be missing, old or doubtful in what was asked, and the command "
        f"that shows more; none where it is complete and current. Also in {CAVEATS_HEADER}",
    },
}
"""The schemas of what is said with every answer."""
ROW = {
    "type": "object",
    "description": "Decimals are text, with all their digits; moments have their zone's offset. With totals, "
    "total_depth says how many levels a row fixes; with others, is_others whether it stands for the groups left out",
}
ROWS = json_object("dataset", measures=_KINDS, count=_COUNT, rows=json_array(ROW))
ROWS["properties"] |= {"errors": _SUMS} | CONTEXT
"""The schema of the answer."""
