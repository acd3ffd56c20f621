"""A feed kept live in this process, over real files: what lands, what the cube shows, what the ledger says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.ingest.bootstrap import OpenFeed, open_feed
from flows.ingest.dataset_state import DatasetState
from flows.ingest.disk_warnings import Disks, places
from flows.ingest.feed import Feed
from flows.ingest.status import FeedSource
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.landing.inbox import Inbox
from flows.model.files import shown
from flows.model.query import Query
from flows.settings import Observer, Settings
from flows.store.history import FileRow, file_rows
from flows.store.payload import Kind
from flows.store.reports import Reports
from flows.store.requests import RequestBox
from flows.store.state_directory import StateDirectory

DEADLINE_S = 60.0
SETTLE_S = 0.05

DECLARATION = """
from dataclasses import replace
from cubefeed import *
from flows.datasets.sales import SALES
CHOSEN = replace(SALES, {options})
"""


OTHER_COLUMNS = """
import dataframely as dy
import polars as pl

class Sales(dy.Schema):
    {columns}
"""


def sales(*quantities: int, start: int = 1, day: str = "2021-05-01") -> bytes:
    """A file of sales: IDs from `start` on."""
    rows = "".join(f"{start + index},{day},phone,{quantity}\n" for index, quantity in enumerate(quantities))
    return b"ID,Date,Product,Quantity\n" + rows.encode()


class LiveFeed:
    """One feed and the thread that works for it."""

    def __init__(self, opened: OpenFeed, landing: Path) -> None:
        self.landing = landing
        self.feed: Feed = opened.feed
        self.works: list[Work] = []
        self.outcomes: list[Outcome] = []
        state = StateDirectory(landing.parent / "state")
        self._disks = Disks(places(state), {"landing of sales": landing})
        self._source = FeedSource(opened.feed, opened.owner, Reports(state.reports), self._disks)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="living")

    @property
    def dataset_state(self) -> DatasetState:
        return self.feed.datasets["sales"]

    @property
    def inbox(self) -> Inbox:
        return self.dataset_state.monitor.inbox

    def put(self, name: str | bytes, body: bytes) -> Path:
        """Write a file in place, as most programs do."""
        file = self.landing / os.fsdecode(name)
        file.write_bytes(body)
        return file

    def quantities(self, by: str = "ID") -> dict[Any, int]:
        """The sum of quantities in the cube by one level."""
        frame = self.feed.cube.query(Query("sales", ("Quantity.SUM",), (by,)))
        return dict(zip(frame[by].to_list(), frame["Quantity.SUM"].to_list(), strict=True))

    def files(self) -> list[FileRow]:
        """What each path shows now and what is in the cube, the newest first."""
        return file_rows(self.feed.ledger, dataset="sales", current_only=True, limit=100_000)

    def file(self, name: str | bytes) -> FileRow | None:
        """What a path shows now."""
        return next((row for row in self.files() if row.file == shown(os.fsencode(name))), None)

    def state_of(self, name: str | bytes) -> str | None:
        row = self.file(name)
        return row.state if row else None

    def waits(self, name: str | bytes) -> str | None:
        """What a file waits for."""
        return self.inbox.list_waiting().get(os.fsencode(name))

    def outcome_states(self, name: str | bytes) -> list[str]:
        """The states that a file's outcomes had, in order."""
        return [
            file.state for outcome in self.outcomes for file in outcome.files if file.file == shown(os.fsencode(name))
        ]

    def status(self) -> dict[str, Any]:
        """What `cubefeed status` shows of the dataset."""
        status: dict[str, Any] = self._source.status()["datasets"]["sales"]
        return status

    def overview(self) -> dict[str, Any]:
        """What the live page shows around the pivots."""
        return self._source.overview()

    def waiting(self) -> list[dict[str, Any]]:
        """What `cubefeed files` says of files that wait."""
        return self._source.waiting_files("sales")

    def warnings(self) -> list[str]:
        """What `cubefeed status` warns of."""
        return [disk["warning"] for disk in self._source.status()["disks"] if disk["warning"]]

    def complaints(self) -> list[str]:
        """What `cubefeed status --check` says."""
        return self._source.complaints()

    def look(self) -> None:
        """List the directory and wait until all that is complete is worked on."""
        self.inbox.rescan()
        self.wait_until(lambda: not {"to settle", "its turn"} & set(self.inbox.list_waiting().values()))

    def wait_until(self, condition: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
        """Return once a condition is true and no work is under way.

        When that does not come in time, fail with all there is to know.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.outcomes) < len(self.works) or not condition():
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > deadline:
                files = [(row.file, row.state, row.reason, row.current) for row in self.files()[:20]]
                pytest.fail(
                    f"not within {timeout_s:g} s: cube {str(self.quantities())[:500]}, files {files}, "
                    f"waiting {list(self.inbox.list_waiting().items())[:20]}, problem {self.inbox.problem}, "
                    f"outcomes {[(f.file, f.state, f.reason) for o in self.outcomes[-20:] for f in o.files[:20]]}"
                )
            time.sleep(0.005)

    def wait_for(self, quantities: dict[Any, int], by: str = "ID") -> None:
        """Wait until the cube shows exactly these."""
        self.wait_until(lambda: self.quantities(by) == quantities)

    def wait_for_state(self, name: str | bytes, state: str) -> None:
        """Wait until what a path shows now is in this state."""
        self.wait_until(lambda: self.state_of(name) == state)

    def start(self) -> None:
        self.feed.rebuild()
        self.feed.health.begin_live()
        self._thread.start()

    def stop(self) -> None:
        self._disks.close()
        self.feed.stop()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self.feed.stopping:
                work = self.feed.detect(0.1)
                while work is not None:
                    self.works.append(work)
                    validated = self.feed.validate(work)
                    self.outcomes.append(self.feed.append(validated))
                    work = validated.rest if isinstance(validated, CheckedBatch) else None
        except BaseException as failure:
            self._failure = failure


def declare(
    root: Path,
    *,
    observer: Observer = "native",
    settle_s: float = SETTLE_S,
    columns: str | None = None,
    derived: str | None = None,
    **options: object,
) -> Settings:
    """Write a declaration of the sales, and say where it is: `options` replace those of the dataset, `columns` those of
    its schema, and `derived` adds others, both as they are written in it."""
    declaration = root / "declaration.py"
    written = ", ".join(f"{name}={value!r}" for name, value in options.items())
    written = f"schema=Sales, {written}" if columns is not None else written
    written = f"columns={derived}, {written}" if derived is not None else written
    other = OTHER_COLUMNS.format(columns=columns) if columns is not None else ""
    declaration.write_text(other + DECLARATION.format(options=written), encoding="utf-8")
    return Settings(
        state=root / "state",
        datasets=f"{declaration}:CHOSEN",
        landing=root / "landing",
        observer=observer,
        settle_s=settle_s,
    )


@contextmanager
def running(opened: OpenFeed, landing: Path) -> Iterator[LiveFeed]:
    """A feed that was opened, kept live meanwhile."""
    living = LiveFeed(opened, landing)
    living.start()
    try:
        yield living
    finally:
        living.stop()


@contextmanager
def live(
    root: Path,
    observer: Observer,
    *,
    settle_s: float = SETTLE_S,
    make_landing: bool = True,
    columns: str | None = None,
    derived: str | None = None,
    **options: object,
) -> Iterator[LiveFeed]:
    """Keep the sales in `root`/landing live, declared as `declare` says. A leak fails the test."""
    landing = root / "landing"
    if make_landing:
        landing.mkdir(exist_ok=True)
    settings = declare(root, observer=observer, settle_s=settle_s, columns=columns, derived=derived, **options)
    threads, handles = set(threading.enumerate()), _inotify_handles()
    with open_feed(settings) as opened, running(opened, landing) as living:
        yield living
    leaked = set(threading.enumerate()) - threads
    assert not leaked, f"threads were left behind: {leaked}"
    assert _inotify_handles() == handles, "an inotify handle was left behind"


def _inotify_handles() -> int:
    folder = "/proc/self/fd"
    targets = []
    for handle in os.listdir(folder):
        try:
            targets.append(os.readlink(f"{folder}/{handle}"))
        except FileNotFoundError:
            continue
    return sum(target.endswith("inotify") for target in targets)


def ask(living: LiveFeed, kind: Kind, *paths: str, **payload: object) -> dict[str, Any]:
    """Leave a request as another process does, and wait for its answer."""
    box = RequestBox(living.feed.ledger)
    try:
        request = box.leave("sales", kind, {"paths": list(paths), **payload})
        return box.wait(request, timeout_s=20, owner_alive=lambda: True)
    finally:
        box.close()


def pause(seconds: float) -> None:
    """What a slow writer does between two writes, and who sees that nothing comes of something."""
    time.sleep(seconds)


type Start = Callable[..., LiveFeed]
"""Starts a live feed of the sales, with options of its dataset."""
