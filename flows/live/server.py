"""The owner's HTTP server: the read API. Loopback by default; nothing here writes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson
import polars as pl
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.core.model import Query, Table, parse_value
from flows.errors import QueryError, StateError
from flows.store.history import FileRow


class Source(Protocol):
    """What the server shows."""

    def model(self) -> tuple[Table, ...]:
        """The cube's tables."""

    def query(self, query: Query) -> pl.DataFrame:
        """Ask the cube."""

    def status(self) -> dict[str, Any]:
        """How everything stands, in JSON types."""

    def complaints(self) -> list[str]:
        """What is stale, degraded or refused, in words; empty when all is well."""

    def files(self, dataset: str | None, states: tuple[str, ...], limit: int) -> Sequence[FileRow]:
        """File versions, the newest first."""

    def findings(self, dataset: str, version: int) -> dict[str, Any] | None:
        """The quarantine report of a version."""


def make_app(source: Source) -> Starlette:
    """The read API as an ASGI application."""

    def route(path: str, answer: Callable[[Source, Mapping[str, list[str]]], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            parameters = {name: request.query_params.getlist(name) for name in request.query_params}
            try:
                return await run_in_threadpool(answer, source, parameters)
            except QueryError as error:
                return _json({"error": error.what, "next": error.next_step, **error.where}, 400)

        return Route(path, endpoint, methods=["GET"])

    return Starlette(
        routes=[
            route("/api/query", _query),
            route("/api/status", lambda source, _: _json(source.status())),
            route("/api/files", _files),
            route("/api/findings", _findings),
            route("/health", _health),
        ]
    )


class LiveServer:
    """Runs an ASGI application in a thread of its own."""

    def __init__(self, app: Starlette, *, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="live-server", daemon=True
        )

    def start(self) -> None:
        """Serve, and return once requests are answered."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def stop(self) -> None:
        """Answer what is under way, then stop."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise StateError(
            f"The live page cannot listen there ({error.strerror})",
            next_step="free the port, or name another one with --port",
            host=host,
            port=port,
        ) from error


def _query(source: Source, parameters: Mapping[str, list[str]]) -> Response:
    query = parse_query(source.model(), parameters)
    frame = source.query(query)
    return _json({"dataset": query.table, "rows": frame.to_dicts()})


def parse_query(model: tuple[Table, ...], parameters: Mapping[str, list[str]]) -> Query:
    """The query that URL parameters ask for: `measure`, `by`, `where` (LEVEL=VALUE), `totals`, `dataset`.

    Raises:
        QueryError: a parameter names what the cube does not have.
    """
    known = {"measure", "by", "where", "totals", "dataset"}
    for name in parameters:
        if name not in known:
            raise QueryError(
                "There is no parameter of that name", next_step=f"use {', '.join(sorted(known))}", got=name
            )
    name = parameters.get("dataset", [model[0].name])[-1]
    measures, levels = tuple(parameters.get("measure", ())), tuple(parameters.get("by", ()))
    query = Query(name, measures, levels, totals=parameters.get("totals", ["false"])[-1] in ("true", "1", ""))
    table = query.checked(model)
    where: dict[str, list[Any]] = {}
    for condition in parameters.get("where", ()):
        level, equals, value = condition.partition("=")
        if not equals:
            raise QueryError(
                "A condition needs LEVEL=VALUE", next_step="write for example Date=2021-05-01", got=condition
            )
        where.setdefault(level, []).append(parse_value(table.level(level), value))
    return Query(name, measures, levels, where, query.totals)


def _files(source: Source, parameters: Mapping[str, list[str]]) -> Response:
    limit = parameters.get("limit", ["1000"])[-1]
    if not limit.isdigit() or not 0 < int(limit) <= 100_000:
        raise QueryError("limit cannot be used", next_step="make it a number from 1 to 100000", got=limit)
    rows = source.files(parameters.get("dataset", [None])[-1], tuple(parameters.get("state", ())), int(limit))
    return _json([asdict(row) for row in rows])


def _findings(source: Source, parameters: Mapping[str, list[str]]) -> Response:
    dataset, version = parameters.get("dataset", [""])[-1], parameters.get("version", [""])[-1]
    report = source.findings(dataset, int(version)) if version.isdigit() else None
    if report is None:
        raise QueryError(
            "That version has no findings",
            next_step="see /api/files for versions",
            dataset=dataset,
            version=version,
        )
    return _json(report)


def _health(source: Source, _: Mapping[str, list[str]]) -> Response:
    complaints = source.complaints()
    return _json({"healthy": not complaints, "complaints": complaints}, 503 if complaints else 200)


def _json(content: object, status: int = 200) -> Response:
    body = orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, media_type="application/json")
