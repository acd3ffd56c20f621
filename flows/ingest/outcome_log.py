"""What became of files, in a log that stays short: what happens to the same file again and again is summed up."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flows.ingest.work import FileOutcome, Outcome
from flows.model.business_day import DayState
from flows.text.day_words import change_words
from flows.text.plural import counted

log = logging.getLogger(__name__)

QUIET_S = 60.0
"""How long the same of the same file is only counted: a file may be rewritten every second, for days."""
MOST = 10_000
"""Files that are remembered; the last ones."""
DAYS = 31
"""Business days of one outcome that are named, the last ones."""

_WARNED = " with a warning"

type _Key = tuple[str, str, str]


@dataclass
class _Logged:
    """When something was logged of a file, and how often it has happened since."""

    at: float
    more: int = 0


class OutcomeLog:
    """Logs outcomes.

    Args:
        clock: seconds, never running back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged: OrderedDict[_Key, _Logged] = OrderedDict()

    def note(self, outcome: Outcome) -> None:
        """Log an outcome: of many files the first, and the first that were refused."""
        self._sum_up()
        files, more = outcome.named()
        name = f"{outcome.dataset}, dry run" if outcome.dry_run else outcome.dataset
        for file in files:
            self._note_file(name, file, kept=not outcome.dry_run)
        if more:
            log.info("%s: and %s", name, counted(more, "more file"))
        for change in outcome.days[-DAYS:]:
            level = logging.WARNING if change.state in (DayState.LATE, DayState.RESTATED) else logging.INFO
            log.log(level, "%s: %s", name, change_words(change))

    def _note_file(self, name: str, file: FileOutcome, *, kept: bool) -> None:
        key = name, file.file, f"{file.state}{_WARNED}" if file.warning else file.state
        logged = self._logged.get(key)
        if logged is not None:
            logged.more += 1
            return
        self._logged[key] = _Logged(self._clock())
        why = "".join(f": {each}" for each in (file.reason, file.warning) if each)
        why += "; see cubefeed findings" * (kept and file.state == "quarantined")
        log.log(_level(key[2]), "%s: %s %s, %s%s", name, file.file, file.state, counted(file.rows, "row"), why)

    def _sum_up(self) -> None:
        """Say how often it was since the last time, of what is long enough ago."""
        now = self._clock()
        while self._logged:
            (name, file, state), logged = next(iter(self._logged.items()))
            if now - logged.at < QUIET_S and len(self._logged) <= MOST:
                return
            del self._logged[name, file, state]
            if logged.more:
                again = counted(logged.more, "more time")
                log.log(_level(state), "%s: %s %s, %s within %.0f s", name, file, state, again, now - logged.at)


def _level(state: str) -> int:
    return logging.WARNING if state == "quarantined" or state.endswith(_WARNED) else logging.INFO
