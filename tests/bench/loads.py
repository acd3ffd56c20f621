"""Rows on loading much: many rows, one large file, many small files, and starting again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench import ours, peer_dlt, peer_guide, peer_raw
from tests.bench.apart import Figures, apart
from tests.bench.files import WARM_ROWS, Expected, spread, write_files, write_small_files, write_with_bad_rows
from tests.bench.rows import Measured, Sizes
from tests.bench.workspace import KINDS, Loaded, Workspace, check, seconds

FILES = 100
FILE_ROWS = 100_000
BIG_ROWS = 1_000_000
SMALL_FILES = 10_000
SMALL_ROWS = 10
BAD = 0.01


def many_rows(on: Workspace) -> Iterator[Measured]:
    """10M rows in 100 files, new and half known, and the restart with each."""
    rows = on.scaled(FILE_ROWS)
    sizes = {"files": FILES, "rows": FILES * rows}
    for kind, make in KINDS.items():
        waiting = on.fresh(f"{kind}-files")
        expected = write_files(waiting, make(FILES, rows))
        raw = peer_raw.first_load, peer_raw.first_load_in_one
        subjects = [lambda kind=kind, w=waiting, e=expected: on.load(w, kind, e)]
        for load in raw if kind == "new" else raw[:1]:
            subjects.append(lambda load=load, w=waiting, e=expected: _raw(on, load, w, e))
        ours_runs, raw_runs, *glob_runs = on.alternate(subjects)
        yield Measured(f"load-{kind}-raw", seconds(ours_runs), seconds(raw_runs), sizes)
        if kind == "new":
            yield Measured("load-new-glob", seconds(ours_runs), seconds(glob_runs[0]), sizes)
            yield Measured("load-memory", seconds(ours_runs, "peak_mb"), seconds(raw_runs, "peak_mb"), sizes)
        yield _restart(on, kind, waiting, seconds(ours_runs), sizes, expected)


def _restart(
    on: Workspace, kind: str, waiting: Path, first_s: list[float], sizes: Sizes, expected: Expected
) -> Measured:
    loaded: Loaded = on.loaded[kind]
    runs = [apart(ours.restart, landing=loaded.landing, state=loaded.state) for _ in range(on.times)]
    for run in runs:
        check(run, Expected(expected.rows + WARM_ROWS, expected.quantity))
    return Measured(f"restart-{kind}", seconds(runs), first_s, sizes)


def _raw(on: Workspace, load: object, waiting: Path, expected: Expected) -> Figures:
    figures = apart(load, waiting=waiting, scratch=on.fresh("raw"))  # type: ignore[arg-type]
    check(figures, Expected(expected.rows + WARM_ROWS, expected.quantity))
    return figures


def one_file(on: Workspace) -> Iterator[Measured]:
    """One file of 1M rows, clean and with bad rows in it."""
    rows = on.scaled(BIG_ROWS)
    clean, bad = on.fresh("big-files"), on.fresh("bad-files")
    expected = write_files(clean, [spread(np.arange(rows))])
    bad.mkdir()
    write_with_bad_rows(bad / "sales_bad.csv", spread(np.arange(rows)), share=BAD)
    reader = _faster_reader(on, files=1, rows=max(10_000, rows // 100))
    clean_runs, bad_runs, raw_runs, dlt_runs = on.alternate(
        [
            lambda: on.load(clean, "big", expected),
            lambda: _load_bad(on, bad),
            lambda: _raw(on, peer_raw.first_load, clean, expected),
            lambda: _dlt(on, clean, reader),
        ]
    )
    sizes = {"files": 1, "rows": rows}
    yield Measured("file-raw", seconds(clean_runs), seconds(raw_runs), sizes)
    yield Measured("file-dlt", seconds(clean_runs), seconds(dlt_runs), sizes, f"dlt's {reader}")
    yield Measured("file-bad-rows", seconds(bad_runs), seconds(clean_runs), sizes)


def _load_bad(on: Workspace, waiting: Path) -> Figures:
    landing, state = on.fresh("bad/landing"), on.fresh("bad/state")
    return apart(ours.first_load, waiting=waiting, landing=landing, state=state)


def burst(on: Workspace) -> Iterator[Measured]:
    """Many small files at once."""
    count = on.scaled(SMALL_FILES)
    waiting = on.fresh("small-files")
    expected = write_small_files(waiting, files=count, rows=SMALL_ROWS)
    reader = _faster_reader(on, files=max(100, count // 100), rows=SMALL_ROWS)
    ours_runs, guide_runs, dlt_runs = on.alternate(
        [
            lambda: on.load(waiting, "small", expected),
            lambda: apart(peer_guide.burst, waiting=waiting, landing=on.fresh("guide-burst")),
            lambda: _dlt(on, waiting, reader),
        ]
    )
    sizes = {"files": count, "rows": count * SMALL_ROWS}
    yield Measured("burst-guide", seconds(ours_runs), seconds(guide_runs), sizes)
    yield Measured("burst-dlt", seconds(ours_runs), seconds(dlt_runs), sizes, f"dlt's {reader}")


def _dlt(on: Workspace, waiting: Path, reader: peer_dlt.Reader) -> Figures:
    return apart(peer_dlt.load, waiting=waiting, scratch=on.fresh("dlt"), reader=reader)


def _faster_reader(on: Workspace, *, files: int, rows: int) -> peer_dlt.Reader:
    """Which of dlt's readers is faster on files like these, by a trial on fewer of them."""
    waiting = on.fresh("trial-files")
    write_small_files(waiting, files=files, rows=rows)
    took_s = {reader: _dlt(on, waiting, reader)["seconds"] for reader in peer_dlt.READERS}
    shutil.rmtree(waiting)
    return min(took_s, key=lambda reader: took_s[reader])
