"""Business days of which the ledger does not know that they have come: an earlier Cubefeed has written it, it was
restored, or the dataset says only now which column holds its days. They are derived from the segments and the versions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date, datetime

from flows.ingest.day_changes import day_has_come, day_of_path
from flows.model.business_day import BusinessDay, SaidBy
from flows.model.calendar import DailyBy, day_meant
from flows.model.dataset import Dataset
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.store.business_days import day_column, known_days, loaded_at, set_days, versions_without_rows
from flows.store.ledger import Ledger
from flows.store.segment_rows import Part, first_versions
from flows.store.upkeep import first_day
from flows.text.plural import counted

log = logging.getLogger(__name__)


def derive_days(dataset: Dataset, ledger: Ledger, parts: Callable[[], Iterable[Part]]) -> None:
    """Derive the days that have come, once; nobody is told of them. What hinders it can wait until the next start.

    What the ledger knows of a day stays. When a day was late or restated is not derived, and a day has come when the
    first of the files was loaded that are in the cube now.

    Args:
        dataset: whose days.
        ledger: where.
        parts: its live segments.
    """
    column = dataset.expect.day if dataset.expect is not None else None
    try:
        with boundary(Scope.DATASET):
            if day_column(ledger, dataset.name) == column:
                return
            days = _derived(dataset, dataset.expect, ledger, parts()) if dataset.expect is not None else []
            set_days(ledger, dataset.name, column, days)
    except DatasetFailed as failed:
        log.warning("%s: which business days have come is looked up at the next start: %s", dataset.name, failed)
        return
    if days:
        log.info("%s: %s known from what is loaded", dataset.name, counted(len(days), "business day"))


def _derived(dataset: Dataset, expect: DailyBy, ledger: Ledger, parts: Iterable[Part]) -> list[BusinessDay]:
    first, found = first_day(ledger, dataset.name), first_versions(parts, expect.day)
    kept = {day: each for day, each in found.items() if first is None or day >= first}
    known = known_days(ledger, dataset.name, kept)
    times = loaded_at(ledger, {version for version, _ in kept.values()})
    after = {
        day: known.get(day, BusinessDay(dataset.name, day)).arrived(rows, times[version])
        for day, (version, rows) in kept.items()
        if version in times
    }

    def has_come(day: date) -> bool:
        return day in after or day_has_come(ledger, dataset.name, day)

    for version, path, detected_utc, loaded_utc in versions_without_rows(ledger, dataset.name):
        if dataset.is_archive(path):
            continue
        named = day_of_path(dataset, expect, path)
        day = named or day_meant(expect, datetime.fromisoformat(detected_utc), has_come)
        if day is not None and day not in after:
            before = known_days(ledger, dataset.name, [day]).get(day, BusinessDay(dataset.name, day))
            said_by: SaidBy = "path" if named is not None else "expected"
            known[day] = before
            after[day] = before.arrived(0, loaded_utc, said_by=said_by, version=version)
    return [day for day in after.values() if day != known.get(day.day)]
