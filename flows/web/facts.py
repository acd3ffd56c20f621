"""What is known of a session besides its cube: what can be asked, its commits, its business days."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from flows.web.answers import reply
from flows.web.endpoint import Endpoint, Question, json_array, json_object
from flows.web.parameters import WHOLE, OnlyDataset, Parameters
from flows.web.table_schema import describe_table

MOST = 1_000
_NUMBER = {"type": "integer"}
_OBJECT = {"type": "object"}


class CommitsParameters(Parameters):
    """Which commits to list; without `after` none, but the number of the last one."""

    after: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | SkipJsonSchema[None],
        Field(description="Only commits after this one, the oldest first"),
        WHOLE,
    ] = None  # fmt: skip


class DaysParameters(Parameters):
    """Whose business days to list. Where there is one dataset, it is of that one."""

    dataset: OnlyDataset = None
    limit: Annotated[int, Field(description="The last ones, at most", strict=True, ge=1, le=MOST), WHOLE] = 100


def _schema(question: Question[Parameters]) -> Response:
    return reply([describe_table(table) for table in question.source.model()])


def _commits(question: Question[CommitsParameters]) -> Response:
    after = question.parameters.after
    last, found = question.source.commits(after, MOST)
    return reply({"last": last, "commits": [asdict(commit) for commit in found]})


def _days(question: Question[DaysParameters]) -> Response:
    return reply(question.source.days(str(question.parameters.dataset), question.parameters.limit))


_COMMIT = json_object("dataset", commit=_NUMBER, files=_NUMBER, rows=_NUMBER, at_utc={"type": "string"})
FACTS: tuple[Endpoint[Any], ...] = (
    Endpoint(
        "/api/schema",
        "What can be asked: levels and measures, each with its type and what it is",
        Parameters,
        _schema,
        json_array(json_object("dataset", levels=_OBJECT, measures=_OBJECT, hierarchies=_OBJECT)),
    ),
    Endpoint(
        "/api/commits",
        "What has changed the cube, one after the other",
        CommitsParameters,
        _commits,
        json_object(last=_NUMBER, commits=json_array(_COMMIT)),
    ),
    Endpoint(
        "/api/days",
        "The business days of a dataset, the last one first; none where no day is expected",
        DaysParameters,
        _days,
        json_array(json_object("day", "state", "words")),
    ),
)
