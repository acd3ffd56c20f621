"""A second event loop, for the windows' flow runs. One loop for all would be simpler; three things speak against it.

- Prefect's vacuum deletes old runs, but none below another one, and the run of the session never ends
  (`vacuum_old_flow_runs` in https://github.com/PrefectHQ/prefect/tree/3.8.8/src/prefect/server/services/db_vacuum.py).
  In a thread that knows of no other run, the windows' runs have none above them.
- Around each run Prefect has SIGTERM raise an exception in the main thread, wherever that is (`capture_sigterm` in
  https://github.com/PrefectHQ/prefect/tree/3.8.8/src/prefect/utilities/engine): the loop would end, and with it all
  that was under way. Outside of the main thread it leaves SIGTERM to the session, which ends in order.
- What Prefect does between its awaits never delays the data.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

DRAIN_S = 1.0
"""How long what is under way may take to end for the end of the thread."""
JOIN_S = 5.0


class RunThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._ended = False
        self._handed_over: set[Future[None]] = set()
        self._thread = threading.Thread(target=self._work, name="windows", daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine there and wait for its end.

        Raises:
            CancelledError: the thread ends, or has ended.
        """
        with self._lock:
            if self._ended:
                coroutine.close()
                raise asyncio.CancelledError
            # An empty context: Prefect's names the session's run, which the window's would else be a part of.
            future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, coroutine, self._loop)
            self._handed_over.add(future)
        future.add_done_callback(self._handed_over.discard)
        await asyncio.wrap_future(future)

    def stop(self) -> None:
        """End the thread: what was handed over is cancelled, begun or not, and abandoned where it does not end soon."""
        with suppress(RuntimeError):  # it has ended by a defect, and closed its loop
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(JOIN_S)

    def _work(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            with self._lock:
                self._ended = True
            cancelled = asyncio.all_tasks(self._loop)
            for task in cancelled:
                task.cancel()  # before those begin that have not
            self._loop.run_until_complete(self._drain(cancelled))
            for future in [*self._handed_over]:
                future.cancel()
            self._loop.set_exception_handler(_ignore)  # of what is abandoned, when its memory is freed
            self._loop.close()

    async def _drain(self, cancelled: set[asyncio.Task[Any]]) -> None:
        """Have everything end that was handed over, also what has only become a task since."""
        new = asyncio.all_tasks() - cancelled - {asyncio.current_task()}
        for task in new:
            task.cancel()
        if under_way := cancelled | new:
            await asyncio.wait(under_way, timeout=DRAIN_S)
        await self._loop.shutdown_asyncgens()


def _ignore(_: asyncio.AbstractEventLoop, __: dict[str, object]) -> None:
    """Nobody waits for it any more."""
