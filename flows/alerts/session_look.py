"""What is wrong in a session: refused files, datasets that cannot load, disks that are nearly full."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from flows.alerts.book import DayNote, Look
from flows.ingest.disk_warnings import Disks
from flows.ingest.feed import Feed
from flows.ingest.work import Outcome
from flows.model.alerts import Alert, Kind, Problem
from flows.runtime.health import Phase
from flows.store.business_days import late_days
from flows.store.history import FileRow, file_rows, refused_now
from flows.store.ledger import Ledger
from flows.store.reports import Reports
from flows.text.escape import chat
from flows.text.hindrances import hindrances
from flows.text.plural import counted, were

SHOWN_FILES = 5
CLOSES = 100
"""Closes whose reports are waited for, at most."""
REPORT_S = 120.0
"""How long the report of a close may take to be written; then the close is told without it."""


class _Close(NamedTuple):
    """A close that was carried out: what was found, and when (seconds of the clock)."""

    dataset: str
    facts: Mapping[str, Any]
    at: float


class SessionLook:
    """Looks at one session.

    Args:
        feed: at work.
        disks: in use.
        reports: where the reports of days are kept.
        known: what was known before.
    """

    def __init__(self, feed: Feed, disks: Disks, reports: Reports, known: Iterable[Alert] = ()) -> None:
        self._feed = feed
        self._disks = disks
        self._changed = threading.Event()
        self._changed.set()
        self._in_ledger: tuple[Problem, ...] = ()
        self._restored = next((each for each in known if each.kind == Kind.RESTORED and not each.over_utc), None)
        self._end: str | None = None
        self._reports = reports
        self._closes: deque[_Close] = deque(maxlen=CLOSES)

    def note(self, outcome: Outcome) -> None:
        """The ledger may say something else of files and days now. Returns at once, in any thread."""
        self._changed.set()
        day = outcome.answer.get("day")
        if isinstance(day, Mapping) and "complaints" in day:
            self._closes.append(_Close(outcome.dataset, day, time.time()))

    def note_end(self, why: str) -> None:
        """The session ends, though nobody has asked for that."""
        self._end = why

    def look(self) -> Look:
        """All that is wrong now."""
        live = self._feed.health.phase is Phase.LIVE
        problems = [*self._degraded(), *self._nearly_full(), *self._ended(), *self._of_the_ledger()]
        looked = {Kind.REFUSED, Kind.LATE, Kind.DISK}
        if live:  # a start finds only when it is over what cannot load, and what a restore did not know
            looked |= {Kind.DEGRADED, Kind.RESTORED, Kind.SESSION}
        if self._restored is not None:
            problems.append(Problem(Kind.RESTORED, self._restored.text, details=self._restored.details))
            self._restored = None if live else self._restored
        return Look(tuple(problems), frozenset(looked), tuple(self._find_reports()))

    def _degraded(self) -> Iterator[Problem]:
        for name, state in self._feed.datasets.items():
            why = "; ".join(hindrances(degraded=state.degraded, problem=state.monitor.inbox.problem))
            if why:
                yield Problem(Kind.DEGRADED, f"it does not load: {chat(why)}", dataset=name)

    def _nearly_full(self) -> Iterator[Problem]:
        for disk in self._disks.as_json():
            if disk["warning"]:
                yield Problem(Kind.DISK, disk["warning"], subject=disk["path"])

    def _ended(self) -> Iterator[Problem]:
        if self._end is not None:
            yield Problem(Kind.SESSION, f"the session has ended: {chat(self._end)}")

    def _find_reports(self) -> Iterator[DayNote]:
        """The reports of days that were closed, once they are written: who asked for the close does that."""
        for close in [*self._closes]:
            day = close.facts["business_day"]
            page = self._reports.page(close.dataset, date.fromisoformat(day)) if day else None
            written = page is not None and page.is_file() and page.stat().st_mtime >= close.at - 1
            if written or time.time() - close.at > REPORT_S:
                self._closes.remove(close)
                yield _day_note(close, page if written else None)

    def _of_the_ledger(self) -> tuple[Problem, ...]:
        """The ledger is asked only when something has happened: it takes a while where there are many files."""
        if self._changed.is_set():
            self._changed.clear()
            try:
                self._in_ledger = tuple(
                    found
                    for name in self._feed.datasets
                    for found in (_refused(self._feed.ledger, name), _late(self._feed.ledger, name))
                )
            except BaseException:
                self._changed.set()
                raise
        return tuple(problem for problem in self._in_ledger if problem.news)


def is_well(feed: Feed) -> bool:
    """Whether a session is live, goes on, and can load all of its datasets."""
    states = feed.datasets.values()
    hindered = any(state.degraded or state.monitor.inbox.problem for state in states)
    return feed.health.phase is Phase.LIVE and not feed.health.list_complaints() and not hindered


def _refused(ledger: Ledger, dataset: str) -> Problem:
    """The refused files of a dataset; no news where there are none."""
    number, newest = refused_now(ledger, dataset)
    if not number:
        return Problem(Kind.REFUSED, "", dataset=dataset)
    shown = file_rows(ledger, dataset=dataset, states=("quarantined",), current_only=True, limit=SHOWN_FILES)
    more = [f"and {number - len(shown):,} more"] if number > len(shown) else []
    details = "\n".join([*map(_line, shown), *more, "all of it: cubefeed findings"])
    text = f"{counted(number, 'file')} {were(number)} refused"
    return Problem(Kind.REFUSED, text, dataset=dataset, details=details, news=newest)


def _late(ledger: Ledger, dataset: str) -> Problem:
    """The days of a dataset whose data is late; no news where there are none."""
    late = [each.day for each in late_days(ledger, dataset)]
    if not late:
        return Problem(Kind.LATE, "", dataset=dataset)
    text = f"no data of {late[-1]} has come by its time"
    earlier = ", ".join(day.isoformat() for day in late[-2::-1])
    details = f"nor of {earlier}" if earlier else ""
    return Problem(Kind.LATE, text, dataset=dataset, details=details, news=late[-1].toordinal())


def _day_note(close: _Close, page: Path | None) -> DayNote:
    complaints, rows = close.facts["complaints"], counted(close.facts["rows"] or 0, "row")
    day = close.facts["business_day"] or "no day"
    title = f"{close.dataset}: {day} {'is not in order' if complaints else 'is closed'}, {rows}"
    body = "\n".join(map(chat, complaints)) or "the cube equals the ledger"
    return DayNote(title, f"{title}\n{body}", str(page) if page is not None else None)


def _line(row: FileRow) -> str:
    reason = row.first_finding.words if row.first_finding is not None else row.reason or "refused"
    return chat(f"{row.file}: {reason}")
