"""The owner's work on all datasets: what to do next, doing it, and what came of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.cube.port import Cube, LiveSegment
from flows.errors import CubefeedError, RequestFailed
from flows.ingest.business_days import Days
from flows.ingest.checks import check_work
from flows.ingest.commit import Appender, Commit
from flows.ingest.dataset_state import Desk, Unfilled
from flows.ingest.outcome_log import OutcomeLog
from flows.ingest.repair import Mender
from flows.ingest.request_handlers import Asking
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.landing.file_states import ClaimedFiles
from flows.landing.mount_thread import MountThread
from flows.model.lifecycle import PathFacts
from flows.runtime.boundaries import DatasetFailed, RequestLost, Scope, boundary, describe
from flows.runtime.health import Health
from flows.runtime.progress import Show, progress_here, progress_shown_by
from flows.store.allowance import Allowance
from flows.store.backup import make_backup
from flows.store.batches import mark_loaded
from flows.store.crashes import Crashes
from flows.store.expiry import Expiry
from flows.store.hold import Hold
from flows.store.ledger import Ledger
from flows.store.payload import Kind, Payload
from flows.store.quarantine import Quarantine
from flows.store.requests import Request, RequestBox
from flows.store.segments import Segments
from flows.store.upkeep import horizon_of, keys_differ, live_rows
from flows.text.plural import counted

log = logging.getLogger(__name__)

BATCH_FILES = 10_000
BATCH_BYTES = 16 << 20
"""A batch is one transaction: large enough to be cheap per row, small enough to be seen soon."""
REQUEST_POLL_S = 0.1
DETECTING = "detecting files"

Progress = Callable[[str, int, int], None]
"""Called with a dataset's name, how much is done, and of how much."""


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
        health: Health | None = None,
        hold: Hold | None = None,
        crashes: Crashes | None = None,
    ) -> None:
        self.desks = dict(desks)
        self.cube = cube
        self.ledger = ledger
        self.segments = segments
        self.quarantine = quarantine
        self.listeners: list[Callable[[Outcome], None]] = []
        self._backups = backups
        self._wake = wake
        self.health = health or Health()
        self.health.on_end(wake.set)
        self.health.on_live(self._forget_absent)
        self._hold = hold or Hold()
        self.crashes = crashes or Crashes()
        self._alone: deque[Work] = deque()
        self._further: deque[Work] = deque()
        self._appender = Appender(ledger, segments, quarantine, cube)
        self._asking = Asking(self.desks, ledger, segments, requests, self.crashes)
        self._mender = Mender(ledger, segments, quarantine, self.crashes)
        self._allowance = Allowance(ledger, quarantine)
        self._expiry = Expiry(ledger)
        self._log = OutcomeLog()
        self._days = Days(self, self._appender, self.crashes, backups)
        self._turn = 0

    @property
    def stopping(self) -> bool:
        return self.health.stopping.is_set()

    def stop(self) -> None:
        """End `detect`, from any thread."""
        self.health.stop()

    def rebuild(self, progress: Progress | None = None) -> None:
        """Mend the segments and fill the cube from them; then everything staged is loaded.

        A dataset of which that fails is degraded, and tried again later.
        """
        for desk in self.desks.values():
            self._fill(desk, progress)

    def _fill(self, desk: Desk, progress: Progress | None = None) -> Outcome:
        """Mend a dataset's segments and fill its table; `progress` is told of its rows."""
        name = desk.dataset.name
        try:
            with boundary(Scope.DATASET):
                desk.mended = self._mender.mend(desk.dataset, desk.monitor.read_thread)
                desk.monitor.inbox.reset(self.ledger.signatures(name))
                rows = live_rows(self.ledger, name)
                differ = keys_differ(self.ledger, name, rows)
            with progress_shown_by(_counted(name, rows, progress)):
                held = self.rebuild_table(name, keys_differ=differ)
            with boundary(Scope.CUBE):
                mark_loaded(self.ledger, {name: held})
        except DatasetFailed as failed:
            return self._degrade(desk, Work(name), failed)
        desk.filled = True
        self._appender.unapplied.discard(name)
        return self._recover(desk)

    def rebuild_table(self, name: str, *, keys_differ: bool = False) -> int:
        """Fill one table from the live rows of its segments, of which none covers another where all keys differ.
        Returns its rows."""
        dataset = self.desks[name].dataset
        with self.segments.reading():
            parts = self._appender.live.parts(name, self.ledger.live(name))
            live = [LiveSegment(part.path, part.places) for part in parts]
            horizon = horizon_of(self.ledger, dataset)
            with boundary(Scope.CUBE):
                rows = self.cube.rebuild(dataset.table.name, live, horizon, keys_differ=keys_differ)
        log.info("%s: %s rebuilt from %s", name, counted(rows, "row"), counted(len(parts), "segment"))
        return rows

    def detect(self, timeout_s: float) -> Work | None:
        """Wait for work: a request, or files that are settled or gone. None when the time is over."""
        deadline = time.monotonic() + timeout_s
        while not self.stopping:
            self.health.beat(DETECTING)
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
        return max(desk.monitor.next_due_s(), desk.retry_at - time.monotonic())

    def find_work(self) -> Work | None:
        """The next work that is ready now; the looks that are under way are waited for."""
        while (work := self.poll()) is None and any(self._is_looking(desk) for desk in self.desks.values()):
            self.health.beat(DETECTING)
            self._wake.wait(REQUEST_POLL_S)
        return work

    def _is_looking(self, desk: Desk) -> bool:
        return desk.monitor.is_scanning and not desk.is_left_alone and not self.stopping

    def poll(self) -> Work | None:
        """The next work that is ready now, from each dataset in turn.

        Raises:
            StateError: the state directory is another one now.
        """
        self._wake.clear()
        self._hold.require_ours()
        request = self._asking.next_work(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
        if request is not None:
            return request
        further = self._next_of(self._further)
        if further is not None:
            return further
        for desk in self._in_turn():
            if desk.is_left_alone:
                continue
            if not desk.filled:
                desk.await_filling()
                return Work(desk.dataset.name, fill=True)
            work = self._look(desk)
            if work is not None:
                return work
        return self._next_of(self._alone)

    def _look(self, desk: Desk) -> Work | None:
        """What is settled or gone in a landing directory."""
        inbox = desk.monitor.inbox
        try:
            with boundary(Scope.DATASET):
                self._hold.require_there()
                found = desk.monitor.claim_settled(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
        except DatasetFailed as failed:
            self._degrade(desk, Work(desk.dataset.name), failed)
            return None
        if found.settled or found.deleted:
            return self._work_of(desk, found)
        if desk.degraded is not None and not inbox.list_waiting():
            self._recover(desk)
        return None

    def _work_of(self, desk: Desk, found: ClaimedFiles) -> Work | None:
        """Work on what was found; files that may end the process come after all others, each by itself."""
        name = desk.dataset.name
        apart = self.crashes.to_read_alone(desk.dataset, found.settled)
        if not apart:
            return Work(name, *found)
        self._alone.extend(Work(name, (landed,)) for landed in found.settled if landed.path in apart)
        others = tuple(landed for landed in found.settled if landed.path not in apart)
        return Work(name, others, found.deleted, found.missing) if others or found.deleted else None

    def _next_of(self, waiting: deque[Work]) -> Work | None:
        """The first that waits there for a dataset that can load."""
        ready = (work for work in list(waiting) if not self.desks[work.dataset].is_left_alone)
        work = next(ready, None)
        if work is not None:
            waiting.remove(work)
        return work

    def mount(self, name: str) -> MountThread:
        """Where the files of a dataset are read."""
        return self.desks[name].monitor.read_thread

    def waiting(self) -> int:
        """How many files wait in all datasets."""
        return sum(len(desk.monitor.inbox.list_waiting()) for desk in self.desks.values())

    def validate(self, work: Work) -> CheckedBatch | Outcome:
        """Read and check the files of a piece of work; or an outcome, where that fails as a whole."""
        desk = self.desks[work.dataset]
        held = self.crashes.hold(desk.dataset, work.landed)
        try:
            with boundary(Scope.DATASET):
                validated = check_work(desk.dataset, work, self.ledger, desk.monitor.read_thread, held)
        except DatasetFailed as failed:
            held.release()
            return self._degrade(desk, work, failed)
        held.keep(validated.work.landed)
        return validated

    def append(self, validated: CheckedBatch | Outcome) -> Outcome:
        """Bring validated work into the cube and record it.

        Raises:
            SessionFailed: the cube or the ledger failed; the session must end, and the next start rebuilds.
        """
        if isinstance(validated, Outcome):
            return validated
        commit = self._append(validated)
        if commit.outcome.problem is None:
            validated.held.release(recorded=commit.batch.reads)
            self.crashes.forget(commit.outcome.dataset, validated.work.gone)
        else:
            validated.held.release()
        if commit.further is not None:
            self._further.append(commit.further)
            self._wake.set()
        return commit.outcome

    def _append(self, batch: CheckedBatch) -> Commit:
        desk, work = self.desks[batch.work.dataset], batch.work
        if work.fill:
            return Commit(batch, self._fill(desk))
        try:
            with boundary(Scope.DATASET):
                desk.require_filled()
            commit = self._appender.append(desk.dataset, batch)
        except DatasetFailed as failed:
            return Commit(batch, self._degrade(desk, work, failed))
        return replace(commit, outcome=self._record(desk, commit))

    def _record(self, desk: Desk, commit: Commit) -> Outcome:
        """What a batch has done is known to the inbox, to who asked, and to who listens."""
        batch, outcome, work = commit.batch, commit.outcome, commit.batch.work
        if not outcome.dry_run:
            desk.monitor.inbox.record(batch.signatures, work.gone)
        else:
            desk.monitor.inbox.release(list(batch.reads))
        desk.monitor.inbox.release(batch.unread)
        desk.recover()
        if work.request is not None:
            outcome = self._answer(desk, work, work.request, outcome)
        self._note(desk, outcome)
        if outcome.batch is not None:
            self._appender.compact_if_crowded(desk.dataset)
        self._tidy(desk, commit.touched, outcome.batch)
        return outcome

    def _forget_absent(self) -> None:
        """Once all that lay there was read, what was to be read alone and was not found has gone."""
        for name, desk in self.desks.items():
            inbox = desk.monitor.inbox
            if inbox.problem is None and desk.degraded is None:
                self.crashes.forget_absent(name, inbox.list_waiting())

    def _tidy(self, desk: Desk, touched: Sequence[PathFacts], batch: int | None) -> None:
        """Free what nobody needs any more of what was refused, and of the ledger; what hinders that can wait until the
        next time."""
        try:
            with boundary(Scope.DATASET):
                certain = desk.monitor.inbox.problem is None
                self._allowance.after_batch(desk.dataset, touched, certain=certain)
            if batch is not None:
                with boundary(Scope.CUBE):
                    self._expiry.after_batch(batch)
        except DatasetFailed as failed:
            log.warning("%s: what is superfluous stays for now: %s", desk.dataset.name, failed)

    def _answer(self, desk: Desk, work: Work, request: Request, outcome: Outcome) -> Outcome:
        """Do what a request asks for besides its files, and answer it; it fails with whatever that raises."""
        try:
            with boundary(Scope.REQUEST):
                if work.more:
                    self._asking.finish_part(request, outcome)
                    return outcome
                outcome = replace(outcome, answer=self._do(desk, request.kind, request.payload))
                self._asking.finish(request, outcome)
        except (RequestLost, CubefeedError) as error:
            self._check_filled(desk)
            self._asking.fail(request, error.cause if isinstance(error, RequestLost) else error)
        except DatasetFailed as failed:
            return self._degrade(desk, work, failed)
        return outcome

    def _do(self, desk: Desk, kind: Kind, payload: Payload) -> dict[str, Any]:
        dataset, dry_run = desk.dataset, payload.dry_run
        mended = self._mend_damaged(desk) if kind in ("verify", "close-day") else []
        if kind == "verify" or (kind == "rebuild" and dry_run):
            return {"verify": {**self._days.verify(dataset, deep=payload.deep), "mended": mended}}
        if kind == "rebuild":
            return {"rows": self.rebuild_table(dataset.name)}
        if kind == "unload" and not dry_run:
            self._back_up_unload(dataset.name)
        if kind == "close-day":
            return self._days.close(dataset, desk.monitor.inbox, as_of=payload.as_of, run=payload.run)
        if kind == "report":
            return {"report": self._days.report(dataset, desk.monitor.inbox, payload.date)}
        return {}

    def _back_up_unload(self, name: str) -> None:
        """Make a backup, since no segment says that these rows have left."""
        try:
            make_backup(self.ledger.file, self._backups)
        except (OSError, CubefeedError) as error:
            raise RequestFailed(
                "The rows have left the cube, but the backup that remembers it could not be made",
                next_step="mend that; the next close-day makes a backup too",
                dataset=name,
                why=describe(error),
            ) from error

    def _mend_damaged(self, desk: Desk) -> list[str]:
        """Mend the segments that were damaged since the start, and fill the table again where there are any."""
        name = desk.dataset.name
        with self._appender.ahead(name):
            with boundary(Scope.DATASET):
                done = self._mender.mend_damaged(desk.dataset, desk.monitor.read_thread)
                if done.damaged:
                    desk.mended = replace(done, lost=[*desk.mended.lost, *done.lost])
                    desk.monitor.inbox.reset(self.ledger.signatures(name))
            if done.damaged:
                self.rebuild_table(name)
        return done.words()

    def _note(self, desk: Desk, outcome: Outcome) -> None:
        self._log.note(outcome)
        if outcome.dry_run:
            return
        loaded = {file.file for file in outcome.files if file.state == "loaded"}
        desk.mended.lost = [name for name in desk.mended.lost if name not in loaded]
        for listener in self.listeners:
            listener(outcome)

    def _recover(self, desk: Desk) -> Outcome:
        outcome, degraded = Outcome(desk.dataset.name), desk.degraded
        desk.recover()
        if degraded is not None:
            self._note(desk, outcome)
        return outcome

    def _check_filled(self, desk: Desk) -> None:
        """Have a table filled again that is behind the ledger."""
        desk.filled = desk.filled and desk.dataset.name not in self._appender.unapplied

    def _degrade(self, desk: Desk, work: Work, failed: DatasetFailed) -> Outcome:
        self._check_filled(desk)
        if not isinstance(failed.cause, Unfilled):
            desk.degrade(str(failed))
            text = "%s cannot load and is tried again in %g s; the other datasets go on. %s"
            trace = None if isinstance(failed.cause, CubefeedError) else failed.cause  # an error says all by itself
            log.error(text, work.dataset, desk.retry_s, failed, exc_info=trace)
        desk.monitor.inbox.release(work.claimed)
        if work.request is not None:
            self._asking.fail(work.request, failed.cause)
        outcome = Outcome(work.dataset, problem=desk.degraded or str(failed))
        self._note(desk, outcome)
        return outcome

    def _in_turn(self) -> Iterator[Desk]:
        desks = list(self.desks.values())
        self._turn = (self._turn + 1) % len(desks)
        yield from desks[self._turn :] + desks[: self._turn]


def _counted(name: str, total: int, progress: Progress | None) -> Show:
    """Shows how many of a table's rows are done, and what its work showed before."""
    before, done = progress_here(), 0

    def show(rows: int) -> None:
        nonlocal done
        done += rows
        before(rows)
        if progress:
            progress(name, done, total)

    if progress:
        progress(name, 0, total)
    return show
