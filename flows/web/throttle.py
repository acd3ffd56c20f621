"""How wrong tokens are slowed down, without keeping those waiting for long who know the right one."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope

from flows.errors import plain
from flows.web.connections import MOST_PER_ADDRESS, is_loopback, most_connections

log = logging.getLogger(__name__)

FREE = 5
"""Wrong tokens that an address may show at once: people mistype, and programs have an old one."""
RECOVERY_S = 12.0
"""After how long an address may show one more."""
HELD_S = 2.0
"""How long whoever shows a token waits for the answer after too many wrong ones from there: the right one too, or its
quick answer would tell it from wrong ones. It is short, since an attacker may be behind the same address as others."""
SHARE = 2
"""Of all connections, and of those from one address, one in so many waits here at most. Who fills them gets the
answer to wrong tokens at once again, a connection for each; to let nobody else in would be worse: 128 bits are not
guessed."""
ADDRESSES = 1_024
"""Addresses remembered; the one goes that has shown nothing wrong for longest."""
LOG_S = 60.0
"""The 1st, 10th, 100th, … wrong token within so long is logged: a flood of them is a handful of lines."""
IPV6_NETWORK = 64
"""Bits of an IPv6 address that count: a network of this size is one household's, or one computer's."""


@dataclass
class TokenThrottle:
    """The wrong tokens of late, by address.

    Args:
        clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    """Address → how many wrong ones count, and when that was so."""
    _delays: Counter[str] = field(default_factory=Counter)
    _since: float = -LOG_S
    _logged: int = 0

    def is_throttled(self, scope: Scope) -> bool:
        """Whether whoever shows a token from there has to wait."""
        return self._counting(_address(scope)) > FREE

    def record(self, scope: Scope) -> None:
        """A wrong one was shown."""
        address = _address(scope)
        self._wrong[address] = self._counting(address) + 1, self.clock()
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        self._log(address)

    async def delay(self, scope: Scope, receive: Receive) -> Receive:
        """Wait, but no longer than the sender does, and not where many wait: others find a connection all the same.

        Returns:
            what receives from then on; a request's body is dropped.
        """
        address = _address(scope)
        if self._is_full(_sender(scope), address):
            return receive
        self._delays[address] += 1
        try:
            return await _delayed(scope, receive)
        finally:
            self._delays[address] -= 1
            self._delays += Counter()  # without those that hold none

    def _is_full(self, sender: str, address: str) -> bool:
        here = most_connections() if is_loopback(sender) else MOST_PER_ADDRESS
        return self._delays[address] >= here // SHARE or self._delays.total() >= most_connections() // SHARE

    def _counting(self, address: str) -> float:
        count, then = self._wrong.get(address, (0.0, 0.0))
        return max(0.0, min(count, FREE + 1) - (self.clock() - then) / RECOVERY_S)

    def _log(self, address: str) -> None:
        if self.clock() - self._since >= LOG_S:
            self._since, self._logged = self.clock(), 0
        self._logged += 1
        if str(self._logged).strip("0") == "1":
            many = "a wrong token was" if self._logged == 1 else f"{self._logged:,} wrong tokens within a minute were"
            log.warning("%s shown to the live page, the last one from %s", many, address)


async def _delayed(scope: Scope, receive: Receive) -> Receive:
    kept: list[Message] = [{"type": "http.request"}] if scope["type"] == "http" else []
    with suppress(TimeoutError):
        async with asyncio.timeout(HELD_S):
            while not (kept and kept[-1]["type"].endswith(".disconnect")):
                message = await receive()
                if message["type"] != "http.request":
                    kept.append(message)

    async def receive_again() -> Message:
        return kept.pop(0) if kept else await receive()

    return receive_again


def _sender(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "nowhere"


def _address(scope: Scope) -> str:
    """Whose wrong tokens count together."""
    text = _sender(scope)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return plain(text)[:64]
    return str(ipaddress.ip_network((text, IPV6_NETWORK), strict=False)) if address.version == 6 else text
