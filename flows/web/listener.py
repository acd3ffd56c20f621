"""The listening socket of the live page: it takes no connection for which an open file would be taken from the data."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import Any

from flows.errors import StateError
from flows.web.connections import Connections, most_files

BACKLOG = 1024
"""Connections that wait to be taken; they cost no open file, and beyond them one has to try again after a second."""
AT_ONCE = 16
"""How many of them are taken at once, before any is let go of."""
PAUSE_S = 0.5
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener(socket.socket):
    """A listening socket that asyncio accepts from.

    Where no file can be opened at all, asyncio (Python 3.13) tries again as often as there may be connections waiting,
    and logs each time with a traceback; here it is told of it once in a while, and otherwise that nobody waits.
    https://github.com/python/cpython/blob/3.13/Lib/asyncio/selector_events.py (`_accept_connection`)
    """

    connections: Connections
    _failed_at = 0.0

    def listen(self, backlog: int = BACKLOG, /) -> None:
        """Listen with the number of connections that asyncio takes at once."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that is taken.

        Raises:
            BlockingIOError: there is none now.
            OSError: no file can be opened; asyncio pauses.
        """
        while True:
            try:
                taken, address = super().accept()
            except OSError as error:
                if not is_without_room(error) or time.monotonic() - self._failed_at > PAUSE_S:
                    self._failed_at = time.monotonic()
                    raise
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
            if taken.fileno() < most_files():  # the lowest free number: all those below are in use
                return taken, address
            taken.close()
            self.connections.refuse()


def is_without_room(error: BaseException | None) -> bool:
    """Whether no connection can be taken, since no file can be opened."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def listen(host: str, port: int, connections: Connections) -> Listener:
    """Listen at an address.

    Raises:
        StateError: that is not possible.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family)
    except OSError as error:
        raise StateError(
            f"The live page cannot listen there ({os.strerror(error.errno) if error.errno else error.strerror})",
            next_step="free the port, or name another one with --port",
            host=host,
            port=port,
        ) from error
    listener = Listener(fileno=made.detach())
    listener.connections = connections
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves it out for a socket made here
    return listener
