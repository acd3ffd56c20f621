"""The connections of the live page's server: how many are held, from where, and how long they may keep it waiting.

Whoever opens them without end takes nothing from the data, which needs open files too, and shuts nobody else out: where
there are too many, those that wait for their own other side give way, the longest first. Nothing is logged for each of
them; once a minute it is said how many there were.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flows.text.plural import counted

log = logging.getLogger(__name__)

MOST = 256
"""Connections at a time: several times as many as people look at one cube; where few files may be open, fewer."""
SHARE = 4
"""Of the files that this process may have open, connections take one in so many at most."""
LEAST = 8
"""However few files may be open: a browser opens six."""
MOST_PER_ADDRESS = 64
"""From one other computer: a browser opens six at a time, and many people may sit behind one address."""
RESERVED_FILES = 128
"""Open files that are left to the data: no connection is taken while fewer could be opened. One in SHARE where there
are few altogether; a session that loads has some thirty open."""
HEAD_S = 10.0
"""How long a connection may take to say its next request whole. Browsers send one at once."""
REQUEST_S = 300.0
"""How long a request may take, its answer included, however slowly that is read."""
STALLED_S = 20.0
"""How long the other side may read nothing of what waits for it."""
UNSENT_BYTES = 64 << 20
"""What may wait to be read, in all connections together; a table's cells are a few MB. Beyond it, those that have read
nothing for longest are ended."""
UNSENT_S = 2.0
"""Who has read something in this time is not ended for what waits."""
REPORT_S = 60.0
"""How often it is said how many connections were refused or ended."""


def most_connections() -> int:
    """How many connections are held at most."""
    return max(LEAST, min(MOST, open_files() // SHARE))


def most_files() -> int:
    """The number of open files from which on no connection is taken."""
    files = open_files()
    return files - min(RESERVED_FILES, files // SHARE)


def open_files() -> int:
    """How many files this process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if files == resource.RLIM_INFINITY else files


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


@dataclass(eq=False)
class Connection:
    """One connection.

    Args:
        transport: what ends it.
        address: where it comes from; None where many come from there, so that it counts in total only.
        since: when it began to wait for a request, or when that request came (monotonic seconds).
        read_at: when the other side read something last, or had nothing to read.
        is_idle: whether no request is under way.
        is_channel: whether it has become a page's channel, which has limits of its own.
        unsent_bytes: what was waiting to be read when that was last looked at.
    """

    transport: asyncio.Transport
    address: str | None
    since: float
    read_at: float
    is_idle: bool = True
    is_channel: bool = False
    unsent_bytes: int = 0

    def begin(self) -> None:
        """A request has come."""
        self.is_idle, self.since = False, time.monotonic()

    def end(self) -> None:
        """Its answer was made, and the next request may come."""
        self.is_idle, self.since = True, time.monotonic()

    def progress(self) -> None:
        """The other side has read."""
        self.read_at = time.monotonic()

    def look(self, now: float) -> None:
        """Note whether the other side reads."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self.unsent_bytes or not unsent:
            self.read_at = now
        self.unsent_bytes = unsent

    def is_late(self, now: float) -> bool:
        """Whether it has kept the server waiting for too long."""
        if self.unsent_bytes and now - self.read_at > STALLED_S:
            return True
        return not self.is_channel and now - self.since > (HEAD_S if self.is_idle else REQUEST_S)

    @property
    def gives_way(self) -> bool:
        """Whether the server waits for its other side, and not it for the server."""
        return not self.is_channel and (self.is_idle or self.unsent_bytes > 0)


class Connections:
    """All connections of one server; only its loop calls this.

    Args:
        counts_in_total: whether an address stands for many people, such as that of a reverse proxy.
    """

    def __init__(self, counts_in_total: Callable[[str], bool] = lambda _: False) -> None:
        self._counts_in_total = counts_in_total
        self._held: dict[asyncio.Transport, Connection] = {}
        self._refused = 0
        self._reported_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, transport: asyncio.Transport) -> Connection:
        """Hold a new connection, and let go of one where there are too many; of this one, where no other gives way."""
        now = time.monotonic()
        held = Connection(transport, self._address(transport), since=now, read_at=now)
        self._held[transport] = held
        if held.address is not None:
            same = [each for each in self._held.values() if each.address == held.address]
            self._make_room(same, len(same) > MOST_PER_ADDRESS)
        self._make_room(self._held.values(), len(self._held) > most_connections())
        return held

    def of(self, transport: asyncio.Transport) -> Connection:
        """The entry of a connection that is held."""
        return self._held[transport]

    def release(self, transport: asyncio.Transport) -> None:
        """A connection is over."""
        self._held.pop(transport, None)

    def refuse(self) -> None:
        """Count a connection that was not taken, and let go of an idle one: open files are getting few."""
        self._refused += 1
        idle = [held for held in self._held.values() if held.gives_way]
        if idle:
            self._end(min(idle, key=lambda held: held.since))

    def bound_unsent(self) -> None:
        """End those that read nothing, where too much waits to be read."""
        now, total = time.monotonic(), 0
        for held in self._held.values():
            held.look(now)
            total += held.unsent_bytes
        for held in sorted(self._held.values(), key=lambda held: held.read_at):
            if total <= UNSENT_BYTES or now - held.read_at < UNSENT_S:
                return
            total -= held.unsent_bytes
            self._end(held)

    def sweep(self) -> None:
        """End those that have kept the server waiting for too long. Called again and again."""
        self.bound_unsent()
        now = time.monotonic()
        for held in list(self._held.values()):
            if held.is_late(now):
                self._end(held)
        if self._refused and now - self._reported_at > REPORT_S:
            ended = counted(self._refused, "connection")
            log.warning("%s of the live page refused or ended: too many at once, or too slow", ended)
            self._refused, self._reported_at = 0, now

    def _address(self, transport: asyncio.Transport) -> str | None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else None
        if address is None or is_loopback(address):
            return None
        return None if self._counts_in_total(address) else address

    def _make_room(self, among: Iterable[Connection], is_full: bool) -> None:
        if is_full:
            waiting = [held for held in among if held.gives_way]  # the new one is among them
            self._end(min(waiting, key=lambda held: held.since))

    def _end(self, held: Connection) -> None:
        self._refused += 1
        self._held.pop(held.transport, None)
        held.transport.abort()
