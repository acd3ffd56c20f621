"""Random corrections of closed days: the ledger says of each which of its totals are others now, and nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flows.model.business_day import BusinessDay
from flows.model.calendar import DailyBy
from flows.model.policies import Unload
from flows.model.query import Query
from flows.store.business_days import days_of
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]
EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
MAY = [date(2021, 5, day) for day in range(1, 5)]
STEPS = 40


def totals(living: LiveFeed) -> dict[date, dict[str, Any]]:
    names = ("Quantity.SUM", "Quantity.MEAN", "contributors.COUNT")
    found = living.feed.cube.query(Query("sales", names, ("Date",))).to_dicts()
    return {row.pop("Date"): row for row in found}


def changes(day: BusinessDay) -> dict[str, Any]:
    return {change.measure: change.after for change in day.changes}


def others(day: BusinessDay, now: dict[date, dict[str, Any]]) -> dict[str, Any]:
    """The totals that are others than those with which a day was closed."""
    there = now.get(day.day, {})
    return {name: there.get(name) for name, was in (day.totals or {}).items() if there.get(name) != was}


def step(living: LiveFeed, chance: Random) -> None:
    """Write, correct or delete one of two files of a day, whose keys overlap; or close the day."""
    day = chance.choice(MAY)
    file = living.landing / f"{day}-{chance.choice(['a', 'b'])}.csv"
    done = len(living.outcomes)
    action = chance.choice(["write", "delete", "close"])
    if action == "close":
        ask(living, "close-day", date=day.isoformat())
    elif action == "delete" and file.exists():
        file.unlink()
    else:
        quantities = [chance.randrange(9) for _ in range(chance.randrange(1, 4))]
        file.write_bytes(sales(*quantities, start=10 * day.day + chance.randrange(2), day=day.isoformat()))
    living.inbox.rescan()
    living.wait_until(lambda: len(living.outcomes) > done or not file.exists())
    living.look()


@pytest.mark.parametrize("seed", range(1))
def test_after_each_correction_the_ledger_names_the_totals_that_are_others(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    with live(tmp_path, "polling", expect=EXPECT, when_deleted=Unload()) as living:
        living.put("other.csv", sales(1, start=1000, day="2020-01-01"))  # so that the directory is never empty
        for number in range(STEPS):
            step(living, chance)
            living.wait_until(
                lambda: all(
                    changes(day) == others(day, totals(living))
                    for day in days_of(living.feed.ledger, "sales", MAY[0], MAY[-1])
                    if day.is_closed
                )
            )
            known = {day.day for day in days_of(living.feed.ledger, "sales", MAY[0], MAY[-1]) if day.has_come}
            assert totals(living).keys() - {date(2020, 1, 1)} <= known, f"step {number}"
