"""The owner's work on all datasets: what to do next, doing it, and what came of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.app.appending import Appender, NotStaged
from flows.app.asking import Asking, day_of
from flows.app.checking import check_work
from flows.app.days import Days
from flows.app.mending import Mended, Mender
from flows.app.work import Outcome, Validated, Work
from flows.core.dataset import Dataset
from flows.cube.port import Cube, LiveSegment
from flows.landing.lookout import Lookout
from flows.store.backup import make_backup
from flows.store.ledger import Ledger
from flows.store.quarantine import Quarantine
from flows.store.requests import Kind, Request, RequestBox
from flows.store.segments import Segments
from flows.store.staging import mark_loaded
from flows.store.upkeep import horizon_of, keys_differ

log = logging.getLogger(__name__)

BATCH_FILES = 10_000
BATCH_BYTES = 16 << 20
"""A batch is one transaction: large enough to be cheap per row, small enough to be seen soon."""
REQUEST_POLL_S = 0.1
RETRY_S = 10.0
"""How long a dataset that could not load is left alone before it is tried again."""

Progress = Callable[[str, int, int], None]
"""Called with a dataset's name, how much is done, and of how much."""


@dataclass
class Desk:
    """One dataset at work."""

    dataset: Dataset
    lookout: Lookout
    degraded: str | None = None
    mended: Mended = field(default_factory=Mended)
    retry_at: float = 0.0
    last: Outcome | None = None
    recent: deque[Outcome] = field(default_factory=lambda: deque(maxlen=100))


