"""How many connections the server of the live page holds: whoever opens them without end takes nothing from the data,
which needs open files too."""

from __future__ import annotations

import asyncio
import resource
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256
SHARE = 4
"""Of the files that this process may have open, connections take one in so many at most."""
LEAST = 8


def most_connections() -> int:
    """How many connections are held at most."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(LEAST, min(MOST, files // SHARE))


class BoundedProtocol(H11Protocol):
    """A connection; where there are too many, the one goes that has asked nothing for longest."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Hold it, and let go of others."""
        super().connection_made(transport)
        self.idle_since = time.monotonic()
        while len(self.connections) > most_connections():
            idle = [held for held in self.connections if isinstance(held, BoundedProtocol) and held.is_idle]
            if not idle:
                return
            longest = min(idle, key=lambda held: held.idle_since)
            self.connections.discard(longest)
            longest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """It asks something."""
        self.idle_since = time.monotonic()
        super().data_received(data)

    @property
    def is_idle(self) -> bool:
        """Whether no answer to it is under way."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first
