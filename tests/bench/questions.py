"""Rows on what analysts ask: in process, and over HTTP, beside the same question in SQL on a plain table; on a list of
products that is corrected; and on loading with derived columns."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import polars as pl

from flows.ingest.client import read
from flows.model.row_query import RowQuery
from tests.bench.apart import Figures, apart
from tests.bench.files import Expected
from tests.bench.ours import SETTLED_S, Session, first_load_of, session
from tests.bench.rows import Measured
from tests.bench.shop_cases import CASES, CELL, CELL_SQL
from tests.bench.shop_files import (
    CUSTOMERS,
    PRODUCTS,
    READ_PRODUCTS,
    ROWS,
    Sizes,
    orders,
    plain_tables,
    write_orders,
    write_products,
)
from tests.bench.workspace import Workspace, check, compared
from tests.conditions import among
from tests.cube_answers import answer_of

SHOP = Path(__file__).with_name("shop.py")
DECLARED = f"{SHOP}:ORDERS,{SHOP}:PRODUCTS"
LOADED_ROWS = 1_000_000
WARM = 1_000
MOST_ROWS = 100_000
_UPDATE = "UPDATE joined SET Category = i.Category, Brand = i.Brand FROM {source} i WHERE joined.Product = i.Product"


def questions(on: Workspace) -> Iterator[Measured]:
    """Each question in process and over HTTP, and then a corrected list of products."""
    sizes = Sizes(on.scaled(ROWS), on.scaled(PRODUCTS), on.scaled(CUSTOMERS))
    place = on.fresh("shop")
    write_orders(place / "orders", sizes)
    (place / "products").mkdir()
    write_products(place / "products" / "products.csv", sizes, seed=0)
    figures = apart(measure, place=place, times=on.times, **vars(sizes))
    shown = {"rows": sizes.rows, "products": sizes.products}
    for name in (*CASES, "cell"):
        yield Measured(f"ask-{name}", figures[f"{name}_cube"], figures[f"{name}_sql"], shown)
        yield Measured(f"ask-{name}-http", figures[f"{name}_http"], figures[f"{name}_sql"], shown)
    yield Measured("reference", figures["reference"], figures["insert"], shown)
    yield Measured("reference-update", figures["reference"], figures["update"], shown)


def measure(*, place: str, rows: int, products: int, customers: int, times: int) -> Figures:
    """All ways in one process, in turn; beside the session's loop, which has to go on."""
    os.chdir(place)
    return asyncio.run(_measure(Path(place), Sizes(rows, products, customers), times))


async def _measure(place: Path, sizes: Sizes, times: int) -> Figures:
    found: dict[str, list[float]] = {}
    with plain_tables(place / "orders", place / "products" / "products.csv") as plain:
        async with session(None, place / "state", DECLARED) as live:
            await live.stages.rebuild()
            await asyncio.sleep(1.0)
            await live.stages.load_waiting()
            for name, ways in (await asyncio.to_thread(_ways, live, plain)).items():
                for _ in range(2 * times + 1):
                    for way, subject in ways.items():
                        found.setdefault(f"{name}_{way}", []).append(await asyncio.to_thread(_seconds, subject))
            await _correct(live, plain, place / "products", sizes, times, found)
    return dict(found)


def _ways(live: Session, plain: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Callable[[], object]]]:
    cube, owner = live.opened.feed.cube, live.opened.owner
    found: dict[str, dict[str, Callable[[], object]]] = {}
    for name, case in CASES.items():
        right = plain.sql(case.sql).pl()
        rows = answer_of(cube, case.question, most_rows=MOST_ROWS).rows
        if not _alike(rows, right) or len(live.ask(*case.parameters)) != right.height:
            raise RuntimeError(f"{name}: the answers differ")
        http = partial(live.ask, *case.parameters)
        found[name] = {
            "cube": partial(answer_of, cube, case.question, most_rows=MOST_ROWS),
            "http": http,
            "sql": partial(_frame, plain, case.sql),
        }
    query = RowQuery("orders", among(CELL))
    cell = [("dataset", "orders"), *(("where", f"{name}={value}") for name, (value,) in CELL.items())]
    ways = {"cube": partial(cube.rows, query), "http": partial(read, owner, "/api/rows", cell)}
    if cube.rows(query).count != plain.sql(CELL_SQL).pl().height:
        raise RuntimeError("the rows of the cell differ")
    return found | {"cell": {**ways, "sql": partial(_frame, plain, CELL_SQL)}}


