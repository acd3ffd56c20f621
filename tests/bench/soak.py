"""Long streams, outages and corrections: `make soak`. The test run does the same for a minute.

Every scenario returns its figures, and fails where one is over its bound.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.bench.installed import Soaked, soaked, steady_for
from tests.bench.stream import p99
from tests.e2e.running import Place, until, watching

RESULTS = Path(__file__).with_suffix(".json")
WINDOWS_PER_MINUTE = 1.2
GROWTH_BYTES_PER_S = 5 << 20
GROWTH_S = 600
SEEN_S = 2.0
LATER_S = 0.5
BACK_S = 30.0
PER_HOUR = 2
GROWN_MB = 10.0
CORRECTED = 100

Figures = dict[str, Any]


def stream(on: Soaked, *, seconds: float) -> Figures:
    """A file a second: few windows, little growth, and every file can be queried soon."""
    on.wait_until_quiet()
    windows, size = len(on.windows()), on.size_bytes()
    started_at = time.monotonic()
    with on.stream() as files:
        steady_for(seconds)
        on.finish(files)
    on.wait_until_quiet()
    minutes = (time.monotonic() - started_at) / 60
    opened, grown = len(on.windows()) - windows, on.size_bytes() - size
    delays = files.arrivals.delays_s()
    figures = {
        "seconds": seconds,
        "files": len(delays),
        "windows": opened,
        "windows_per_minute_after_two": round(max(0, opened - 2) / minutes, 2),
        "growth_mb": round(grown / 1e6, 2),
        "growth_mb_in_ten_minutes": round(grown / 1e6 * 10 / minutes, 2),
        "queryable_p50_s": round(sorted(delays)[len(delays) // 2], 3),
        "queryable_p99_s": round(p99(delays), 3),
        "queryable_max_s": round(max(delays), 3),
    }
    print(figures)
    assert not on.loaded_twice() and not files.failures, (on.loaded_twice(), files.failures)
    assert opened <= 2 + WINDOWS_PER_MINUTE * minutes, figures
    assert figures["queryable_p99_s"] <= SEEN_S, figures
    assert grown <= 5e6 * max(minutes / 10, 0.2), figures
    return figures


def idle(on: Soaked, *, seconds: float) -> Figures:
    """Nothing lands: nearly no runs."""
    on.wait_until_quiet()
    tasks, runs = on.task_runs(), on.started_runs()
    steady_for(seconds)
    tasks, runs = on.task_runs() - tasks, on.started_runs() - runs
    figures = {
        "seconds": seconds,
        "task_runs_per_hour": tasks * 3600 / seconds,
        "flow_runs_per_hour": runs * 3600 / seconds,
    }
    assert max(figures["task_runs_per_hour"], figures["flow_runs_per_hour"]) <= PER_HOUR, figures
    return figures


def outage(on: Soaked, *, seconds: float, pause_s: float = 0.0, before_s: float = 20.0) -> Figures:
    """The Prefect server ends in the middle of a stream, and comes back; for a while in between nothing lands."""
    on.wait_until_quiet()
    run = on.up.owner["run"]
    shown_before = _rows_shown(on, "loaded-outside-windows") | _rows_shown(on, "last-loads")
    with on.stream() as files:
        steady_for(before_s)
        on.server.kill()
        gone = time.monotonic()
        if pause_s:
            steady_for((seconds - pause_s) / 2)
            files.pause()
            steady_for(pause_s)
            files.resume()
        steady_for(0, until_moment=gone + seconds)
        windows = len(on.windows())
        on.server.start()
        until(lambda: on.up.prefect.get("/health"), what="the server answers", patience_s=90)
        back = time.monotonic()
        until(lambda: _works(on, windows), what="a window is back", patience_s=90, every_s=0.2)
        window_back_s = time.monotonic() - back
        steady_for(5)
        end = time.monotonic()
        on.finish(files)
    on.wait_until_quiet()
    before, during = files.arrivals.delays_s(until=gone), files.arrivals.delays_s(gone, end)
    meanwhile = {number for number, closed in files.arrivals.closed.items() if gone < closed < back}
    outside = _rows_shown(on, "loaded-outside-windows") - shown_before
    inside = _rows_shown(on, "last-loads") - shown_before
    figures = {
        "seconds": seconds,
        "away_s": round(back - gone, 1),
        "files": len(files.arrivals.closed),
        "files_meanwhile": len(meanwhile),
        "reported_outside": len(meanwhile & outside),
        "reported_inside": len(meanwhile & inside),
        "before_p99_s": round(p99(before), 3),
        "during_p99_s": round(p99(during), 3),
        "before_max_s": round(max(before), 3),
        "during_max_s": round(max(during), 3),
        "window_back_s": round(window_back_s, 1),
    }
    print(figures)
    assert not on.loaded_twice() and not files.failures, (on.loaded_twice(), files.failures)
    assert on.up.owner["run"] == run and on.up.prefect.run(run)["state"]["name"] == "Running"
    assert window_back_s <= BACK_S, figures
    assert max(during) <= max(before) + LATER_S, figures
    return figures


def vacuum(on: Soaked, *, patience_s: float = 60.0) -> Figures:
    """Old windows are deleted while the live run goes on."""
    on.wait_until_quiet()
    run, windows = on.up.owner["run"], on.windows()
    on.age_runs()
    asked = time.monotonic()
    until(lambda: not on.windows(), what="the old windows are deleted", patience_s=patience_s, every_s=0.5)
    took_s = time.monotonic() - asked
    assert on.up.prefect.run(run)["state"]["name"] == "Running" and on.up.owner["run"] == run
    return {"windows_deleted": len(windows), "task_runs_left": on.task_runs(), "took_s": round(took_s, 1)}


def _works(on: Soaked, windows: int) -> bool:
    """Whether a window has begun since."""
    return len(on.windows()) > windows


def _rows_shown(on: Soaked, key: str) -> set[int]:
    """The numbers of the files in the artifacts of a key."""
    rows = [row for artifact in on.up.prefect.artifacts(key) for row in json.loads(artifact["data"])]
    return {int(row["file"].partition(".")[0]) for row in rows}
