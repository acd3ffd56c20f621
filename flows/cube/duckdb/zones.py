"""How far the clocks of zones are from UTC, day by day.

To ask the engine for the local time of a moment takes a microsecond, for the shift of its day a tenth of that. Days on
which the clocks of a zone are set forward or back have no shift, and neither have those of far times: what lies in them
is asked for moment by moment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import polars as pl

DAY, SHIFT = "day", "shift"
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_LOOKS = 4
"""How often a day the clocks are looked at: none is set twice in between."""


def local_clock(moment: str, zone: str) -> str:
    """What clocks show at a moment in UTC, in SQL."""
    return f"timezone('{zone}', timezone('UTC', {moment}))"


@cache
def day_shifts(zone: str) -> pl.DataFrame:
    """The days in UTC, `day`, on which the clocks of a zone are always as far from UTC, `shift` in microseconds."""
    looks = pl.datetime_range(_FIRST, _LAST, f"{24 // _LOOKS}h", time_zone="UTC", eager=True).alias("utc")
    clocks = looks.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    shifts = (clocks - looks.dt.replace_time_zone(None)).dt.total_microseconds().alias(SHIFT)
    alike = pl.all_horizontal(pl.col(SHIFT) == pl.col(SHIFT).shift(-i) for i in range(1, _LOOKS + 1))
    days = pl.DataFrame([looks, shifts]).with_columns(alike.alias("alike")).gather_every(_LOOKS)
    return days.filter("alike").select(pl.col("utc").dt.date().alias(DAY), SHIFT)
