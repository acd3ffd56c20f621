"""What a batch makes of business days. The days are those of the rows that it brings: nothing is searched for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from flows.ingest.day_measures import Measured
from flows.ingest.work import CheckedBatch
from flows.model.business_day import BusinessDay, DayChange, SaidBy
from flows.model.calendar import DailyBy, day_meant, in_zone, is_due
from flows.model.dataset import Dataset
from flows.model.plan import NewVersion, Plan
from flows.model.types import DATE
from flows.runtime.clock import now_utc
from flows.store.business_days import closed_days, known_days, said_by, write_days
from flows.store.ledger import Ledger
from flows.store.upkeep import first_day

_EPOCH = date(1970, 1, 1)
"""From which polars counts days."""


@dataclass(frozen=True)
class BatchDays:
    """The days that a batch may change.

    Args:
        after: as they are once it is staged.
        changed: those of them that have come with it, or have not come after all.
    """

    after: tuple[BusinessDay, ...] = ()
    changed: tuple[BusinessDay, ...] = ()


def arrived_days(
    dataset: Dataset, ledger: Ledger, plan: Plan, batch: CheckedBatch, came: Mapping[date, int]
) -> BatchDays:
    """The days that come with a batch, by its rows, or by files that have none.

    Args:
        dataset: whose batch it is.
        ledger: as it is before the batch.
        plan: what was decided.
        batch: the files.
        came: day → how many rows of it the batch brings, of those days of which that may be news.
    """
    if dataset.expect is None:
        return BatchDays()
    empty = [each for each in plan.new if _says_no_rows(plan, each) and not dataset.is_archive(each.path)]
    withdrawn = _withdrawn(plan)
    if not came and not empty and not withdrawn:
        return BatchDays()
    known, now = known_days(ledger, dataset.name, came), now_utc()
    before = {day.day: day for day in said_by(ledger, dataset.name, withdrawn)} if withdrawn else {}
    known |= {day: each.taken_back() for day, each in before.items()}
    first = first_day(ledger, dataset.name) if came.keys() - known.keys() else None
    after = {day: _known(known, dataset, day).arrived(count, now) for day, count in came.items() if _kept(day, first)}
    for version in empty:
        day, words = _day_without_rows(dataset, dataset.expect, ledger, batch, version)
        if day is not None and day not in after:
            known = known_days(ledger, dataset.name, [day]) | known
            after[day] = _known(known, dataset, day).arrived(0, now, said_by=words, version=version.id)
    before, after = known | before, known | after
    return BatchDays(tuple(after.values()), tuple(day for day in after.values() if day != before.get(day.day)))


def note_close(
    dataset: Dataset, ledger: Ledger, measured: Measured, day: date, *, is_sound: bool, run: str | None
) -> list[DayChange]:
    """Write into the ledger what a close has found: of the day that it closes, and of those that were closed before and
    have other totals now. Returns what days have become.

    Args:
        dataset: whose day.
        ledger: where.
        measured: the totals of all days.
        day: the day.
        is_sound: whether there is nothing to complain of, so that it is closed.
        run: the Prefect run that closes it.
    """
    now, first = now_utc(), first_day(ledger, dataset.name)
    before = {each.day: each for each in closed_days(ledger, dataset.name) if _kept(each.day, first)}
    after = {at: each.compared(measured.on(at), measured.rows_on(at), now) for at, each in before.items()}
    restated = [each for at, each in after.items() if each != before[at]]
    found = after.get(day) or _known(known_days(ledger, dataset.name, [day]), dataset, day)
    if is_sound:
        closed = found.closed(measured.on(day), measured.rows_on(day), now, run=run)
    else:
        closed = found.late(now) if not measured.rows_on(day) and is_due(dataset.expect, day, _moment(now)) else found
    with ledger.writing() as connection:
        write_days(connection, restated)
        write_days(connection, [closed.checked(now)], untold=closed != found)
    changed = [*restated, *([closed] if closed != found else [])]
    return [each.change for each in changed if each.change is not None]


def rows_by_day(dataset: Dataset, rows: pl.DataFrame) -> dict[date, int]:
    """How many of the rows there are of each day; nothing where the dataset has no days."""
    if dataset.expect is None or rows.is_empty():
        return {}
    days = rows[dataset.expect.day]
    first, last = days.min(), days.max()
    if first is None:
        return {}
    if first == last and isinstance(first, date):  # the usual case: one file for one day
        return {first: days.len() - days.null_count()}
    numbers = days.drop_nulls().to_physical().to_numpy()
    lowest = int(numbers.min())
    counts = np.bincount(numbers - lowest)  # a calendar has some million days, and this is far faster than a hash table
    return {_EPOCH + timedelta(days=lowest + int(at)): int(counts[at]) for at in counts.nonzero()[0]}


def _known(known: Mapping[date, BusinessDay], dataset: Dataset, day: date) -> BusinessDay:
    return known.get(day) or BusinessDay(dataset.name, day)


def _kept(day: date, first: date | None) -> bool:
    """Whether retention has the day in the cube."""
    return first is None or day >= first


def _withdrawn(plan: Plan) -> list[int]:
    """The versions without rows that leave with a batch."""
    new = {version.id for version in plan.new}
    return [id for id, facts in plan.versions.items() if facts.content is None and not facts.live and id not in new]


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
    named = day_of_path(dataset, expect, version.path)
    if named is not None:
        return named, "path"
    came = _came(batch, version.path)
    return day_meant(expect, came, lambda day: day_has_come(ledger, dataset.name, day)), "expected"


def day_has_come(ledger: Ledger, dataset: str, day: date) -> bool:
    """Whether the ledger knows that a day has come."""
    found = known_days(ledger, dataset, [day]).get(day)
    return found is not None and found.has_come


def day_of_path(dataset: Dataset, expect: DailyBy, path: bytes) -> date | None:
    """The day that a file's path gives, where one of its columns is that of the day."""
    value = (dataset.values_of_path(os.fsdecode(path)) or {}).get(expect.day)
    if value is None:
        return None
    text = pl.Series(expect.day, [value])
    column = dataset.row_schema.columns()[expect.day]
    cells = dataset.of_file(path).first_format.cells.of(expect.day)
    found = text.to_frame().select(DATE.read(text, pl.col(expect.day), column, cells)).item()
    return found if isinstance(found, date) else None


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc)


def _came(batch: CheckedBatch, path: bytes) -> datetime:
    """When a file came: when it was found, or earlier, where it lay there before the session looked."""
    found = datetime.fromisoformat(batch.work.detected_utc)
    changed = batch.reads[path].signature.ctime_ns / 1e9
    return in_zone(datetime.fromtimestamp(changed, UTC), UTC) if 0 < changed < found.timestamp() else found
