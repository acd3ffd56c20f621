"""When the day of a dataset is closed: the schedule that its declaration means."""

from __future__ import annotations

from prefect.schedules import Cron, Schedule

from flows.model.calendar import DailyBy
from flows.model.dataset import Dataset

CLOSE_CRON = "0 6 * * *"
"""When a day is closed where the dataset does not say when its data is expected."""


def schedule_of(dataset: Dataset) -> Schedule:
    """The schedule of close-day: each time at which a day's data must have come, in the dataset's own zone."""
    if dataset.expect is None:
        return Cron(CLOSE_CRON, timezone="UTC")
    hour, minute = dataset.expect.time.split(":")
    return Cron(f"{int(minute)} {int(hour)} * * {_days_of_week(dataset.expect)}", timezone=dataset.expect.zone)


def _days_of_week(expect: DailyBy) -> str:
    """The weekdays on which data is due, which come `lag_days` after the business days; for cron Sunday is 0."""
    due = sorted({(day + expect.lag_days + 1) % 7 for day in expect.weekdays})
    return "*" if len(due) == 7 else ",".join(map(str, due))
