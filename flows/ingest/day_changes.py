"""What a batch makes of business days. The days are those of the rows that it brings: nothing is searched for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime

import polars as pl

from flows.ingest.work import CheckedBatch
from flows.model.business_day import BusinessDay, SaidBy
from flows.model.calendar import DailyBy, day_meant, in_zone
from flows.model.dataset import Dataset
from flows.model.plan import NewVersion, Plan
from flows.model.types import DATE
from flows.runtime.clock import now_utc
from flows.store.business_days import known_days
from flows.store.ledger import Ledger
from flows.store.upkeep import first_day


def arrived_days(
    dataset: Dataset, ledger: Ledger, plan: Plan, batch: CheckedBatch, rows: pl.DataFrame
) -> list[BusinessDay]:
    """The days that have come with a batch, by its rows, or by files that have none: as they are once it is staged.

    Args:
        dataset: whose batch it is.
        ledger: as it is before the batch.
        plan: what was decided.
        batch: the files.
        rows: the rows that it brings.
    """
    if dataset.expect is None:
        return []
    came = rows_by_day(rows[dataset.expect.day])
    empty = [version for version in plan.new if _says_no_rows(plan, version)]
    if not came and not empty:
        return []
    known, now = known_days(ledger, dataset.name, came), now_utc()
    first = first_day(ledger, dataset.name) if came.keys() - known.keys() else None
    after = {day: _known(known, dataset, day).arrived(count, now) for day, count in came.items() if _kept(day, first)}
    for version in empty:
        day, said_by = _day_without_rows(dataset, dataset.expect, ledger, batch, version)
        if day is not None and day not in after:
            known |= known_days(ledger, dataset.name, [day])
            after[day] = _known(known, dataset, day).arrived(0, now, said_by=said_by, version=version.id)
    return [day for day in after.values() if day != known.get(day.day)]


def rows_by_day(days: pl.Series) -> dict[date, int]:
    """How many rows there are of each day."""
    first, last = days.min(), days.max()
    if first is None:
        return {}
    if first == last and isinstance(first, date):  # the usual case: one file for one day
        return {first: days.len() - days.null_count()}
    return dict(days.drop_nulls().value_counts().iter_rows())


def _known(known: Mapping[date, BusinessDay], dataset: Dataset, day: date) -> BusinessDay:
    return known.get(day) or BusinessDay(dataset.name, day)


def _kept(day: date, first: date | None) -> bool:
    """Whether retention has the day in the cube."""
    return first is None or day >= first


def _says_no_rows(plan: Plan, version: NewVersion) -> bool:
    """Whether it is a sound file of a header alone."""
    verdict = version.verdict
    if verdict is None or not verdict.accepted or not plan.versions[version.id].live:
        return False
    return not verdict.rows and not verdict.refused


def _day_without_rows(
    dataset: Dataset, expect: DailyBy, ledger: Ledger, batch: CheckedBatch, version: NewVersion
) -> tuple[date | None, SaidBy]:
    """The day of which a file says that it has no rows: by its path, else the one that was expected when it came."""
    named = _day_of_path(dataset, expect, version.path)
    if named is not None:
        return named, "path"

    def has_arrived(day: date) -> bool:
        found = known_days(ledger, dataset.name, [day]).get(day)
        return found is not None and (found.arrived_utc is not None or found.is_closed)

    return day_meant(expect, _came(batch, version.path), has_arrived), "expected"


def _day_of_path(dataset: Dataset, expect: DailyBy, path: bytes) -> date | None:
    value = (dataset.values_of_path(os.fsdecode(path)) or {}).get(expect.day)
    if value is None:
        return None
    text = pl.Series(expect.day, [value])
    column = dataset.schema.columns()[expect.day]
    found = text.to_frame().select(DATE.read(text, pl.col(expect.day), column, dataset.format)).item()
    return found if isinstance(found, date) else None


def _came(batch: CheckedBatch, path: bytes) -> datetime:
    """When a file came: when it was found, or earlier, where it lay there before the session looked."""
    found = datetime.fromisoformat(batch.work.detected_utc)
    changed = batch.reads[path].signature.ctime_ns / 1e9
    return in_zone(datetime.fromtimestamp(changed, UTC), UTC) if 0 < changed < found.timestamp() else found