class Feed:
    """Keeps one cube live. `detect`, `validate` and `append` may each run in a thread of their own."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        *,
        cube: Cube,
        ledger: Ledger,
        segments: Segments,
        quarantine: Quarantine,
        requests: RequestBox,
        backups: Path,
        wake: threading.Event,
    ) -> None:
        self.desks = dict(desks)
        self.cube = cube
        self.ledger = ledger
        self.segments = segments
        self.quarantine = quarantine
        self.listeners: list[Callable[[Outcome], None]] = []
        self._backups = backups
        self._wake = wake
        self._stopping = threading.Event()
        self._appender = Appender(ledger, segments, quarantine, cube)
        self._asking = Asking(self.desks, ledger, segments, requests)
        self._mender = Mender(ledger, segments, quarantine)
        self._days = Days(self, self._appender, backups)
        self._turn = 0

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """End `detect`, from any thread."""
        self._stopping.set()
        self._wake.set()

    def rebuild(self, progress: Progress | None = None) -> None:
        """Mend the segments and fill the cube from them; then everything staged is loaded."""
        held = {}
        for number, (name, desk) in enumerate(self.desks.items()):
            if progress:
                progress(name, number, len(self.desks))
            desk.mended = self._mender.mend(desk.dataset)
            desk.lookout.inbox.know(self.ledger.signatures(name))
            held[name] = self.rebuild_table(name, keys_differ=keys_differ(self.ledger, name))
        mark_loaded(self.ledger, held)

    def rebuild_table(self, name: str, *, keys_differ: bool = False) -> int:
        """Fill one table from the live rows of its segments, of which none covers another where all keys differ.
        Returns its rows."""
        dataset = self.desks[name].dataset
        parts = self._appender.parts(dataset, self.ledger.live(name))
        live = [LiveSegment(part.path, part.places) for part in parts]
        horizon = horizon_of(self.ledger, dataset)
        rows = self.cube.rebuild(dataset.table.name, live, horizon, keys_differ=keys_differ)
        log.info("%s: %s rows rebuilt from %s segments", name, f"{rows:,}", len(parts))
        return rows

    def detect(self, timeout_s: float) -> Work | None:
        """Wait for work: a request, or files that are settled or gone. None when the time is over."""
        deadline = time.monotonic() + timeout_s
        while not self.stopping:
            work = self.poll()
            if work is not None:
                return work
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            due = min(self._due_s(desk) for desk in self.desks.values())
            self._wake.wait(min(left, due, REQUEST_POLL_S))
        return None

    def _due_s(self, desk: Desk) -> float:
        """Seconds until a dataset wants to be looked at again."""
        return max(desk.lookout.next_due_s(), desk.retry_at - time.monotonic())

    def poll(self) -> Work | None:
        """The next work that is ready now, from each dataset in turn."""
        self._wake.clear()
        request = self._asking.next_work(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
        if request is not None:
            return request
        for desk in self._in_turn():
            if time.monotonic() < desk.retry_at:
                continue
            desk.lookout.tick()
            found = desk.lookout.inbox.settled(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
            if found.landed or found.gone:
                return Work(desk.dataset.name, *found)
        return None

    def waiting(self) -> int:
        """How many files wait in all datasets."""
        return sum(len(desk.lookout.inbox.waiting()) for desk in self.desks.values())

    def validate(self, work: Work) -> Validated | Outcome:
        """Read and check the files of a piece of work; or an outcome, where that fails as a whole."""
        desk = self.desks[work.dataset]
        try:
            return check_work(desk.dataset, work, self.ledger)
        except Exception as error:
            return self._degrade(desk, work, error)

    def append(self, validated: Validated | Outcome) -> Outcome:
        """Bring validated work into the cube and record it.

        Raises:
            Exception: the cube or the ledger failed; the session must end, and the next start rebuilds.
        """
        if isinstance(validated, Outcome):
            return validated
        desk, work = self.desks[validated.work.dataset], validated.work
        try:
            outcome = self._appender.append(desk.dataset, validated)
        except NotStaged as error:
            return self._degrade(desk, work, error.__cause__ or error)
        if not (work.request and work.request.payload.get("dry_run")):
            desk.lookout.inbox.judged(validated.signatures, work.gone)
        else:
            desk.lookout.inbox.release(list(validated.reads))
        desk.lookout.inbox.release(validated.unread)
        desk.degraded = None
        if work.request is not None and not work.more:
            outcome = replace(outcome, answer=self._answer(desk, work.request))
        self._note(desk, outcome)
        if work.request is not None:
            tell = self._asking.finish_part if work.more else self._asking.finish
            tell(work.request, outcome)
        if outcome.batch is not None:
            self._appender.compact_if_crowded(desk.dataset)
        return outcome

    def _answer(self, desk: Desk, request: Request) -> dict[str, Any]:
        """What a request asks for besides its files."""
        try:
            return self._do(desk, request.kind, request.payload)
        except Exception as error:
            self._asking.fail(request, error)
            raise

    def _do(self, desk: Desk, kind: Kind, payload: Mapping[str, Any]) -> dict[str, Any]:
        dataset, dry_run = desk.dataset, bool(payload.get("dry_run"))
        if kind == "verify" or (kind == "rebuild" and dry_run):
            return {"verify": self._days.verify(dataset, deep=bool(payload.get("deep")))}
        if kind == "rebuild":
            return {"rows": self.rebuild_table(dataset.name)}
        if kind == "unload" and not dry_run:
            make_backup(self.ledger.file, self._backups)  # no segment says that these rows have left
        if kind == "close-day":
            as_of = datetime.fromisoformat(payload["as_of"]) if "as_of" in payload else None
            return self._days.close(dataset, desk.lookout.inbox, as_of=as_of, run=payload.get("run"))
        if kind == "report":
            return {"report": self._days.report(dataset, desk.lookout.inbox, day_of(payload))}
        return {}

    def _note(self, desk: Desk, outcome: Outcome) -> None:
        files, more = outcome.named()
        for file in files:
            level = logging.WARNING if file.state == "quarantined" else logging.INFO
            why = f": {file.reason}" if file.reason else ""
            log.log(level, "%s: %s %s, %s rows%s", desk.dataset.name, file.file, file.state, f"{file.rows:,}", why)
        if more:
            log.info("%s: and %s more files", desk.dataset.name, f"{more:,}")
        loaded = {file.file for file in outcome.files if file.state == "loaded"}
        desk.mended.lost = [name for name in desk.mended.lost if name not in loaded]
        if outcome.files:
            desk.last = outcome
            desk.recent.append(outcome)
        for listener in self.listeners:
            listener(outcome)

    def _degrade(self, desk: Desk, work: Work, error: BaseException) -> Outcome:
        desk.degraded = f"{type(error).__name__}: {error}"
        desk.retry_at = time.monotonic() + RETRY_S
        log.exception("%s cannot load; the other datasets go on. It is tried again in %g s", work.dataset, RETRY_S)
        desk.lookout.inbox.release([*(landed.path for landed in work.landed), *work.gone])
        outcome = Outcome(work.dataset)
        if work.request is not None:
            self._asking.fail(work.request, error)
        return outcome

    def _in_turn(self) -> Iterator[Desk]:
        desks = list(self.desks.values())
        self._turn = (self._turn + 1) % len(desks)
        yield from desks[self._turn :] + desks[: self._turn]
