"""The calls that touch one landing directory, in a thread of their own: a mount whose server is gone answers them
never, and then holds up that thread and nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from flows.errors import LandingHangs

QUIET_S = 10.0
"""How long a call may take without any progress. A mount that only pauses for longer is degraded meanwhile, which
costs nothing, while whoever waits for it cannot work for another dataset."""
STOP_S = 5.0
"""How long the end of a session waits for a call that makes progress."""


class MountCall[T]:
    """One call under way, or done."""

    def __init__(self, work: Callable[[], T], wake: Callable[[], None] | None = None) -> None:
        self._work = work
        self._wake = wake
        self._done = threading.Event()
        self._abandoned = self._cancelled = False
        self._result: T | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it is done within the time. If not, `wake` is called once it is."""
        if not self._done.wait(timeout_s):
            self._abandoned = True
        return self.done  # also when it ended before it could see that nobody waits

    def cancel(self) -> None:
        """Nobody wants it any more: it is not made, unless it was begun."""
        self._wake = None
        self._cancelled = True

    def result(self) -> T:
        """What the call returned; raises what it raised."""
        assert self.done
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set where there is no error

    def run(self) -> None:
        """Make the call; whatever it raises is for the one who asked."""
        if self._cancelled:
            return
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self._done.set()
        wake = self._wake  # which `cancel` may take away in this moment
        if self._abandoned and wake is not None:
            wake()


class MountThread:
    """Makes the calls of one dataset, one after the other, and says when they hang.

    The thread starts with the first call. It is a daemon: one that the kernel holds does not hold up the end.

    Args:
        name: whose landing directory it is.
        wake: called when a call ends that nobody waits for any more.
    """

    def __init__(self, name: str, wake: Callable[[], None] | None = None) -> None:
        self.name = name
        self._wake = wake
        self._calls: SimpleQueue[MountCall[Any] | None] = SimpleQueue()
        self._thread: _CallThread | None = None

    def begin_call[T](self, work: Callable[[], T]) -> MountCall[T]:
        """Have something done, after what was begun before."""
        call = MountCall(work, self._wake)
        if self._thread is None:
            self._thread = _CallThread(f"mount {self.name}", self._calls)
            self._thread.start()
        self._calls.put(call)
        return call

    def call[T](self, work: Callable[[], T], *, quiet_s: float | None = None) -> T:
        """Have something done and wait for it.

        Raises:
            LandingHangs: there was no progress for so long; what the call still brings is dropped. Until it ends
                every other call raises this at once.
        """
        quiet_s = QUIET_S if quiet_s is None else quiet_s
        self.require_answer(quiet_s=quiet_s)
        call = self.begin_call(work)
        try:
            while not call.wait(max(quiet_s - self._quiet_s(), 0.001)):
                self.require_answer(quiet_s=quiet_s)
        except LandingHangs:
            call.cancel()
            raise
        return call.result()

    def require_answer(self, *, quiet_s: float | None = None) -> None:
        """Raises LandingHangs when the call under way has made no progress for so long."""
        quiet = self._quiet_s()
        if quiet >= (QUIET_S if quiet_s is None else quiet_s):
            raise LandingHangs(
                f"The landing directory of {self.name} has not answered for {quiet:.0f} s",
                next_step="look after its mount; loading goes on by itself once it answers",
            )

    def stop(self) -> None:
        """End the thread, unless it hangs."""
        if self._thread is None:
            return
        self._calls.put(None)
        deadline = time.monotonic() + STOP_S
        while self._thread.is_alive() and self._quiet_s() < STOP_S and time.monotonic() < deadline:
            self._thread.join(0.05)

    def _quiet_s(self) -> float:
        """For how long the call under way has made no progress; 0 where there is none."""
        progress_at = self._thread.progress_at if self._thread is not None else None
        return time.monotonic() - progress_at if progress_at is not None else 0.0


def note_progress() -> None:
    """Say, from inside a call, that the mount still answers."""
    thread = threading.current_thread()
    if isinstance(thread, _CallThread):
        thread.progress_at = time.monotonic()


class _CallThread(threading.Thread):
    """Makes calls until it is given None.

    Args:
        progress_at: when the call under way last made progress; None between calls.
    """

    def __init__(self, name: str, calls: SimpleQueue[MountCall[Any] | None]) -> None:
        super().__init__(name=name, daemon=True)
        self.progress_at: float | None = None
        self._calls = calls

    def run(self) -> None:
        while (call := self._calls.get()) is not None:
            self.progress_at = time.monotonic()
            call.run()
            self.progress_at = None
