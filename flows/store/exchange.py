"""A restored ledger takes the place of the old one in one step, and a restore that was killed is finished or undone.

It is built under one name and gets another when it is complete: that rename is the moment from which the new ledger
counts. After it, whatever still lies in its place is the old one, which goes aside whole, its log first: SQLite would
replay a log that lies beside a file of the same name, whoever wrote it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from flows.store.atomic import sync_directory

log = logging.getLogger(__name__)

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


def remove_building(ledger: Path) -> bool:
    """Remove what was built of a new ledger. Returns whether there was anything."""
    building = building_place(ledger)
    found = [file for suffix in (*_BESIDE, "") if (file := building.with_name(building.name + suffix)).exists()]
    for file in found:
        file.unlink()
    return bool(found)
