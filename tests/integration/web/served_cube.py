"""A cube with a column of each type, and the read API over it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import polars as pl
from starlette.applications import Starlette

from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.observable import WatchedCube
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import Column, Table
from flows.model.types import BOOLEAN, DATE, DATETIME, DECIMAL, FLOAT, INTEGER, MOMENT, STRING
from flows.web.api import Api
from flows.web.server import LiveServer
from tests.cube_rows import rows_of
from tests.sound_source import SoundSource

TRADES = Table(
    "trades",
    (
        Column("Key", INTEGER), Column("Name", STRING, nullable=True), Column("Day", DATE, nullable=True),
        Column("At", MOMENT.in_zone("Europe/Berlin"), nullable=True), Column("Clock", DATETIME, nullable=True),
        Column("Sound", BOOLEAN, nullable=True), Column("Amount", DECIMAL.sized(20, 2), nullable=True),
        Column("Share", FLOAT, nullable=True), Column("Pieces", INTEGER, nullable=True),
    ),
    keys=("Key",),
    number_formats={"Amount.SUM": "€ {:,.2f}", "Share.MEAN": "{:.1%}"},
)  # fmt: skip
NOON = datetime(2021, 5, 1, 12, 0, tzinfo=UTC)
CLOCK = NOON.replace(tzinfo=None)
ROWS = [
    (1, "=1+1", date(2021, 5, 1), NOON, CLOCK, True, Decimal("12345678901234567.89"), 0.25, 7),
    (2, "Zoë, \"quoted\"\nsecond line", date(1899, 12, 30), NOON, None, False, Decimal("-3.50"), -1.5, None),
    (3, None, None, None, None, None, None, None, None),
]  # fmt: skip


class ServedCube(SoundSource):
    """A DuckDB cube and its read API over HTTP; the cube can be changed meanwhile."""

    def __init__(self, *tables: Table) -> None:
        self.cube = WatchedCube(DuckDbCube(tables))
        self.asked = 0
        """How many questions have reached the engine."""
        self.pause: threading.Event | None = None
        self.reading = self.closed = False
        self.failures: list[BaseException] = []
        self._api = Api(self, fail=lambda _, error: self.failures.append(error))  # type: ignore[arg-type]
        app = Starlette(routes=self._api.routes, lifespan=self._lifespan)
        self.server = LiveServer(app, host="127.0.0.1", port=0)

    def load(self, table: Table, rows: pl.DataFrame) -> None:
        """Add rows."""
        self.cube.apply(ChangeSet(table.name, frozenset(), rows))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.server.url + path, headers=headers, trust_env=False, timeout=60)

    def model(self) -> tuple[Table, ...]:
        return self.cube.model

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        self.asked += 1
        return self.cube.query(query, bounds=bounds)

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        self.asked += 1
        return self.cube.query_together(queries, bounds=bounds)

    def require_ready(self, table: str) -> None:
        """It always is."""

    def table(self, dataset: str) -> tuple[Generator[pl.DataFrame], int | None]:
        return self.batches(), 1

    def batches(self) -> Generator[pl.DataFrame]:
        """The rows of TRADES; behind the first of them there is a pause, where a test wants one."""
        with contextlib.closing(self.cube.batches(TRADES.name)) as rows:
            try:
                first = next(rows)
                self.reading = True
                if self.pause is not None:
                    assert self.pause.wait(60)
                yield first
                yield from rows
            finally:
                self.closed = True

    def state_mark(self) -> str | None:
        return self.cube.state_mark

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self._api.close()


@contextlib.contextmanager
def served(*tables: Table) -> Iterator[ServedCube]:
    """A cube of these tables while it is served."""
    made = ServedCube(*tables)
    made.server.start()
    try:
        yield made
    finally:
        made.server.stop()
        made.cube.close()


@contextlib.contextmanager
def served_trades() -> Iterator[ServedCube]:
    """A cube of TRADES with ROWS."""
    with served(TRADES) as made:
        made.load(TRADES, rows_of(TRADES, ROWS))
        yield made
