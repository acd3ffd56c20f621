"""What the read API answers. Nothing here writes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from flows.errors import QueryError
from flows.model.lifecycle import State
from flows.web.answers import refuse, reply
from flows.web.endpoint import Endpoint, Question, json_array, json_object
from flows.web.files import FILES
from flows.web.forms import MEDIA_TYPES, Form
from flows.web.openapi import REFUSAL
from flows.web.parameters import (
    FilesParameters,
    FindingsParameters,
    Parameters,
    QueryParameters,
    RowsParameters,
    TableParameters,
)
from flows.web.questions import CONTEXT, ROW, ROWS, answer_question
from flows.web.rows import answer_rows
from flows.web.whole_table import answer_table


def _status(question: Question[Parameters]) -> Response:
    return reply(question.source.status())


def _files(question: Question[FilesParameters]) -> Response:
    given = question.parameters
    states = tuple(state.value for state in given.state)
    waiting = question.source.waiting_files(given.dataset) if State.DETECTED in given.state else []
    found = [asdict(row) for row in question.source.files(given.dataset, states, given.limit)]
    return reply([*waiting, *found][: given.limit])


def _findings(question: Question[FindingsParameters]) -> Response:
    version = question.parameters.version
    given = question.parameters
    report = question.source.findings(given.dataset, version, raw=given.with_raw, bounds=question.bounds)
    if report is None:
        none = QueryError("That version has no findings", next_step="see /api/files for versions", version=version)
        return refuse(none, 404)
    return reply(report)


def _health(question: Question[Parameters]) -> Response:
    complaints = question.source.complaints()
    return reply({"healthy": not complaints, "complaints": complaints}, 503 if complaints else 200)


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_NUMBER = {"type": "integer"}
_SOURCE = json_object(
    file=_or_null("string"),
    also_in=json_array({"type": "string"}),
    version=_or_null("integer"),
    line=_NUMBER,
    loaded_utc=_or_null("string"),
)
_SOURCE["properties"] |= {
    "raw": _or_null("string") | {"description": "What stands there"},
    "no_raw": _or_null("string") | {"description": "Why that is not to be had"},
}
_FOUND_ROWS = json_object(
    "dataset", count=_NUMBER, offset=_NUMBER, rows=json_array(json_object(values=ROW, source=_SOURCE))
)
_FOUND_ROWS["properties"] |= CONTEXT
_HEALTH = json_object(healthy={"type": "boolean"}, complaints=json_array({"type": "string"}))

ENDPOINTS: tuple[Endpoint[Any], ...] = (
    Endpoint(
        "/api/query",
        "Ask the cube",
        QueryParameters,
        answer_question,
        ROWS,
        pool="question",
        files=FILES,
        has_etag=True,
    ),
    Endpoint(
        "/api/rows",
        "The rows behind a number, each with its file, in the order in which their files came, and of their lines",
        RowsParameters,
        answer_rows,
        _FOUND_ROWS,
        pool="question",
        files=FILES,
    ),
    Endpoint(
        "/api/table",
        "All rows of a table, of one state of it, as a file",
        TableParameters,
        answer_table,
        {"type": "string", "format": "binary"},
        media_type=MEDIA_TYPES[Form.arrow],
        files=tuple(MEDIA_TYPES[form] for form in (Form.csv, Form.parquet)),
    ),
    Endpoint(
        "/api/status",
        "How everything stands",
        Parameters,
        _status,
        json_object("engine", datasets={"type": "object"}),
    ),
    Endpoint(
        "/api/files",
        "File versions, the newest first, and what each is",
        FilesParameters,
        _files,
        json_array(json_object("dataset", "file", "state", "standing", "explanation")),
    ),
    Endpoint(
        "/api/findings",
        "What was found in a version",
        FindingsParameters,
        _findings,
        json_object("file", findings=json_array({"type": "object"})),
        others={404: ("There is none", REFUSAL)},
    ),
    Endpoint(
        "/health",
        "Whether all is well",
        Parameters,
        _health,
        _HEALTH,
        pool="health",
        others={503: ("Not all is well", _HEALTH)},
    ),
)
