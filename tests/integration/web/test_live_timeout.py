"""A question that takes too long, on a cube in which it does."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

import polars as pl
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import NobodyWaits, TooSlow
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import VERSION, Column, Table
from flows.model.types import INTEGER, STRING
from flows.web.api import AT_ONCE, Api
from flows.web.server import LiveServer
from tests.cube_rows import with_lines
from tests.sound_source import SoundSource
from tests.waiting import PATIENCE_S


def large_cube(rows: int) -> DuckDbCube:
    """A table whose groups by all levels take a while."""
    table = Table("large", (Column("A", INTEGER), Column("B", STRING), Column("Q", INTEGER)), keys=("A",))
    cube = DuckDbCube((table,))
    numbers = pl.int_range(rows, eager=True)
    columns = {"A": numbers, "B": numbers.cast(pl.String), "Q": numbers, VERSION: pl.repeat(1, rows, eager=True)}
    cube.apply(ChangeSet("large", frozenset(), with_lines(pl.DataFrame(columns))))
    return cube


class Large(SoundSource):
    """A source over a large cube; it says how long each query took until it was interrupted."""

    def __init__(self, cube: DuckDbCube) -> None:
        self.cube = cube
        self.model = lambda: cube.model
        self.interrupted_s: list[float] = []

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        begun = time.monotonic()
        try:
            return self.cube.query(query, bounds=bounds)
        except TooSlow:
            self.interrupted_s.append(time.monotonic() - begun)
            raise


class Endless(Large):
    """A source that asks the engine again and again, until a question is ended there."""

    def __init__(self, cube: DuckDbCube) -> None:
        super().__init__(cube)
        self.begun, self.ended = threading.Event(), threading.Event()

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        try:
            while True:
                self.cube.query(query, bounds=bounds)
                self.begun.set()
        except NobodyWaits:
            self.ended.set()
            raise


def test_a_question_whose_asker_leaves_is_ended_in_the_engine() -> None:
    source = Endless(large_cube(10_000))
    api = Api(source, timeout_s=2 * PATIENCE_S, fail=lambda *_: None)  # type: ignore[arg-type]
    server = LiveServer(Starlette(routes=api.routes), host="127.0.0.1", port=0)
    server.start()
    try:
        where = urlsplit(server.url)
        with socket.create_connection((where.hostname or "", where.port or 0)) as asker:
            asker.sendall(f"GET /api/query?measure=Q.SUM&by=A HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            assert source.begun.wait(PATIENCE_S)
        assert source.ended.wait(PATIENCE_S)  # which it would not be for as long as somebody waits
    finally:
        server.stop()
        api.close()
        source.cube.close()


def test_a_query_that_takes_too_long_is_interrupted_and_frees_its_place() -> None:
    source = Large(large_cube(400_000))
    query = Query("large", ("Q.SUM",), ("A", "B"), totals=True)
    begun = time.monotonic()
    source.cube.query(query)
    whole_s = time.monotonic() - begun
    api = Api(source, timeout_s=whole_s / 10, fail=lambda *_: None)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=api.routes)) as client:
        for _ in range(AT_ONCE + 2):
            answer = client.get("/api/query?measure=Q.SUM&by=A&by=B&totals=true")
            assert answer.status_code == 504 and "longer than" in answer.json()["error"]
    api.close()
    assert source.interrupted_s and max(source.interrupted_s) < whole_s * 0.7
    assert (
        source.cube.query(Query("large", ("contributors.COUNT",)), bounds=Bounds(within_s=20))["contributors.COUNT"][0]
        == 400_000
    )
    source.cube.close()
