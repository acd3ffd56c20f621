"""What is wrong in a session: refused files, datasets that cannot load, disks that are nearly full."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from flows.alerts.book import Look
from flows.ingest.disk_warnings import Disks
from flows.ingest.feed import Feed
from flows.ingest.work import Outcome
from flows.model.alerts import Kind, Problem
from flows.runtime.health import Phase
from flows.store.history import FileRow, file_rows, refused_now
from flows.store.ledger import Ledger
from flows.text.escape import chat
from flows.text.hindrances import hindrances
from flows.text.plural import counted, were

SHOWN_FILES = 5


class SessionLook:
    """Looks at one session.

    Args:
        feed: at work.
        disks: in use.
    """

    def __init__(self, feed: Feed, disks: Disks) -> None:
        self._feed = feed
        self._disks = disks
        self._changed = threading.Event()
        self._changed.set()
        self._refused: tuple[Problem, ...] = ()

    def note(self, _: Outcome) -> None:
        """The ledger may say something else of files now."""
        self._changed.set()

    def look(self) -> Look:
        """All that is wrong now."""
        live = self._feed.health.phase is Phase.LIVE
        degraded, nearly_full = tuple(self._degraded()), tuple(self._nearly_full())
        looked = {Kind.REFUSED, Kind.DISK, *([Kind.DEGRADED] if live else [])}  # a start finds it only when it is over
        return Look((*degraded, *nearly_full, *self._refused_files()), frozenset(looked))

    def _degraded(self) -> Iterator[Problem]:
        for name, state in self._feed.datasets.items():
            why = "; ".join(hindrances(degraded=state.degraded, problem=state.monitor.inbox.problem))
            if why:
                yield Problem(Kind.DEGRADED, f"it does not load: {chat(why)}", dataset=name)

    def _nearly_full(self) -> Iterator[Problem]:
        for disk in self._disks.as_json():
            if disk["warning"]:
                yield Problem(Kind.DISK, disk["warning"], subject=disk["path"])

    def _refused_files(self) -> tuple[Problem, ...]:
        """The ledger is asked only when something has happened: it takes a while where there are many files."""
        if self._changed.is_set():
            self._changed.clear()
            try:
                self._refused = tuple(_refused(self._feed.ledger, name) for name in self._feed.datasets)
            except BaseException:
                self._changed.set()
                raise
        return tuple(problem for problem in self._refused if problem.news)


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


def _line(row: FileRow) -> str:
    reason = row.first_finding.words if row.first_finding is not None else row.reason or "refused"
    return chat(f"{row.file}: {reason}")
