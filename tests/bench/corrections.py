"""Rows on correcting a file in a large cube, beside one DuckDB transaction that does the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np

from tests.bench.apart import Figures, apart
from tests.bench.files import SPARE_KEY, half_known, sales
from tests.bench.loads import FILE_ROWS, FILES
from tests.bench.ours import SETTLED_S, Session, session
from tests.bench.peer_raw import READ, TOTALS
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace

OTHER_KEY = SPARE_KEY * 2
_CREATE = "CREATE TABLE sales (ID BIGINT PRIMARY KEY, Date DATE, Product VARCHAR, Quantity BIGINT, file VARCHAR)"
_INSERT = f"INSERT OR REPLACE INTO sales SELECT *, ? FROM {READ}"


def corrections(on: Workspace) -> Iterator[Measured]:
    """A file in the middle with the keys it had, and the last one with other keys."""
    rows = on.scaled(FILE_ROWS)
    loaded = on.ensure("half", count=FILES, rows=rows, name="half")
    del on.loaded["half"]  # it will not be what it was
    figures = apart(measure, landing=loaded.landing, state=loaded.state, rows=rows, times=on.times)
    sizes = {"files": FILES, "rows": FILES * rows, "corrected": rows}
    yield Measured("correction", figures["ours"], figures["raw"], sizes)
    note = f"{figures['came_back']:,} rows come back"
    yield Measured("correction-back", figures["ours_back"], figures["raw_back"], sizes, note)


def measure(*, landing: str, state: str, rows: int, times: int) -> Figures:
    """Both sides in one process, in turn."""
    return asyncio.run(_measure(Path(landing), Path(state), rows, times))


async def _measure(landing: Path, state: Path, rows: int, times: int) -> Figures:
    keys = half_known(FILES, rows)
    middle, last = FILES // 2, FILES - 1
    found: dict[str, list[float]] = {name: [] for name in ("ours", "raw", "ours_back", "raw_back")}
    with _raw_table(landing) as raw:
        async with session(landing, state) as live:
            await live.stages.rebuild()
            await live.load_waiting()
            for turn in range(times):
                file = _write(landing, middle, keys[middle], seed=1_000 + turn)
                found["ours"].append(await _correct(live, landing, file))
                found["raw"].append(_correct_raw(raw, landing / file.name))
            before, came_back = live.totals()["rows"], 0
            for turn in range(times):
                file = _write(landing, last, OTHER_KEY + np.arange(rows), seed=2_000 + turn)
                found["ours_back"].append(await _correct(live, landing, file))
                found["raw_back"].append(_correct_raw(raw, landing / file.name))
                came_back = live.totals()["rows"] - before
                file = _write(landing, last, keys[last], seed=3_000 + turn)
                await _correct(live, landing, file)
                _correct_raw(raw, landing / file.name)
                if live.totals()["rows"] != before:
                    raise RuntimeError("a correction and its reversal do not give the same rows")
    if came_back != rows // 2:
        raise RuntimeError(f"{came_back} covered rows came back, not {rows // 2}")
    return {**found, "came_back": came_back}


def _write(landing: Path, number: int, keys: np.ndarray, *, seed: int) -> Path:
    elsewhere = landing.with_name("corrected")
    elsewhere.mkdir(exist_ok=True)
    file = elsewhere / f"sales_{number:05}.csv"
    sales(keys, day=number, seed=seed).write_csv(file)
    return file


async def _correct(live: Session, landing: Path, file: Path) -> float:
    file.rename(landing / file.name)
    await asyncio.sleep(SETTLED_S)
    started = time.monotonic()
    await live.load_waiting()
    return time.monotonic() - started


def _correct_raw(database: duckdb.DuckDBPyConnection, file: Path) -> float:
    """One transaction: its rows leave, those of the file as it is now come."""
    started = time.monotonic()
    database.begin()
    database.execute("DELETE FROM sales WHERE file = ?", [file.name])
    database.execute(_INSERT.format(files=f"'{file}'"), [file.name])
    database.commit()
    database.execute(TOTALS).fetchall()
    return time.monotonic() - started


def _raw_table(landing: Path) -> duckdb.DuckDBPyConnection:
    """What loading file by file gives, with the file of each row."""
    database = duckdb.connect()
    database.execute(_CREATE)
    source = READ.format(files=f"'{landing}/sales_*.csv'").replace("header =", "filename = true, header =")
    database.execute(
        "INSERT INTO sales SELECT * REPLACE (parse_filename(filename) AS filename) FROM "
        f"{source} QUALIFY row_number() OVER (PARTITION BY ID ORDER BY filename DESC) = 1"
    )
    return database
