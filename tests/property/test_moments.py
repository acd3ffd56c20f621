"""Random moments: what a file says with an offset, or as the clocks of a zone, is what is kept, shown and asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dataframely as dy
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.condition_values import parse_value
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.model.types import MOMENT
from flows.validation.casts import cast_rows

ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
CLOCK = "%Y-%m-%d %H:%M:%S"
# In the years of which every time zone database says the same.
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2020, 12, 31))  # noqa: DTZ001 - a clock shows no zone
CHANGES = st.sampled_from([
    datetime(2019, 3, 31, 1), datetime(2019, 10, 27, 1), datetime(2019, 3, 10, 7), datetime(2019, 11, 3, 6),  # noqa: DTZ001
    datetime(2019, 4, 6, 15), datetime(2019, 10, 5, 15),  # noqa: DTZ001
])  # fmt: skip
NEAR_CHANGES = st.tuples(CHANGES, st.integers(-180, 180)).map(lambda drawn: drawn[0] + timedelta(minutes=drawn[1]))


def read(dataset: Dataset, text: str) -> datetime | None:
    rows = pl.DataFrame({"At": [text], FILE: 0, LINE: 1})
    found: datetime | None = dataset.kept(cast_rows(dataset.schema, dataset.first_format.cells, rows).frame)[
        "At"
    ].item()
    return found


def declare(zone: str, csv: Csv) -> Dataset:
    return Dataset(type("S", (dy.Schema,), {"At": dy.Datetime(time_zone=zone, nullable=True)}), "landing", format=csv)


@given(ZONES, TIMES | NEAR_CHANGES, st.integers(-14 * 60, 14 * 60))
@settings(max_examples=150, deadline=None)
def test_a_moment_with_an_offset_is_that_moment_wherever_it_is_shown(zone: str, clock: datetime, offset: int) -> None:
    dataset, utc = declare(zone, Csv(datetime_format=f"{CLOCK}%z")), clock.replace(microsecond=0, tzinfo=UTC)
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    local = utc.replace(tzinfo=None) + timedelta(minutes=offset)
    assert read(dataset, f"{local:{CLOCK}}{sign}{hours:02}:{minutes:02}") == utc
    kind, kept = MOMENT.in_zone(zone), pl.DataFrame({"At": [utc]}, schema={"At": MOMENT.frame})
    shown = kept.select(kind.json(pl.col("At"))).item()
    assert shown == kind.words(utc) == utc.astimezone(ZoneInfo(zone)).isoformat()
    assert parse_value(dataset.table.level("At"), shown) == utc


@given(ZONES, TIMES | NEAR_CHANGES, st.sampled_from([None, "earliest", "latest"]))
@settings(max_examples=150, deadline=None)
def test_a_time_of_a_zones_clocks_is_the_moment_at_which_they_show_it(
    zone: str, clock: datetime, side: str | None
) -> None:
    clock = clock.replace(microsecond=0)
    candidates = {clock.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    moments = sorted(at for at in candidates if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == clock)
    chosen = {None: moments if len(moments) == 1 else [], "earliest": moments[:1], "latest": moments[-1:]}[side]
    csv = Csv() if side is None else Csv(ambiguous="earliest" if side == "earliest" else "latest")
    assert read(declare(zone, csv), f"{clock:{CLOCK}}") == (chosen[0] if chosen else None)
