"""Rows on a ledger with a long history: files that were loaded and are archived since."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from flows.datasets import find_dataset
from flows.model.tables import LINE, VERSION
from flows.store.footer import Footer
from flows.store.ledger_file import open_ledger
from flows.store.segments import Segments
from tests.bench.apart import Figures, apart
from tests.bench.files import SPARE_KEY, sales
from tests.bench.ours import DECLARED, session
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace

VERSIONS = 1_000_000
FEW = 1_000
SEGMENTS = 100
TURNS = 15
_AT = "2026-01-01T00:00:00.000000+00:00"


def long_history(on: Workspace) -> Iterator[Measured]:
    """The start, and one new file after it."""
    many = on.scaled(VERSIONS, least=FEW)
    turns = on.scaled(TURNS, least=8)
    figures = {
        count: apart(measure, landing=_made(on, count), state=on.root / f"ledger-{count}" / "state", turns=turns)
        for count in (FEW, many)
    }
    sizes = {"versions": many}
    note = f"all of it, of which {figures[many]['work_s']:.2f} s before the first row is read"
    yield Measured("ledger-start", [figures[many]["start_s"]], sizes=sizes, note=note)
    yield Measured("ledger-file", figures[many]["file_s"], figures[FEW]["file_s"], sizes)


def _made(on: Workspace, count: int) -> Path:
    """A state of files with one row each. Returns its landing directory, which is empty but for one file."""
    root = on.fresh(f"ledger-{count}")
    landing, state = root / "landing", root / "state"
    landing.mkdir(parents=True)
    state.mkdir(mode=0o700, parents=True)
    (state / "segments").mkdir()
    dataset = find_dataset(DECLARED)
    open_ledger(state / "ledger.db").close()
    per_segment = count // SEGMENTS
    with closing(sqlite3.connect(state / "ledger.db")) as database, database:
        database.execute("INSERT INTO datasets (name, fingerprint) VALUES (?, ?)", (dataset.name, dataset.fingerprint))
        database.execute(
            "INSERT INTO batches VALUES (1, ?, 'loaded', ?, ?, ?, ?)", (dataset.name, count, count, _AT, _AT)
        )
        for number in range(1, SEGMENTS + 1):
            ids = np.arange((number - 1) * per_segment, number * per_segment) + 1
            rows = sales(ids, day=number, seed=number).with_columns(
                pl.Series(VERSION, ids), pl.lit(2, pl.UInt32).alias(LINE)
            )
            footer = Footer(dataset.name, dataset.fingerprint, batch=1, after=0)
            segment = Segments(state / "segments").write(number, dataset.table, rows, footer)
            facts = asdict(segment)
            names, places = ", ".join(facts), ", ".join("?" * len(facts))
            database.execute(f"INSERT INTO segments ({names}) VALUES ({places})", tuple(facts.values()))
            paths = [(i, dataset.name, b"archived/%09d.csv" % i, i, i, i) for i in ids.tolist()]
            database.executemany(
                "INSERT INTO paths (id, dataset, path, arrival, accepted, judged, present) "
                "VALUES (?, ?, ?, ?, ?, ?, 0)",
                paths,
            )
            digests = (hashlib.sha256(b"%d" % i).digest() for i in ids.tolist())
            versions = [
                (i, dataset.name, i, digest, 40, i, "loaded", i, number)
                for i, digest in zip(ids.tolist(), digests, strict=True)
            ]
            database.executemany(
                "INSERT INTO versions (id, dataset, path_id, digest, size_bytes, mtime_ns, state, content, segment,"
                " path_values, rows, refused, collapsed, findings, batch, detected_utc, staged_utc, loaded_utc)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 1, 0, 0, 0, 1, '{_AT}', '{_AT}', '{_AT}')",
                versions,
            )
    return landing


def measure(*, landing: str, state: str, turns: int) -> Figures:
    """Start, then let so many files come one after the other."""
    return asyncio.run(_measure(Path(landing), Path(state), turns))


async def _measure(landing: Path, state: Path, turns: int) -> Figures:
    elsewhere = landing.with_name("elsewhere")
    elsewhere.mkdir()
    started = time.monotonic()
    async with session(landing, state) as live:
        opened_s = time.monotonic() - started
        feed = live.opened.feed
        began = time.monotonic()
        for name in feed.datasets:
            feed.ledger.signatures(name)
            feed.ledger.live(name)
        work_s = opened_s + time.monotonic() - began
        again = time.monotonic()
        await live.stages.rebuild()
        await live.load_waiting()
        start_s = opened_s + time.monotonic() - again
        file_s = []
        for turn in range(turns):
            file = elsewhere / f"new_{turn}.csv"
            key = SPARE_KEY + turn * 10
            sales(key + np.arange(10), day=0, seed=turn).write_csv(file)
            await live.arrive(file, into=landing)
            arrived = time.monotonic()
            await live.stages.load_waiting()
            if not live.ask(("measure", "contributors.COUNT"), ("where", f"ID={key}")):
                raise RuntimeError("the new file cannot be queried")
            file_s.append(time.monotonic() - arrived)
    return {"start_s": start_s, "work_s": work_s, "file_s": file_s[3:]}
