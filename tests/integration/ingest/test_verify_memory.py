"""How much room `verify` takes beside the cube, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT

ROWS = 3_000_000
WRITE = """
import sys
import polars as pl
rows, files = int(sys.argv[2]), 10
for number in range(files):
    ids = pl.int_range(number * (rows // files), (number + 1) * (rows // files), eager=True) * 7919 % rows
    pl.DataFrame({
        "ID": ids, "Date": (ids % 365).cast(pl.Int32).cast(pl.Date), "Product": "p" + (ids % 50).cast(pl.String),
        "Quantity": ids % 1000, "_version": pl.repeat(number + 1, ids.len(), dtype=pl.Int64, eager=True),
    }).write_parquet(f"{sys.argv[1]}/{number}.parquet", compression="lz4")
"""
VERIFY = """
import sys, threading
from pathlib import Path
from flows.ingest.verification import verify
from flows.model.tables import Column, Table
from flows.model.types import DATE, INTEGER, STRING
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.port import LiveSegment
from flows.store.ledger import SegmentFacts
from flows.store.segment_rows import Part

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

columns = (Column("ID", INTEGER), Column("Date", DATE), Column("Product", STRING), Column("Quantity", INTEGER))
table = Table("t", columns, keys=("ID",) if sys.argv[3] == "keyed" else ())
files = sorted(Path(sys.argv[1]).glob("*.parquet"), key=lambda file: int(file.stem))
facts = [SegmentFacts(n, "t", file.name, "", 0, int(sys.argv[2]) // 10, "x") for n, file in enumerate(files, start=1)]
parts = [Part(fact, file, {fact.id: fact.id}) for fact, file in zip(facts, files, strict=True)]
cube = DuckDbCube((table,))
before = resident()
cube.rebuild("t", [LiveSegment(part.path, part.places) for part in parts])
held = peak = resident()
over = threading.Event()

def watch():
    global peak
    while not over.wait(0.002):
        peak = max(peak, resident())

watching = threading.Thread(target=watch)
watching.start()
found = verify(table, cube, parts)
over.set()
watching.join()
print(found["rows"], found["missing"], found["extra"], held - before, peak - held)
cube.close()
"""


@pytest.mark.deep
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read in /proc")
@pytest.mark.parametrize("keys", ["keyed", "loose"])
def test_verify_takes_less_room_than_a_third_of_the_cube(tmp_path: Path, keys: str) -> None:
    def run(code: str) -> str:
        arguments = [sys.executable, "-c", code, str(tmp_path), str(ROWS), keys]
        return subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout

    run(WRITE)
    rows, missing, extra, cube_bytes, beside_bytes = map(int, run(VERIFY).split())
    assert (rows, missing, extra) == (ROWS, 0, 0)
    assert beside_bytes < 0.3 * cube_bytes
