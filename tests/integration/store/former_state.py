"""A state directory as the edition before wrote it, with the files that lay there."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.integration.live_feed import sales

LEDGER = Path(__file__).with_name("ledger_v3.sql")
SEGMENTS = Path(__file__).with_name("segments_v3")
"""Their footers are of format 2."""

DECLARATIONS = """
import dataframely as dy
from dataclasses import replace
from cubefeed import *
from flows.datasets.sales import SALES

class Loose(dy.Schema):
    ID = dy.Int64()
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)

KEYED = replace(SALES, landing={landing!r} + "/sales")
LOOSE = Dataset(schema=Loose, name="loose", landing={landing!r} + "/loose")
REGIONS = replace(
    SALES, name="regions", landing={landing!r} + "/regions", from_path=r"(?P<Product>[a-z]+)_\\d+\\.csv"
)
CHECKED = replace(
    SALES, name="checked", landing={landing!r} + "/checked", completeness=Completeness(manifest=".meta")
)
"""


def region(id: int, quantity: int) -> bytes:
    return f"ID,Date,Quantity\n{id},2021-05-01,{quantity}\n".encode()


FILES = {
    "sales/a.csv": sales(1, 2),
    "sales/b.csv": sales(8, start=2),
    "sales/copy.csv": sales(1, 2),
    "sales/out.csv": sales(5, start=5),
    "loose/a.csv": sales(3),
    "loose/copy.csv": sales(3),
    "regions/north_1.csv": region(1, 10),
    "regions/south_1.csv": region(2, 20),
    "checked/a.csv.meta": b'{"rows": 7}',
    "checked/a.csv": sales(4),
    "checked/b.csv.meta": b'{"rows": 1}',
    "checked/b.csv": sales(6, start=6),
}
"""As the ledger knows them: `sales/copy.csv` and `loose/copy.csv` are duplicates, `sales/out.csv` was unloaded,
`checked/a.csv` refused for its manifest. `regions/east_1.csv` was loaded and then deleted."""


def make_former_state(root: Path) -> list[str]:
    """Lay the state and the files into a directory. Returns how its datasets are named."""
    state = root / "state"
    state.mkdir(mode=0o700)
    with closing(sqlite3.connect(state / "ledger.db")) as database:
        database.executescript(LEDGER.read_text())
        database.execute("UPDATE datasets SET volumes = NULL")  # the directories here are others
        database.commit()
        database.execute("PRAGMA user_version = 3")
    shutil.copytree(SEGMENTS, state / "segments")
    for name, body in FILES.items():
        file = root / "landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    declarations = root / "declarations.py"
    declarations.write_text(DECLARATIONS.format(landing=str(root / "landing")))
    return [f"{declarations}:{name}" for name in ("KEYED", "LOOSE", "REGIONS", "CHECKED")]
