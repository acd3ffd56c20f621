"""Rows on loading much: many rows, one large file, many small files, and starting again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.bench import ours, peer_dlt, peer_guide, peer_raw
from tests.bench.apart import Figures, apart
from tests.bench.files import WARM_ROWS, Expected, spread, write_files, write_small_files, write_with_bad_rows
from tests.bench.rows import Measured
from tests.bench.workspace import KINDS, Loaded, Workspace, check, compared

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
        yield compared(f"load-{kind}-raw", ours_runs, raw_runs, sizes)
        if kind == "new":
            yield compared("load-new-glob", ours_runs, glob_runs[0], sizes)
            yield compared("load-memory", ours_runs, raw_runs, sizes, of="peak_mb")
        if ours_runs.failure:
            yield Measured(f"restart-{kind}", missing=ours_runs.failure)
            continue
        (restarts,) = on.alternate([partial(_restart, on.loaded[kind], expected)])
        yield compared(f"restart-{kind}", restarts, ours_runs, sizes)


def _restart(loaded: Loaded, expected: Expected) -> Figures:
    figures = apart(ours.restart, landing=loaded.landing, state=loaded.state)
    check(figures, Expected(expected.rows + WARM_ROWS, expected.quantity))
    return figures


def _raw(on: Workspace, load: Callable[..., Figures], waiting: Path, expected: Expected) -> Figures:
    figures = apart(load, waiting=waiting, scratch=on.fresh("raw"))
    check(figures, Expected(expected.rows + WARM_ROWS, expected.quantity))
    return figures


def one_file(on: Workspace) -> Iterator[Measured]:
    """One file of 1M rows, clean and with bad rows in it."""
    rows = on.scaled(BIG_ROWS)
    clean, bad = on.fresh("big-files"), on.fresh("bad-files")
    expected = write_files(clean, [spread(np.arange(rows))])
    bad.mkdir()
    write_with_bad_rows(bad / "sales_bad.csv", spread(np.arange(rows)), share=BAD)
    dlt = Dlt(on, clean, files=1, rows=max(10_000, rows // 100))
    clean_runs, bad_runs, raw_runs, dlt_runs = on.alternate(
        [
            lambda: on.load(clean, "big", expected),
            lambda: _load_bad(on, bad),
            lambda: _raw(on, peer_raw.first_load, clean, expected),
            dlt.load,
        ]
    )
    sizes = {"files": 1, "rows": rows}
    yield compared("file-raw", clean_runs, raw_runs, sizes)
    yield compared("file-dlt", clean_runs, dlt_runs, sizes, note=f"dlt's {dlt.reader}")
    yield compared("file-bad-rows", bad_runs, clean_runs, sizes)


def _load_bad(on: Workspace, waiting: Path) -> Figures:
    landing, state = on.fresh("bad/landing"), on.fresh("bad/state")
    return apart(ours.first_load, waiting=waiting, landing=landing, state=state)


def burst(on: Workspace) -> Iterator[Measured]:
    """Many small files at once."""
    count = on.scaled(SMALL_FILES)
    waiting = on.fresh("small-files")
    expected = write_small_files(waiting, files=count, rows=SMALL_ROWS)
    dlt = Dlt(on, waiting, files=max(100, count // 100), rows=SMALL_ROWS)
    ours_runs, guide_runs, dlt_runs = on.alternate(
        [
            lambda: on.load(waiting, "small", expected),
            lambda: apart(peer_guide.burst, waiting=waiting, landing=on.fresh("guide-burst")),
            dlt.load,
        ]
    )
    sizes = {"files": count, "rows": count * SMALL_ROWS}
    yield compared("burst-guide", ours_runs, guide_runs, sizes)
    yield compared("burst-dlt", ours_runs, dlt_runs, sizes, note=f"dlt's {dlt.reader}")


@dataclass
class Dlt:
    """dlt on files that wait, with the faster of its readers, by a trial on fewer files.

    Args:
        on: where it works.
        waiting: the files.
        files, rows: of the trial.
        reader: the faster one, once it is known.
    """

    on: Workspace
    waiting: Path
    files: int
    rows: int
    reader: peer_dlt.Reader | None = None

    def load(self) -> Figures:
        """Load them once."""
        if self.reader is None:
            self.reader = self._faster()
        return self._load(self.waiting, self.reader)

    def _faster(self) -> peer_dlt.Reader:
        waiting = self.on.fresh("trial-files")
        write_small_files(waiting, files=self.files, rows=self.rows)
        took_s = {reader: self._load(waiting, reader)["seconds"] for reader in peer_dlt.READERS}
        shutil.rmtree(waiting)
        return min(took_s, key=lambda reader: took_s[reader])

    def _load(self, waiting: Path, reader: peer_dlt.Reader) -> Figures:
        return apart(peer_dlt.load, waiting=waiting, scratch=self.on.fresh("dlt"), reader=reader)
