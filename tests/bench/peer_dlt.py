"""Peer: dlt, from its filesystem source into DuckDB, merged by key.

Source: https://dlthub.com/docs/dlt-ecosystem/verified-sources/filesystem/basic
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import duckdb

from tests.bench.apart import Figures

Reader = Literal["read_csv", "read_csv_duckdb"]
READERS: tuple[Reader, ...] = ("read_csv", "read_csv_duckdb")


def load(*, waiting: str, scratch: str, reader: Reader) -> Figures:
    """Run the pipeline once, with the reader that is named."""
    import dlt  # here, since the other rows do without it
    from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb

    home = Path(scratch)
    home.mkdir(parents=True, exist_ok=True)
    database = home / "sales.duckdb"
    started = time.monotonic()
    read = read_csv() if reader == "read_csv" else read_csv_duckdb(use_pyarrow=True)
    rows = (filesystem(bucket_url=f"file://{waiting}", file_glob="*.csv") | read).with_name("sales")
    rows.apply_hints(write_disposition="merge", primary_key="ID")
    pipeline = dlt.pipeline(
        "sales", pipelines_dir=str(home / "pipelines"), destination=dlt.destinations.duckdb(str(database))
    )
    pipeline.run(rows)
    took_s = time.monotonic() - started
    with duckdb.connect(str(database), read_only=True) as loaded:
        table = loaded.execute("SELECT schema_name FROM information_schema.schemata").fetchall()
        name = next(each[0] for each in table if each[0].startswith("sales") and "staging" not in each[0])
        count = loaded.execute(f'SELECT count(*) FROM "{name}".sales').fetchall()[0][0]
    return {"seconds": took_s, "rows": count}
