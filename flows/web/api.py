"""The read API: what it answers. Nothing here writes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import orjson
import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.cube.bounds import Bounds
from flows.cube.frames import fitting, sum_overflow
from flows.errors import Busy, CubefeedError, NobodyWaits, QueryError, Starting, TooManyRows, TooSlow
from flows.model.tables import Query, Table
from flows.runtime.boundaries import Doing, QuestionFailed, SessionFailed, boundary
from flows.store.history import FileRow
from flows.web import parameters as given_parameters
from flows.web.lanes import Lane
from flows.web.openapi import describe
from flows.web.parameters import Given

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""How long an answer may take, waiting included; a query that takes longer is interrupted."""
RETRY_AFTER_S = 2
"""When to ask a session again that is starting, or has too many questions."""
LEFT = 499
"""The answer of a request whose sender has left; nobody reads it."""
AT_ONCE = 4
"""How many questions are worked on at the same time; others wait."""


class Source(Protocol):
    """What is shown."""

    def model(self) -> tuple[Table, ...]:
        """The cube's tables."""

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Ask the cube; raises Starting while the table is not complete, and what says that it takes too much."""

    def is_ready(self, table: str) -> bool:
        """Whether a table is complete."""

    def status(self) -> dict[str, Any]:
        """How everything stands, in JSON types."""

    def complaints(self) -> list[str]:
        """What is stale, degraded or refused, in words; empty when all is well."""

    def files(
        self, dataset: str | None, states: tuple[str, ...], limit: int, *, current_only: bool = False
    ) -> list[FileRow]:
        """File versions, the newest first."""

    def findings(self, dataset: str, version: int) -> dict[str, Any] | None:
        """The quarantine report of a version."""


@dataclass(frozen=True)
class Asked:
    """One request: what is shown, the parameters, and what the answer may take."""

    source: Source
    given: Given
    bounds: Bounds


Answer = Callable[[Asked], Response]


class Api:
    """The routes of the read API, and the threads that work on the answers."""

    def __init__(
        self, source: Source, *, timeout_s: float = TIMEOUT_S, fail: Callable[[str, BaseException], None]
    ) -> None:
        self._source = source
        self._fail = fail
        self._timeout_s = timeout_s
        self._lanes = {
            "question": Lane("live-question", AT_ONCE),
            "list": Lane("live-list", 2),
            "health": Lane("live-health", 1),
        }
        self.routes = [
            self.route("/api/query", _query, lane="question"),
            self.route("/api/status", _status),
            self.route("/api/files", _files),
            self.route("/api/findings", _findings),
            self.route("/health", _health, lane="health"),
            self.route("/openapi.json", _openapi),
        ]

    def route(self, path: str, answer: Answer, *, lane: str = "list") -> Route:
        """A route whose answer is made in a thread, within the time limit.

        Args:
            path: where it is asked for.
            answer: what answers, from the parameters.
            lane: whose threads: those for questions to the cube, which may take long; those for lists out of the
                ledger; or that for what watches the session, which waits for neither.
        """

        async def endpoint(request: Request) -> Response:
            given = {name: request.query_params.getlist(name) for name in request.query_params}
            asked = Asked(self._source, given, Bounds(within_s=self._timeout_s))
            try:
                return await self._lanes[lane].run(lambda: self._work(answer, asked), asked.bounds, request)
            except QueryError as error:
                return refuse(error, 400)
            except QuestionFailed as failed:
                log.error("the answer to %s failed", request.url.path, exc_info=failed.cause)
                return refuse(_unanswered(failed), 500)
            except SessionFailed as failed:
                return refuse(_unanswered(failed), 503)
            except TooSlow as error:
                return refuse(error, 504)
            except NobodyWaits as error:
                return refuse(error, LEFT)
            except CubefeedError as error:
                return refuse(error, 503)

        return Route(path, endpoint, methods=["GET"])

    def close(self) -> None:
        """Let the threads end; one that still asks the cube ends with it."""
        for lane in self._lanes.values():
            lane.close()

    def _work(self, answer: Answer, asked: Asked) -> Response:
        asked.bounds.require_wanted()
        try:
            with boundary(Doing.QUESTION):
                return answer(asked)
        except SessionFailed as failed:  # told here, since nobody may wait for the answer any longer
            self._fail("the cube", failed)
            raise


def refuse(error: CubefeedError, status: int) -> Response:
    """An error as JSON: what happened, what to do, and where."""
    answer = reply(_described(error), status)
    if isinstance(error, Starting | Busy):
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _described(error: CubefeedError) -> dict[str, object]:
    return {"error": error.what, "next": error.next_step, **error.where}


def _unanswered(failed: QuestionFailed | SessionFailed) -> CubefeedError:
    return CubefeedError(
        f"There is no answer, because an error came up ({failed})",
        next_step="see the log of the live process, which has the traceback",
    )


def reply(content: object, status: int = 200) -> Response:
    """JSON; it is never kept by a browser, for it may be another in a moment."""
    body = orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


def _query(asked: Asked) -> Response:
    query = given_parameters.parse_query(asked.source.model(), asked.given)
    limit = given_parameters.whole(asked.given, "limit", given_parameters.MAX_ROWS, given_parameters.MAX_ROWS)
    asked.bounds.most_rows = limit
    try:
        frame = asked.source.query(query, bounds=asked.bounds)
    except TooManyRows as error:
        raise QueryError(
            error.what,
            next_step="ask for fewer levels, add a condition, or raise limit",
            field="limit",
            got=limit,
            most=given_parameters.MAX_ROWS,
        ) from error
    rows, too_large = fitting(frame)
    errors = [_described(sum_overflow(measure)) for measure in too_large]
    return reply({"dataset": query.table, "rows": rows.to_dicts(), **({"errors": errors} if errors else {})})


def _status(asked: Asked) -> Response:
    given_parameters.check_known(asked.given, ())
    return reply(asked.source.status())


def _files(asked: Asked) -> Response:
    given_parameters.check_known(asked.given, ("dataset", "state", "limit"))
    limit = given_parameters.whole(asked.given, "limit", given_parameters.FILES, given_parameters.MAX_FILES)
    dataset = given_parameters.dataset_of(asked.source.model(), asked.given)
    return reply([asdict(row) for row in asked.source.files(dataset, given_parameters.states(asked.given), limit)])


def _findings(asked: Asked) -> Response:
    given_parameters.check_known(asked.given, ("dataset", "version"))
    if "dataset" not in asked.given or "version" not in asked.given:
        raise QueryError(
            "A file's version is needed",
            next_step="give dataset and version; see /api/files for versions",
            field="version" if "dataset" in asked.given else "dataset",
        )
    dataset = given_parameters.dataset_of(asked.source.model(), asked.given)
    version = given_parameters.whole(asked.given, "version", 0, 2**63 - 1)
    report = asked.source.findings(dataset, version) if dataset else None
    if report is None:
        none = QueryError("That version has no findings", next_step="see /api/files for versions", version=version)
        return refuse(none, 404)
    return reply(report)


def _health(asked: Asked) -> Response:
    given_parameters.check_known(asked.given, ())
    complaints = asked.source.complaints()
    return reply({"healthy": not complaints, "complaints": complaints}, 503 if complaints else 200)


def _openapi(asked: Asked) -> Response:
    given_parameters.check_known(asked.given, ())
    return reply(describe(asked.source.model()))