def derived(on: Workspace) -> Iterator[Measured]:
    """The same orders in one CSV file, with and without derived columns."""
    rows = on.scaled(LOADED_ROWS)
    waiting, warm = on.fresh("derived-files"), on.fresh("derived-warm")
    frame = pl.concat(orders(Sizes(rows, on.scaled(PRODUCTS), on.scaled(CUSTOMERS))))
    for directory, part in (
        (waiting, frame),
        (warm, frame.head(WARM).with_columns(pl.col("ID") + (1 << 50), Quantity=0)),
    ):
        directory.mkdir()
        part.write_csv(directory / f"{directory.name}.csv")
    expected = Expected(frame.height + WARM, int(frame["Quantity"].sum()))
    loads = [partial(_load, on, waiting, warm, expected, name) for name in ("PLAIN", "DERIVED")]
    plain, computed = on.alternate(loads)
    yield compared("derived", computed, plain, {"files": 1, "rows": rows})


def _load(on: Workspace, waiting: Path, warm: Path, expected: Expected, name: str) -> Figures:
    figures = apart(
        first_load_of,
        waiting=waiting,
        landing=on.fresh("derived/landing"),
        state=on.fresh("derived/state"),
        warm=next(warm.iterdir()),
        declared=f"{SHOP}:{name}",
    )
    check(figures, expected)
    return figures


async def _correct(
    live: Session,
    plain: duckdb.DuckDBPyConnection,
    landing: Path,
    sizes: Sizes,
    times: int,
    found: dict[str, list[float]],
) -> None:
    """Correct the list of products, beside one that replaces its rows in a table, and one that updates a table of
    orders that holds what the list says."""
    plain.execute("CREATE TABLE joined AS SELECT * FROM orders LEFT JOIN products USING (Product)")
    for turn in range(1, times + 1):
        file = landing.parent / "products.csv"
        write_products(file, sizes, seed=turn)
        source = READ_PRODUCTS.format(file=landing / file.name)
        file.rename(landing / file.name)
        await asyncio.sleep(SETTLED_S)
        started = time.monotonic()
        await live.stages.load_waiting()
        found.setdefault("reference", []).append(time.monotonic() - started)
        for name, statement in (
            ("insert", f"INSERT OR REPLACE INTO products SELECT * FROM {source}"),
            ("update", _UPDATE.format(source=source)),
        ):
            found.setdefault(name, []).append(await asyncio.to_thread(_seconds, partial(plain.execute, statement)))
        case = CASES["join"]
        if not _alike(
            answer_of(live.opened.feed.cube, case.question, most_rows=MOST_ROWS).rows, plain.sql(case.sql).pl()
        ):
            raise RuntimeError("the corrected list is not what is shown")


def _alike(ours: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Whether the measures are the same, to the last digits of floats; levels are written in other ways."""
    if ours.height != right.height:
        return False
    numbers = [(a, b) for a, b in zip(ours, right, strict=True) if a.dtype.is_numeric()]
    far = [((a.cast(pl.Float64) - b.cast(pl.Float64)).abs() > 1e-6).any() for a, b in numbers]
    return not any(far)


def _frame(plain: duckdb.DuckDBPyConnection, sql: str) -> object:
    return plain.sql(sql).pl()


def _seconds(subject: Callable[[], object]) -> float:
    started = time.monotonic()
    subject()
    return time.monotonic() - started
