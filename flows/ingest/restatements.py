"""Corrections of days that were closed: which totals are others now.

A batch is looked at when it is in the cube, by the days of the rows that it brought and of those that left. A row that
moves to another day under the same key is seen when the next day is closed, which compares all that were.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from flows.cube.port import Cube
from flows.errors import CubefeedError
from flows.ingest.day_measures import measure_days
from flows.ingest.live_segments import LiveSegments
from flows.model.business_day import BusinessDay
from flows.model.dataset import Dataset
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.clock import now_utc
from flows.store.business_days import known_days, write_days
from flows.store.ledger import Ledger
from flows.store.segment_rows import dates_of

log = logging.getLogger(__name__)


def restate(
    dataset: Dataset, ledger: Ledger, cube: Cube, live: LiveSegments, *, came: Iterable[BusinessDay], left: set[int]
) -> list[BusinessDay]:
    """The closed days whose totals a batch has changed, as they are in the ledger now.

    Args:
        dataset: whose batch it was.
        ledger: where.
        cube: with the batch in it.
        live: where the rows are that have left.
        came: the days of the rows that it brought.
        left: the contents that it took out; none where no day was ever closed.
    """
    closed = {day.day: day for day in came if day.is_closed}
    if dataset.expect is None or not (closed or left):
        return []
    try:
        with boundary(Scope.DATASET):
            if left:
                touched = dates_of(live.with_contents(dataset.name, left), dataset.expect.day, left)
                found = known_days(ledger, dataset.name, touched - closed.keys())
                closed |= {day: each for day, each in found.items() if each.is_closed}
            return _restate(dataset, dataset.expect.day, ledger, cube, list(closed.values()))
    except (DatasetFailed, CubefeedError) as failed:
        log.warning("%s: whether closed days were corrected is seen at the next close: %s", dataset.name, failed)
        return []


def _restate(
    dataset: Dataset, column: str, ledger: Ledger, cube: Cube, closed: Sequence[BusinessDay]
) -> list[BusinessDay]:
    if not closed:
        return []
    measured, now = measure_days(cube, dataset.table, column, [day.day for day in closed]), now_utc()
    after = [day.compared(measured.on(day.day), measured.rows_on(day.day), now) for day in closed]
    changed = [new for old, new in zip(closed, after, strict=True) if new != old]
    if changed:
        with ledger.writing() as connection:
            write_days(connection, changed)
    return changed
