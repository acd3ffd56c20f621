"""Peer: DuckDB alone, a table with a primary key and `INSERT OR REPLACE … read_csv` with explicit types.

Source: https://duckdb.org/docs/stable/data/csv/overview and https://duckdb.org/docs/stable/sql/statements/insert
"""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from tests.bench.apart import Figures, peak_mb
from tests.bench.files import warm_up_file

CREATE = "CREATE TABLE sales (ID BIGINT PRIMARY KEY, Date DATE, Product VARCHAR, Quantity BIGINT)"
READ = (
    "read_csv({files}, header = true, auto_detect = false, delim = ',', quote = '\"', columns = "
    "{{'ID': 'BIGINT', 'Date': 'DATE', 'Product': 'VARCHAR', 'Quantity': 'BIGINT'}})"
)
INSERT = f"INSERT OR REPLACE INTO sales SELECT * FROM {READ}"
TOTALS = "SELECT count(*), CAST(sum(Quantity) AS BIGINT) FROM sales"


def first_load(*, waiting: str, scratch: str) -> Figures:
    """Load the files one by one, in their order."""
    files = [f"'{file}'" for file in sorted(Path(waiting).glob("*.csv"))]
    return _load(files, scratch)


def first_load_in_one(*, waiting: str, scratch: str) -> Figures:
    """Load all files in one statement."""
    return _load([f"'{waiting}/*.csv'"], scratch)


def _load(sources: list[str], scratch: str) -> Figures:
    with duckdb.connect() as database:
        database.execute(CREATE)
        warm = warm_up_file(Path(scratch))
        database.execute(INSERT.format(files=f"'{warm}'"))
        started = time.monotonic()
        for source in sources:
            database.execute(INSERT.format(files=source))
        rows, quantity = database.execute(TOTALS).fetchall()[0]
        took_s = time.monotonic() - started
        return {"seconds": took_s, "rows": rows, "quantity": quantity, "peak_mb": peak_mb()}
