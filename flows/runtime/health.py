"""Whether the session is starting, live or ending, and why; and its end where a part of it has failed or stands still.

Deaf and healthy at once is impossible: every thread and task of the session either reports its failure here, or is
watched here for whether it still turns. A failed session ends in order where it can, else by force.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from enum import StrEnum

from flows.errors import CubefeedError, SessionEnded, Starting
from flows.runtime.boundaries import Scope, SessionFailed, boundary, describe
from flows.runtime.heartbeats import Heartbeats

log = logging.getLogger(__name__)

STUCK_S = 30.0
"""A loop that has not turned for so long stands still."""
WORK_S = 600.0
"""A piece of work (a batch, a rebuild) may show no progress for so long: ten million rows take seconds, and somebody's
`prepare` may be slow. It is said after STUCK_S."""
LOOK_S = 1.0
END_S = 20.0
"""How long a session may take to end in order; whatever it was at, the next start rolls it forward."""


class Phase(StrEnum):
    """What the session is at."""

    STARTING = "starting"
    LIVE = "live"
    ENDING = "ending"


class Health:
    """The health of one session.

    Args:
        kill: ends the process where the session does not end in order.
    """

    def __init__(self, *, kill: Callable[[SessionEnded], None] = lambda _: os._exit(SessionEnded.exit_code)) -> None:
        self.stopping = threading.Event()
        self.failure: SessionFailed | None = None
        self._kill = kill
        self._ending: list[Callable[[], None]] = []
        self._living: list[Callable[[], None]] = []
        self._phase = Phase.STARTING
        self._progress = ""
        self._heartbeats = Heartbeats()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._closed.set()
        self._watch = threading.Thread(target=self._run_watch, name="health", daemon=True)
        self._force: threading.Thread | None = None
        self._hook = threading.excepthook

    def __enter__(self) -> Health:
        self._closed.clear()
        threading.excepthook = self._thread_failed
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._watch.join(timeout=5)
        if self._force is not None:
            self._force.join(timeout=5)
        threading.excepthook = self._hook

    @property
    def phase(self) -> Phase:
        return Phase.ENDING if self.stopping.is_set() else self._phase

    @property
    def progress(self) -> str:
        """How far the start is, in words."""
        return self._progress

    def on_end(self, end: Callable[[], None]) -> None:
        """Have this called when the session begins to end, from any thread."""
        self._ending.append(end)

    def on_live(self, live: Callable[[], None]) -> None:
        """Have this called when the start is over."""
        self._living.append(live)

    def note_progress(self, text: str) -> None:
        """How far the start is."""
        self._progress = text

    def begin_live(self) -> None:
        """The start is over: the cube is complete."""
        self._phase = Phase.LIVE
        self._progress = ""
        for live in self._living:
            live()

    def stop(self) -> None:
        """Begin the end, in order; what does not end soon is ended by force."""
        with self._lock:
            first = not self.stopping.is_set()
            self.stopping.set()
        for end in self._ending:
            end()
        if first and not self._closed.is_set():
            self._force = threading.Thread(target=self._force_end, name="end-by-force", daemon=True)
            self._force.start()

    def fail(self, where: str, error: BaseException) -> None:
        """The session has to end, since a part of it failed; the first reason counts."""
        cause = error.cause if isinstance(error, SessionFailed) else error
        with self._lock:
            if self.failure is not None:
                return
            self.failure = SessionFailed(cause)
            self.failure.__cause__ = cause
        log.critical("the session ends, because %s failed: %s", where, describe(cause), exc_info=cause)
        self.stop()

    def require_health(self) -> None:
        """Raise what the session has to end for, if anything.

        Raises:
            SessionEnded: a part of it failed.
        """
        if self.failure is not None:
            raise self.end_error() from self.failure.cause

    def starting_error(self, table: str, degraded: str | None) -> Starting:
        """The error of a question to a table that is being filled, or waits for that since its dataset is degraded."""
        why = f"{table} is degraded: {degraded}" if degraded else self._progress or "the session is starting"
        return Starting(
            f"{table} is not complete yet ({why})",
            next_step="ask again in a few seconds; cubefeed status shows how far it is",
        )

    def list_complaints(self) -> list[str]:
        """What is not well, in words."""
        complaints = [f"the session ends: {describe(self.failure.cause)}"] if self.failure is not None else []
        if self.phase is Phase.STARTING:
            complaints.append(f"the session is starting{f': {self._progress}' * bool(self._progress)}")
        return complaints + [
            f"{each.name} has shown no progress for {quiet_s:.0f} s"
            for each, quiet_s in self._heartbeats.list_quiet(STUCK_S)
        ]

    @contextmanager
    def guard(self, name: str, *, limit_s: float | None = None) -> Iterator[None]:
        """Whatever the block raises ends the session; and where a limit is given, its standing still does.

        Raises:
            SessionFailed: the block raised what nobody further in could contain.
        """
        try:
            with self.heartbeat(name, limit_s=limit_s), boundary(Scope.OTHER):
                yield
        except SessionFailed as failed:
            self.fail(name, failed)
            raise

    @contextmanager
    def heartbeat(self, name: str, *, limit_s: float | None) -> Iterator[None]:
        """Watch whether this goes on, where a limit is given."""
        with self._heartbeats.expect(name, limit_s=limit_s) if limit_s is not None else nullcontext():
            yield

    def beat(self, name: str) -> None:
        """This goes on."""
        self._heartbeats.beat(name)

    def start_task(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        """A task whose failure ends the session."""

        async def guarded() -> None:
            with self.guard(name):
                await work()

        task = asyncio.create_task(guarded(), name=name)
        task.add_done_callback(_retrieve)
        return task

    async def run_heartbeat(self, name: str) -> None:
        """Show for ever that the running loop turns."""
        with self.heartbeat(name, limit_s=STUCK_S):
            while True:
                self.beat(name)
                await asyncio.sleep(LOOK_S)

    async def run_in_thread[T](self, threads: Executor, name: str, call: Callable[[], T], *, limit_s: float) -> T:
        """Run a call in a thread; what it cannot contain ends the session, and so does its standing still."""

        def guarded() -> T:
            with self.guard(name, limit_s=limit_s):
                return call()

        return await asyncio.get_running_loop().run_in_executor(threads, guarded)

    def end_error(self) -> SessionEnded:
        """Why the session ended, where a part of it failed."""
        assert self.failure is not None
        cause = self.failure.cause
        what, next_step = describe(cause), "start it again, which brings the cube to what the ledger says"
        if isinstance(cause, CubefeedError):
            what, next_step = cause.headline, cause.next_step
        return SessionEnded(
            f"A part of the session failed, and so it ended: {what}",
            next_step=f"{next_step}; the log has the traceback",
        )

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread is not None else "a thread"
        if failed.exc_value is None or is_watched_elsewhere(failed.thread):
            self._hook(failed)
            return
        self.fail(f"the thread {name}", failed.exc_value)

    def _run_watch(self) -> None:
        watched_at = time.monotonic()
        while not self._closed.wait(LOOK_S):
            before, watched_at = watched_at, time.monotonic()
            if watched_at - before > 5 * LOOK_S:
                self._heartbeats.reset()
            stuck = [each for each, quiet_s in self._heartbeats.list_quiet(STUCK_S) if quiet_s > each.limit_s]
            for each in stuck[:1]:
                self.fail(each.name, TimeoutError(f"it has shown no progress for {each.limit_s:g} s"))

    def _force_end(self) -> None:
        if not self._closed.wait(END_S):
            at = ", ".join(self._heartbeats.list_names()) or "nothing that is known"
            log.critical(
                "the session did not end in order within %g s, and is ended by force; it was at: %s", END_S, at
            )
            if self.failure is None:
                self.failure = SessionFailed(TimeoutError(f"it did not end when it was told to; it was at: {at}"))
            logging.shutdown()
            self._kill(self.end_error())


def is_watched_elsewhere(thread: threading.Thread | None) -> bool:
    """Whether something else notices the end of a thread: the observers' are replaced when they die."""
    return type(thread).__module__.startswith("watchdog.")


def _retrieve(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
