"""Long streams, outages and corrections: `make soak`. The test run does the same for a minute.

Every scenario returns its figures, and fails where one is over its bound.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bench.soak_installation import Soaked, soaked, steady_for
from tests.bench.stream import HEADER, p99
from tests.e2e.program import Place, watching
from tests.waiting import until

RESULTS = Path(__file__).with_suffix(".json")
WINDOWS_PER_MINUTE = 1.2
GROWTH_MB = 5.0
"""In ten minutes."""
SHORTEST = 0.2
"""A short stream may take this part of it: each window has its rows, and SQLite takes whole pages for each table."""
SEEN_S = 2.0
LATER_S = 0.5
BACK_S = 30.0
PER_HOUR = 2
GROWN_MB = 10.0
CORRECTED = 100
_TABLES = ("loaded-outside-windows", "last-loads")

Figures = dict[str, Any]


def stream(on: Soaked, *, seconds: float, slack: float = 1.0) -> Figures:
    """A file a second: few windows, little growth, and every file can be queried soon.

    Args:
        on: where.
        seconds: how long.
        slack: by how much delays may be longer, where other work goes on beside it.
    """
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
    queryable_p99_s = round(p99(delays), 3)
    figures = {
        "seconds": seconds,
        "files": len(delays),
        "windows": opened,
        "windows_per_minute_after_two": round(max(0, opened - 2) / minutes, 2),
        "growth_mb": round(grown / 1e6, 2),
        "growth_mb_in_ten_minutes": round(grown / 1e6 * 10 / minutes, 2),
        "queryable_p50_s": round(sorted(delays)[len(delays) // 2], 3),
        "queryable_p99_s": queryable_p99_s,
        "queryable_max_s": round(max(delays), 3),
        "unanswered": files.failures[:3],
    }
    _check(
        figures,
        each_once=not on.loaded_twice(),
        each_question_answered=not files.failures,
        soon=queryable_p99_s <= SEEN_S * slack,
        few_windows=opened <= 2 + WINDOWS_PER_MINUTE * minutes,
        little_growth=grown <= GROWTH_MB * 1e6 * max(minutes / 10, SHORTEST),
    )
    return figures


def idle(on: Soaked, *, seconds: float) -> Figures:
    """Nothing lands: nearly no runs."""
    on.wait_until_quiet()
    on.wait_for_sensor()
    tasks, runs = on.task_runs(), on.started_runs()
    steady_for(seconds)
    tasks, runs = on.task_runs() - tasks, on.started_runs() - runs
    figures = {
        "seconds": seconds,
        "task_runs_per_hour": tasks * 3600 / seconds,
        "flow_runs_per_hour": runs * 3600 / seconds,
    }
    _check(
        figures,
        few_task_runs=figures["task_runs_per_hour"] <= PER_HOUR,
        few_flow_runs=figures["flow_runs_per_hour"] <= PER_HOUR,
    )
    return figures


def outage(on: Soaked, *, seconds: float, pause_s: float = 0.0, before_s: float = 10.0, slack: float = 1.0) -> Figures:
    """The Prefect server ends in the middle of a stream, and comes back.

    Args:
        on: where.
        seconds: how long it is away, and its start.
        pause_s: for how long nothing lands in between.
        before_s: how long the stream runs before; with 0 it begins in the outage, when no window is open.
        slack: as for `stream`.
    """
    run = on.up.owner["run"]
    if not before_s:
        on.wait_until_quiet()
        on.server.kill()
    with on.stream() as files:
        steady_for(before_s)
        if before_s:
            on.server.kill()
        gone = time.monotonic()
        if pause_s:
            steady_for((seconds - pause_s) / 2)
            files.pause()
            steady_for(pause_s)
            files.resume()
        steady_for(gone + seconds - time.monotonic())
        on.server.start()
        until(lambda: on.up.prefect.get("/health"), what="the server answers", patience_s=90)
        back, last = time.monotonic(), max(files.arrivals.closed)
        until(lambda: on.latest_logged() > last, what="a window works", patience_s=90, every_s=0.2)
        window_back_s = time.monotonic() - back
        steady_for(10)
        on.finish(files)
    on.wait_until_quiet()
    meanwhile = {number for number, closed in files.arrivals.closed.items() if gone < closed < back}
    shown, key = max((len(meanwhile & rows), key) for key in _TABLES for rows in _tables(on, key))
    before = files.arrivals.delays_s(until=gone) or files.arrivals.delays_s(back + BACK_S / 2)
    during = files.arrivals.delays_s(gone, back + window_back_s)
    figures = {
        "away_s": round(back - gone, 1),
        "files": len(files.arrivals.closed),
        "files_meanwhile": len(meanwhile),
        "in_one_artifact": shown,
        "artifact": key,
        "queryable_else_max_s": round(max(before), 3) if before else None,
        "queryable_meanwhile_max_s": round(max(during), 3),
        "window_back_s": round(window_back_s, 1),
        "unanswered": files.failures[:3],
    }
    _check(
        figures,
        each_once=not on.loaded_twice(),
        each_question_answered=not files.failures,
        all_shown_in_one_artifact=shown == len(meanwhile),
        still_running=on.up.owner["run"] == run and on.up.prefect.run(run)["state"]["name"] == "Running",
        windows_back=window_back_s <= BACK_S * slack,
        no_later=max(during) <= (max(before) if before else 0.0) + LATER_S * slack,
    )
    return figures


def vacuum(on: Soaked, *, patience_s: float = 60.0) -> Figures:
    """Old windows are deleted while the live run goes on."""
    on.wait_until_quiet()
    run, windows = on.up.owner["run"], on.windows()
    on.age_runs()
    began = time.monotonic()
    until(lambda: not on.windows(), what="the old windows are deleted", patience_s=patience_s, every_s=0.5)
    took_s = time.monotonic() - began
    figures = {"windows_deleted": len(windows), "took_s": round(took_s, 1)}
    _check(
        figures,
        some=bool(windows),
        still_running=on.up.prefect.run(run)["state"]["name"] == "Running" and on.up.owner["run"] == run,
    )
    return figures


def memory(place: Place, *, rounds: int, settled: int, grown_mb: float = GROWN_MB) -> Figures:
    """The same files are corrected again and again: the process grows no further.

    Args:
        place: where `cubefeed watch` runs.
        rounds: how often each file is corrected.
        settled: the round from which on it may not grow.
        grown_mb: by how much it may.
    """
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    _correct(place, 0)
    sizes: list[int] = []
    began = time.monotonic()
    with watching(place) as running, httpx.Client(trust_env=False) as client:
        url = (place.root / "ready").read_text().strip()
        process = psutil.Process(running.process.pid)

        def total_is(number: int) -> bool:
            return CORRECTED * number == int(
                client.get(f"{url}/api/query?measure=Quantity.SUM").json()["rows"][0]["Quantity.SUM"]
            )

        for number in range(1, rounds + 1):
            _correct(place, number)
            until(partial(total_is, number), what=f"correction {number} of every file", every_s=0.01)
            sizes.append(process.memory_info().rss)
    grown = (sizes[-1] - sizes[settled - 1]) / 1e6
    figures = {
        "corrections_of_100_files": rounds,
        "seconds": round(time.monotonic() - began),
        "settled_at": settled,
        "settled_mb": round(sizes[settled - 1] / 1e6, 1),
        "end_mb": round(sizes[-1] / 1e6, 1),
        "grown_mb": round(grown, 1),
        "sampled_mb": [round(size / 1e6, 1) for size in sizes[settled - 1 :: max(1, rounds // 10)]],
    }
    _check(figures, grown_little=grown <= grown_mb)
    return figures


def _correct(place: Place, value: int) -> None:
    """Write every file again, with another value."""
    for number in range(CORRECTED):
        place.drop(f"{number}.csv", f"{HEADER}{number},2030-01-01,p{number},{value}\n")


def _tables(on: Soaked, key: str) -> list[set[int]]:
    """The numbers of the files in each artifact of a key."""
    tables = [json.loads(artifact["data"]) for artifact in on.up.prefect.artifacts(key)]
    return [{int(row["file"].partition(".")[0]) for row in rows} for rows in tables]


def _check(figures: Figures, **facts: bool) -> None:
    """Fail with all figures where a fact does not hold."""
    wrong = [name for name, holds in facts.items() if not holds]
    assert not wrong, f"{', '.join(wrong)}: {figures}"


def _installed(place: Place, scenarios: Mapping[str, Callable[[Soaked], Figures]]) -> Iterator[tuple[str, Figures]]:
    with soaked(place) as on:
        for name, scenario in scenarios.items():
            yield name, _run(name, partial(scenario, on))


def _run(name: str, scenario: Callable[[], Figures]) -> Figures:
    """The figures of a scenario; of one that fails, why."""
    sys.stderr.write(f"{name} …\n")
    try:
        figures = {"holds": True, **scenario()}
    except AssertionError as error:
        figures = {"holds": False, "why": str(error)}
    sys.stderr.write(f"  {figures}\n")
    return figures


def main() -> int:
    """Run every scenario at length, or those named; write the figures and print them. Returns 0 when all hold."""
    named = set(sys.argv[1:])
    results: dict[str, Figures] = json.loads(RESULTS.read_text(encoding="utf-8")) if named else {}
    long = {
        "stream": lambda on: stream(on, seconds=600),
        "idle": lambda on: idle(on, seconds=180),
        "outage of 60 s": lambda on: outage(on, seconds=60),
        "outage of 10 minutes": lambda on: outage(on, seconds=600, pause_s=30),
        "outage before the stream": lambda on: outage(on, seconds=60, before_s=0),
        "vacuum": vacuum,
    }
    chosen = {name: scenario for name, scenario in long.items() if not named or name in named}
    with tempfile.TemporaryDirectory(prefix="soak-") as root:
        results.update(_installed(Place(Path(root)), chosen) if chosen else ())
    with tempfile.TemporaryDirectory(prefix="soak-") as root:
        if not named or "memory" in named:
            results["memory"] = _run("memory", lambda: memory(Place(Path(root)), rounds=2000, settled=200))
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for name, figures in results.items():
        for what, value in figures.items():
            print(f"{name:<26}{what:<32}{value}")
    return 0 if all(figures["holds"] for figures in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
