"""Rows without a target, on two parts of the path: a look at the directory, and text to cells."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from flows.datasets import find_dataset
from flows.landing.names import name_filter
from flows.landing.scan import scan
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from tests.bench import peer_arrow, peer_scandir
from tests.bench.apart import Figures, apart
from tests.bench.files import sales, spread, write_small_files
from tests.bench.ours import DECLARED
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace

MANY = 100_000
ROWS = 1_000_000


def parts(on: Workspace) -> Iterator[Measured]:
    """Each beside the plainest way to do it."""
    files, rows = on.scaled(MANY), on.scaled(ROWS)
    landing = on.fresh("scanned")
    write_small_files(landing, files=files, rows=1)
    text = on.fresh("parsed.csv")
    sales(spread(np.arange(rows)), day=0, seed=0).write_csv(text)
    figures = apart(measure, landing=landing, file=text, times=on.times)
    yield Measured("scan-100k", figures["scan"], figures["scandir"], {"files": files})
    yield Measured("parse", figures["parse"], figures["arrow"], {"rows": rows})


def measure(*, landing: str, file: str, times: int) -> Figures:
    """All in one process, in turn."""
    dataset = find_dataset(DECLARED)
    accepts, root, body = name_filter(dataset), os.fsencode(landing), Path(file).read_bytes()
    subjects: dict[str, Callable[[], object]] = {
        "scan": lambda: scan(root, accepts, recursive=False),
        "scandir": lambda: peer_scandir.look(root),
        "parse": lambda: parse(dataset, [Source("parsed.csv", body)]),
        "arrow": lambda: peer_arrow.cells(body),
    }
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(times + 1):
        for name, subject in subjects.items():
            started = time.monotonic()
            subject()
            found[name].append(time.monotonic() - started)
    return {name: took_s[1:] for name, took_s in found.items()}
