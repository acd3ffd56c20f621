"""Messages that wait for their addresses: tried again until they are taken, in order, and not for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from flows.alerts.addresses import Address
from flows.model.alerts import Message
from flows.text.plural import counted

log = logging.getLogger(__name__)

FIRST_S = 10.0
MOST_S = 900.0
"""How long an address is left alone that did not take a message: twice as long each time."""
AGE = timedelta(days=3)
MOST = 500
"""Messages that wait at most; the oldest go first."""
PATIENT = 5
"""A message that was refused so often in a row lets others pass: something may be wrong with it alone."""


class Outbox:
    """The messages of one source.

    Args:
        addresses: where they may go.
        waiting: what waited before, in order.
        clock: seconds, never running back.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        waiting: Iterable[Message] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses = {address.mark: address for address in addresses}
        self.waiting = [message for message in waiting if message.address in self._addresses]
        self._clock = clock
        self._failures = dict.fromkeys(self._addresses, 0)
        self._retry_at = dict.fromkeys(self._addresses, 0.0)

    def add(self, message: Message) -> None:
        """Have a message sent."""
        self.waiting.append(message)

    def drop_old(self, now: datetime) -> None:
        """Give up what nobody has taken for days, and what is too much."""
        young = [message for message in self.waiting if now - datetime.fromisoformat(message.made_utc) < AGE]
        dropped = len(self.waiting) - len(young[-MOST:])
        if dropped:
            log.error("%s could not be sent and is given up", counted(dropped, "alert"))
            self.waiting = young[-MOST:]

    def next(self) -> tuple[Address, Message] | None:
        """What is to be sent now; None where nothing is."""
        now = self._clock()
        due = [message for message in self.waiting if self._retry_at[message.address] <= now]
        if not due:
            return None
        message = min(due, key=lambda each: each.tries // PATIENT)  # the first of those
        return self._addresses[message.address], message

    def note(self, message: Message, *, taken: bool) -> bool:
        """What came of it. Returns whether that is another answer than the one before, of this address."""
        mark, index = message.address, self.waiting.index(message)
        failed_before = self._failures[mark] > 0
        if taken:
            del self.waiting[index]
            self._failures[mark], self._retry_at[mark] = 0, 0.0
            return failed_before
        self.waiting[index] = replace(message, tries=message.tries + 1)
        self._retry_at[mark] = self._clock() + min(FIRST_S * 2 ** min(self._failures[mark], 20), MOST_S)
        self._failures[mark] += 1
        return not failed_before
