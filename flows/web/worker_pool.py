"""Threads that make one kind of answers, so that it waits for no other kind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request

from flows.cube.bounds import Bounds
from flows.errors import Busy

WAITING = 64
"""How many answers may wait for a thread: with so many before it, one would hardly be made in time."""


class WorkerPool:
    """Some threads, and what waits for them; only the server's loop calls `run`.

    Args:
        name: the threads' name.
        at_once: their number.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._most = at_once + WAITING
        self._open = 0
        self._busy = 0
        self._lock = threading.Lock()

    async def run[T](self, work: Callable[[], T], bounds: Bounds, request: Request) -> T:
        """What `work` returns, made in a thread.

        Where the time is over, or who asked leaves, it is not begun any more, or ended where it looks at the bounds.

        Raises:
            Busy: too many wait already.
            TooSlow: the time is over.
            NobodyWaits: who asked has left.
        """
        if self._open >= self._most:
            raise Busy("Too many questions are waiting", next_step="ask again in a few seconds", most=self._most)
        self._open += 1
        working = asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)
        leaving = asyncio.create_task(_until_left(request))
        try:
            await asyncio.wait((working, leaving), timeout=bounds.left_s, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if leaving.done():
                bounds.leave()
            raise bounds.ended()
        finally:
            self._open -= 1
            bounds.leave()
            leaving.cancel()
            working.cancel()
            del working  # its exception holds this frame, and with it all that the answer was made of

    def close(self) -> None:
        """Let the threads end; one that still asks the cube ends with it."""
        self._threads.shutdown(wait=not self._busy, cancel_futures=True)

    def _work[T](self, work: Callable[[], T]) -> T:
        with self._lock:
            self._busy += 1
        try:
            return work()
        finally:
            with self._lock:
                self._busy -= 1


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
