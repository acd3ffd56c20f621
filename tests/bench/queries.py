"""Rows on queries: through the cube, and over HTTP, beside the same SQL on a plain table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb

from flows.model.query import Query
from tests.bench.apart import Figures, apart
from tests.bench.loads import FILE_ROWS, FILES
from tests.bench.ours import session
from tests.bench.peer_raw import READ
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace
from tests.conditions import among

ROUNDS = 15
PRODUCTS = tuple(f"product {n:03}" for n in range(10))
_SUM = "CAST(sum(Quantity) AS BIGINT)"
_QUESTIONS = {
    "date": (
        Query("sales", ("Quantity.SUM",), ("Date",)),
        f"SELECT Date, {_SUM} FROM sales GROUP BY Date ORDER BY Date NULLS FIRST",
    ),
    "pivot": (
        Query("sales", ("Quantity.SUM",), ("Date", "Product"), where=among({"Product": PRODUCTS})),
        f"SELECT Date, Product, {_SUM} FROM sales WHERE Product IN {PRODUCTS} "
        "GROUP BY Date, Product ORDER BY Date NULLS FIRST, Product NULLS FIRST",
    ),
}


def queries(on: Workspace) -> Iterator[Measured]:
    """Two queries, each in process and over HTTP."""
    rows = on.scaled(FILE_ROWS)
    loaded = on.ensure("new", count=FILES, rows=rows, name="new")
    figures = apart(measure, landing=loaded.landing, state=loaded.state, waiting=on.root / "new-files")
    sizes = {"rows": FILES * rows}
    for name in _QUESTIONS:
        yield Measured(f"query-{name}", figures[f"{name}_cube"], figures[f"{name}_sql"], sizes)
        yield Measured(f"query-{name}-http", figures[f"{name}_http"], figures[f"{name}_sql"], sizes)


def measure(*, landing: str, state: str, waiting: str) -> Figures:
    """All ways in one process, in turn."""
    return asyncio.run(_measure(Path(landing), Path(state), Path(waiting)))


async def _measure(landing: Path, state: Path, waiting: Path) -> Figures:
    found: dict[str, list[float]] = {}
    with duckdb.connect() as plain:
        source = READ.format(files=f"['{waiting}/*.csv', '{landing}/warm_up.csv']")
        plain.execute(f"CREATE TABLE sales AS SELECT * FROM {source}")
        async with session(landing, state) as live:
            await live.stages.rebuild()
            cube = live.opened.feed.cube
            for name, (query, sql) in _QUESTIONS.items():
                question = [("measure", query.measures[0]), *(("by", level) for level in query.levels)]
                question += [("where", f"Product={product}") for product in PRODUCTS if query.where]
                right = plain.sql(sql).pl().rows()
                if cube.query(query).rows() != right or len(live.ask(*question)) != len(right):
                    raise RuntimeError(f"{name}: the answers differ")
                ways: dict[str, Callable[[], object]] = {
                    "cube": partial(cube.query, query),
                    "http": partial(live.ask, *question),
                    "sql": partial(_frame_of, plain, sql),
                }
                for _ in range(ROUNDS):
                    for way, ask in ways.items():
                        started = time.monotonic()
                        ask()
                        found.setdefault(f"{name}_{way}", []).append(time.monotonic() - started)
    return dict(found)


def _frame_of(plain: duckdb.DuckDBPyConnection, sql: str) -> object:
    return plain.sql(sql).pl()
