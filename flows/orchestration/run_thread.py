"""A second event loop, for the windows' flow runs. One loop for all would be simpler; three things speak against it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine


class RunThread:
    """An event loop in a thread of its own.

    There the windows' runs are top-level runs, since the thread knows of no other (Prefect's vacuum deletes nothing
    below a run that is still running); Prefect installs no signal handler there (it would cancel every coroutine of
    the process at once); and what Prefect does between its awaits never delays the data.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="windows", daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine there and wait for its end."""
        future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, coroutine, self._loop)
        await asyncio.wrap_future(future)

    def stop(self) -> None:
        """End the thread; what still runs there is abandoned."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()
