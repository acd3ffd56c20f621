"""The read API: its routes, and the threads that make its answers. Nothing here writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from flows.cube.bounds import Bounds
from flows.errors import CubefeedError, NobodyWaits, QueryError, TooSlow
from flows.runtime.boundaries import QuestionFailed, Scope, SessionFailed, boundary
from flows.web.answers import internal_error, refuse, reply
from flows.web.api_page import POLICY_OF_PAGE, api_page
from flows.web.endpoint import Endpoint, Json, Question, json_object
from flows.web.endpoints import ENDPOINTS
from flows.web.facts import FACTS
from flows.web.headers import POLICY
from flows.web.openapi import describe
from flows.web.parameter_checks import parse
from flows.web.parameters import Parameters, ParameterValues
from flows.web.source import Source
from flows.web.streams import Cut, Stream, StreamedAnswer
from flows.web.worker_pool import WorkerPool

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""How long an answer may take, waiting included; a query that takes longer is interrupted."""
CLIENT_GONE = 499
"""The answer of a request whose sender has left; nobody reads it."""
AT_ONCE = 4
"""How many questions are worked on at the same time; others wait."""
STREAMS = 2
"""How many streams are made at the same time; others wait between their parts."""


class Api:
    """The routes of the read API, and the threads that work on the answers.

    Args:
        source: what is shown.
        others: further endpoints.
        timeout_s: how long an answer may take.
        fail: called with what ends the session.
    """

    def __init__(
        self,
        source: Source,
        *,
        others: Iterable[Endpoint[Any]] = (),
        timeout_s: float = TIMEOUT_S,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        self._source = source
        self._fail = fail
        self._timeout_s = timeout_s
        self._pools = {
            "question": WorkerPool("live-question", AT_ONCE),
            "list": WorkerPool("live-list", 2),
            "health": WorkerPool("live-health", 1),
        }
        self._streams = asyncio.Semaphore(STREAMS)
        self.endpoints = (*ENDPOINTS, *FACTS, *others, *_descriptions(self._describe))
        self.routes = [self._route(endpoint, path) for endpoint in self.endpoints for path in endpoint.paths]

    def close(self) -> None:
        """Let the threads end; one that still asks the cube ends with it."""
        for pool in self._pools.values():
            pool.close()

    def _route(self, endpoint: Endpoint[Any], path: str) -> Route:
        """A route whose answer is made in a thread, within the time limit."""
        pool = self._pools[endpoint.pool]

        async def respond(request: Request) -> Response:
            given = {name: request.query_params.getlist(name) for name in request.query_params}
            bounds = Bounds(within_s=self._timeout_s)
            try:
                answer = await pool.run(lambda: self._answer(endpoint, given, bounds, request.headers), bounds, request)
                if isinstance(answer, Response):
                    return answer
                return _head(answer) if request.method == "HEAD" else self._streamed(answer, request.url.path)
            except QueryError as error:
                return refuse(error, 400)
            except QuestionFailed as failed:
                log.error("the answer to %s failed", request.url.path, exc_info=failed.cause)
                return refuse(internal_error(failed), 500)
            except SessionFailed as failed:
                return refuse(internal_error(failed), 503)
            except TooSlow as error:
                return refuse(error, 504)
            except NobodyWaits as error:
                return refuse(error, CLIENT_GONE)
            except CubefeedError as error:
                return refuse(error, 503)

        return Route(path, respond, methods=["GET"])

    def _streamed(self, stream: Stream, path: str) -> StreamedAnswer:
        return StreamedAnswer(replace(stream, parts=self._parts(stream.parts, path)), self._streams)

    def _parts(self, parts: Generator[bytes], path: str) -> Generator[bytes]:
        """The parts of a stream; what fails on the way can be told in the log alone."""
        try:
            with boundary(Scope.QUESTION):
                yield from parts
        except SessionFailed as failed:
            self._fail("the cube", failed)
            raise Cut from failed
        except (CubefeedError, QuestionFailed) as error:
            log.error("the answer to %s ended in the middle (%s)", path, error)
            raise Cut from error

    def _answer(
        self, endpoint: Endpoint[Any], given: ParameterValues, bounds: Bounds, headers: Headers
    ) -> Response | Stream:
        bounds.require_wanted()
        try:
            with boundary(Scope.QUESTION):
                parameters = parse(endpoint.parameters, given, self._source.model())
                return endpoint.answer(Question(self._source, parameters, bounds, headers))
        except SessionFailed as failed:  # reported here, since nobody may wait for the answer any longer
            self._fail("the cube", failed)
            raise

    def _describe(self, question: Question[Parameters]) -> Json:
        return describe(self.endpoints, question.source.model())


def _head(stream: Stream) -> Response:
    """The headers of a stream, of which nothing is made; how long it would be is not known."""
    answer = Response(headers=dict(stream.headers), media_type=stream.media_type)
    del answer.headers["content-length"]
    return answer


def _descriptions(describe: Callable[[Question[Parameters]], Json]) -> Iterable[Endpoint[Parameters]]:
    """What the API says of itself, to programs and to people."""

    def page(question: Question[Parameters]) -> Response:
        return HTMLResponse(api_page(describe(question)), headers={POLICY: POLICY_OF_PAGE})

    text = {"type": "string"}
    yield Endpoint(
        "/openapi.json", "This description", Parameters, lambda asked: reply(describe(asked)), json_object("openapi")
    )
    yield Endpoint("/api", "This description, to be read", Parameters, page, text, media_type="text/html")
