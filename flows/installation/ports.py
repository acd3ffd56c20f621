"""Ports of 127.0.0.1."""

from __future__ import annotations

import socket

from flows.errors import StateError


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with listen(0) as found:
        return int(found.getsockname()[1])


def listen(port: int) -> socket.socket:
    """A socket that listens on this port of 127.0.0.1; on a free one where it is 0.

    Raises:
        StateError: another program has it.
    """
    try:
        return socket.create_server(("127.0.0.1", port), backlog=2048)
    except OSError as error:
        raise StateError(
            f"The port {port} of 127.0.0.1 cannot be listened on ({error.strerror})",
            next_step="end what listens there, or name another port with --prefect-port; 0 takes a free one",
            port=port,
        ) from error
