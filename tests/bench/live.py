"""Rows on a real live session: `cubefeed up`, with its Prefect server, beside the guide."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from statistics import median

import psutil

from tests.bench.apart import QUIET
from tests.bench.arrivals import PATIENCE_S, GuideSide, OurSide, guide_on, idle_cpu, in_turn
from tests.bench.files import write_small_files
from tests.bench.ours import DECLARED
from tests.bench.rows import Measured
from tests.bench.soak_installation import steady_for
from tests.bench.workspace import Workspace, say
from tests.e2e.program import Installation, Place, installation, started
from tests.waiting import until

FEW, MANY = 1_000, 100_000
TIMES = 100
POLLED_TIMES, MANY_TIMES = 24, 8
IDLE_S = 60.0
"""Long enough to hold two or three of the listings that a watched directory of this size gets all the same."""
WINDOW_S = 12.0
"""The window of the last arrivals is closed by then."""
GUIDE_S = (0.4, 0.7)
"""Where the guide's median must lie among 1,000 files; elsewhere something else was measured."""


def arrivals(on: Workspace) -> Iterator[Measured]:
    """One file at a time among 1,000, with the native observer."""
    few = on.scaled(FEW)
    with _both(on, "native", few) as (_, ours, guide):
        ours_s, guide_s = in_turn(ours, guide, on.scaled(TIMES, least=10))
        yield Measured("arrival", ours_s, guide_s, {"files": few}, _judge_guide(guide_s))
        yield Measured("arrival-p99", [_p99(ours_s)], [median(guide_s)], {"files": few}, f"of {len(ours_s)} files")


def crowd(on: Workspace) -> Iterator[Measured]:
    """One file at a time among 100,000, and nothing at all; in the session that has met the first 1,000, if there is
    one."""
    many = on.scaled(MANY)
    with _both(on, "native", many) as (live, ours, guide):
        ours_s, guide_s = in_turn(ours, guide, on.scaled(MANY_TIMES, least=4))
        yield Measured("arrival-100k", ours_s, guide_s, {"files": many})
        yield _idle(on, live, guide, many)


def polled(on: Workspace) -> Iterator[Measured]:
    """One file at a time among 1,000, with the polling observer on both sides."""
    few = on.scaled(FEW)
    with _both(on, "polling", few) as (_, ours, guide):
        ours_s, guide_s = in_turn(ours, guide, on.scaled(POLLED_TIMES, least=6))
        yield Measured("arrival-polling", ours_s, guide_s, {"files": few}, _judge_guide(guide_s))


def _idle(on: Workspace, live: Installation, guide: GuideSide, files: int) -> Measured:
    steady_for(WINDOW_S)
    server = [p for p in live.place.processes() if "server" in " ".join(p.cmdline()) and "prefect" in str(p.cmdline())]
    processes = [live.owner_process, psutil.Process(guide.process.pid), *server]
    own, guides, *servers = idle_cpu(processes, seconds=IDLE_S if on.scale == 1 else IDLE_S / 12)
    note = f"the session's process; Prefect's server beside it takes {sum(servers):.3f} cores"
    return Measured("idle-cpu-100k", [own], [guides], {"files": files}, note)


def _judge_guide(guide_s: list[float]) -> str:
    low, high = GUIDE_S
    found = median(guide_s)
    if low <= found <= high:
        return ""
    say(f"  VOID: the guide's median is {found:.3f} s, not within {low}–{high} s")
    return f"void: the guide's median is {found:.3f} s"


def _p99(delays: list[float]) -> float:
    return sorted(delays)[ceil(0.99 * len(delays)) - 1]


@contextlib.contextmanager
def _both(on: Workspace, observer: str, files: int) -> Iterator[tuple[Installation, OurSide, GuideSide]]:
    """Both sides on directories of their own with as many files; our session may go on from the group before."""
    root = on.root / f"live-{observer}"
    for name in ("landing", "guide"):
        there = len(list((root / name).glob("sales_*.csv"))) if (root / name).exists() else 0
        write_small_files(root / name, files=files - there, rows=1, first=there)
    live = on.live = on.live or on.stack.enter_context(_up(root, observer))
    with (
        guide_on(root / "guide") as guide,
        contextlib.closing(OurSide(live.owner["url"], root / "landing")) as ours,
    ):
        until(lambda: ours.rows() >= files, what="all files are loaded", patience_s=PATIENCE_S)
        ours.delay_s()
        guide.delay_s()
        yield live, ours, guide


@contextlib.contextmanager
def _up(root: Path, observer: str) -> Iterator[Installation]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = Place(root, environment={
        **QUIET,
        "CUBEFEED_DATASETS": DECLARED,
        "CUBEFEED_LANDING": str(root / "landing"),
        "CUBEFEED_OBSERVER": observer,
        "CUBEFEED_PREFECT_PORT": str(port),
    })  # fmt: skip
    with started(place, "up") as running:
        try:
            yield installation(running, place)
        finally:  # at once, since nothing of it is kept
            running.end(signal.SIGKILL)
            for process in place.processes():
                process.kill()
