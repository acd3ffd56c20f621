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


class RunThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="windows", daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine there and wait for its end."""
        # An empty context: Prefect's names the session's run, which the window's would else be a part of.
        future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, coroutine, self._loop)
        await asyncio.wrap_future(future)

    def stop(self) -> None:
        """End the thread; what still runs there is abandoned."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()
