"""kill -9 at every named point of the commit order, twice in a row, and at random moments."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.ingest.bootstrap import open_feed
from flows.ingest.feed import Feed
from flows.ingest.verification import verify
from flows.model.query import Query
from flows.settings import Observer, Settings
from flows.store.history import file_rows
from flows.store.ledger_file import open_ledger
from flows.store.requests import RequestBox
from tests.integration.ingest.kill_points import COMPACTING, POINTS
from tests.repository import ROOT

OBSERVERS: tuple[Observer, ...] = ("native", "polling")
"""In turn, so that every kill is followed by a start with the other one."""
RANDOM_KILLS = 20
DEEP_KILLS = 200
READY_S = 60.0


class Installation:
    """A landing directory, a state directory, and what the cube must show."""

    def __init__(self, root: Path) -> None:
        self.landing, self.state = root / "landing", root / "state"
        self.landing.mkdir()
        self.ready = root / "ready"
        self.quantities: dict[str, int] = {}
        self.written = 0

    def write(self, name: str, quantity: int) -> None:
        """Put a file with one row into place, by rename."""
        number = int(name.removesuffix(".csv").removeprefix("f"))
        partial = self.landing / f"{name}.tmp"
        partial.write_text(f"ID,Date,Product,Quantity\n{number},2021-05-01,mouse,{quantity}\n")
        partial.rename(self.landing / name)
        self.quantities[name] = quantity

    def start(self, observer: Observer, *, dying_at: str | None = None) -> subprocess.Popen[bytes]:
        """Start the watch loop, as a process that dies at a point or as the ordinary one."""
        module = ["tests.integration.ingest.kill_points", dying_at] if dying_at else ["flows.cli.main"]
        arguments = ["watch", "--dataset", "sales", "--landing", str(self.landing), "--state", str(self.state)]
        arguments += ["--observer", observer, "--settle", "0.05", "--ready-file", str(self.ready)]
        self.ready.unlink(missing_ok=True)
        log = (self.state.parent / "log").open("ab")
        with log:
            return subprocess.Popen([sys.executable, "-m", *module, *arguments], cwd=ROOT, stdout=log, stderr=log)

    def ask_to_close_the_day(self) -> None:
        """Leave the request for the next start."""
        ledger = open_ledger(self.state / "ledger.db")
        requests = RequestBox(ledger)
        requests.leave("sales", "close-day", {})
        requests.close()
        ledger.close()

    def segments(self) -> set[str]:
        """The names of all files among the segments."""
        return {file.name for file in (self.state / "segments").iterdir()}

    def check(self) -> None:
        """Start once more, in this process, and compare everything."""
        with open_feed(Settings(state=self.state, landing=self.landing, settle_s=0.0)) as opened:
            feed = opened.feed
            feed.rebuild()
            deadline = time.monotonic() + 20
            requests = feed.requests._requests
            requested = False
            while requests.open_requests() or feed.waiting() or self.found(feed) != sum(self.quantities.values()):
                work = feed.detect(0.2)
                if work is not None:
                    feed.append(feed.validate(work))
                elif not requested and (aside := self.set_aside(feed)):
                    requests.leave("sales", "load", {"paths": aside})
                    requested = True
                assert time.monotonic() < deadline, (self.found(feed), sum(self.quantities.values()))
            state = feed.datasets["sales"]
            parts = feed.appender.live.all(state.dataset)
            difference = verify(state.dataset.table, feed.cube, parts)
            assert (difference["missing"], difference["extra"]) == (0, 0), difference
            rows = file_rows(feed.ledger, current_only=True, limit=100_000)
            assert {row.file: row.state for row in rows} == dict.fromkeys(self.quantities, "loaded")

    def set_aside(self, feed: Feed) -> list[str]:
        """Files that were alone in hand at a third kill in a row: who kills has to ask for them."""
        rows = file_rows(feed.ledger, current_only=True, limit=100_000)
        return [row.file for row in rows if row.first_finding is not None and row.first_finding.rule == "process"]

    def found(self, feed: object) -> int | None:
        frame = feed.cube.query(Query("sales", ("Quantity.SUM",)))  # type: ignore[attr-defined]
        value: int | None = frame["Quantity.SUM"][0]
        return value


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_point_of_the_commit_order_loses_nothing(installation: Installation, point: str) -> None:
    for number in range(3):
        installation.write(f"f{number}.csv", number + 1)
    for round_, observer in enumerate(OBSERVERS):
        process = installation.start(observer, dying_at=point)
        assert process.wait(60) == -signal.SIGKILL, (installation.state.parent / "log").read_text()
        installation.write("f1.csv", 10 + round_)
    installation.check()


@pytest.mark.slow
@pytest.mark.parametrize(("point", "observer"), [*zip(COMPACTING, itertools.cycle(OBSERVERS), strict=False)])
def test_a_kill_during_compaction_loses_nothing(installation: Installation, point: str, observer: Observer) -> None:
    for number in range(3):
        installation.write(f"f{number}.csv", number + 1)
    installation.check()
    for number in range(1, 3):
        installation.write(f"f{number}.csv", 10 * number)
    installation.check()
    first, _ = sorted(installation.segments())
    installation.ask_to_close_the_day()
    process = installation.start(observer, dying_at=point)
    assert process.wait(60) == -signal.SIGKILL, (installation.state.parent / "log").read_text()
    installation.write("f3.csv", 4)
    installation.check()
    installation.ask_to_close_the_day()
    installation.check()
    left = installation.segments()
    # Decisions of segments that the first one had merged already are carried once more, by a segment without rows.
    expected = 4 if point == "ledger points to it" else 3
    assert first not in left and len(left) == expected, "the compaction was not done again, or left something behind"


def kill_at_random_moments(installation: Installation, kills: int, seed: int) -> None:
    """Kill half of the processes some time after their start, the others some time after they are live."""
    chance = random.Random(seed)
    for kill in range(kills):
        process = installation.start(OBSERVERS[kill % 2])
        in_start, live = kill % 4 < 2, False
        begun = time.monotonic()
        end = begun + chance.uniform(1.0, 2.5) if in_start else begun + READY_S
        while time.monotonic() < end and process.poll() is None:
            if not in_start and not live and installation.ready.exists():
                live, end = True, time.monotonic() + chance.uniform(0, 1.0)
            installation.written += 1
            name = f"f{chance.randint(0, installation.written)}.csv"
            installation.write(name, installation.written)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.05))
        process.kill()
        assert live or in_start, "it never said that the initial load was done"
        assert process.wait(10) == -signal.SIGKILL, (installation.state.parent / "log").read_text()
    installation.check()


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(installation: Installation) -> None:
    kill_at_random_moments(installation, RANDOM_KILLS, seed=1)


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_very_many_kills_at_random_moments_lose_nothing(installation: Installation) -> None:
    kill_at_random_moments(installation, DEEP_KILLS, seed=2)
