"""A restored ledger takes the place of the old one in one step, and a restore that was killed is finished or undone.

It is built under one name and gets another when it is complete: that rename is the moment from which the new ledger
counts. After it, whatever still lies in its place is the old one, which goes aside whole, its log first: SQLite would
replay a log that lies beside a file of the same name, whoever wrote it
(https://www.sqlite.org/howtocorrupt.html, "Mispairing database files and hot journals").
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.store.atomic_write import sync_directory

log = logging.getLogger(__name__)

KEPT = 2
KEPT_DAYS = 30
"""An old ledger goes once it is so many days old and there are so many newer ones: when a month is closed it is seen
whether a restore went wrong."""

_ASIDE = re.compile(r".*\.before-restore-(?P<time>\d{8}T\d{6})\.\d+Z")
_BESIDE = ("-wal", "-shm", "-journal")


def building_place(ledger: Path) -> Path:
    """Where a new ledger is built; nothing reads it until it is complete."""
    return ledger.with_name(f"{ledger.name}.restoring")


def complete_place(ledger: Path) -> Path:
    """Where a new ledger lies that is complete, until the old one has gone aside."""
    return ledger.with_name(f"{ledger.name}.restored")


def exchange(ledger: Path) -> str | None:
    """Put a complete new ledger in place. Returns the name of the old one, if there was one.

    To be called by who owns the state directory; called again after a kill it goes on.
    """
    complete = complete_place(ledger)
    made = datetime.fromtimestamp(complete.stat().st_mtime, UTC)
    aside = ledger.with_name(f"{ledger.name}.before-restore-{made:%Y%m%dT%H%M%S.%fZ}")
    for suffix in (*_BESIDE, ""):
        old = ledger.with_name(ledger.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    sync_directory(ledger.parent)
    complete.rename(ledger)
    sync_directory(ledger.parent)
    return aside.name if aside.exists() else None


def finish_exchange(ledger: Path) -> None:
    """After a restore that was killed: take the new ledger where it was complete, else keep the old state."""
    if complete_place(ledger).exists():
        aside = exchange(ledger)
        log.warning("A restore was killed when its ledger was complete: that one is used; the old one is %s", aside)
    if remove_building(ledger):
        log.warning("A restore was killed before its ledger was complete: the old state is as it was")


def old_ledgers(ledger: Path) -> list[tuple[Path, datetime]]:
    """The ledgers that restores have put aside, the newest first, and when each goes at the earliest."""
    beside = ledger.parent.glob(f"{ledger.name}.before-restore-*Z")
    made = {
        file: datetime.strptime(named["time"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        for file in beside
        if (named := _ASIDE.fullmatch(file.name))
    }
    newest_first = sorted(made, key=lambda file: file.name, reverse=True)
    return [(file, made[file] + timedelta(days=KEPT_DAYS)) for file in newest_first]


def remove_old_ledgers(ledger: Path) -> list[Path]:
    """Remove the ledgers that were put aside long ago, but for the last ones. Returns which those were."""
    aged = [file for file, goes in old_ledgers(ledger)[KEPT:] if goes < datetime.now(UTC)]
    for file in aged:
        for suffix in (*_BESIDE, ""):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        log.info("%s was put aside by a restore long ago, and is removed", file.name)
    return aged


def remove_building(ledger: Path) -> bool:
    """Remove what was built of a new ledger. Returns whether there was anything."""
    building = building_place(ledger)
    found = [file for suffix in (*_BESIDE, "") if (file := building.with_name(building.name + suffix)).exists()]
    for file in found:
        file.unlink()
    return bool(found)
