"""What close-day and verify check: the cube against the ledger, and whether the day's data has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from flows.app.checking import check_files
from flows.core.calendar import shifted
from flows.core.changes import Horizon, winners
from flows.core.dataset import Dataset
from flows.core.files import Landed, Signature
from flows.core.model import CONTRIBUTORS_COUNT, FILE, VERSION, Query, Table
from flows.cube.port import Cube
from flows.landing.mount import Mount
from flows.landing.reader import Read, read_file
from flows.store.ledger import Ledger
from flows.store.segments import Part, all_rows, rows_of
from flows.store.upkeep import version_rows

SHOWN_ROWS = 20


def verify(
    table: Table,
    cube: Cube,
    parts: list[Part],
    *,
    rows: pl.DataFrame | None = None,
    horizon: Horizon | None = None,
) -> dict[str, Any]:
    """Compare the live cube with a fold of the current versions, row for row.

    Args:
        table: the table.
        cube: the live cube.
        parts: the ledger's live segments.
        rows: the rows to fold; those of the segments by default.
        horizon: what retention leaves out.

    Returns:
        `rows` in the cube, `missing` and `extra` rows by number, and some of them.
    """
    places = {version: place for part in parts for version, place in part.places.items()}
    expected = winners(table, all_rows(parts, table) if rows is None else rows, places)
    if horizon is not None:
        expected = expected.filter(horizon.kept())
    actual = cube.rows(table.name).select(expected.columns).cast(dict(expected.schema))  # type: ignore[arg-type]  # polars' stubs want a narrower mapping
    missing, extra = _but(expected, actual), _but(actual, expected)
    return {
        "rows": actual.height,
        "missing": missing.height,
        "extra": extra.height,
        "examples": [*_shown(missing, "missing"), *_shown(extra, "extra")],
    }


def retain_from(dataset: Dataset, now: datetime | None = None) -> date | None:
    """The first day that retention keeps; None where all days stay."""
    if dataset.retain_days is None or dataset.expect is None:
        return None
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(dataset.expect.zone)).date()
    return shifted(today, -dataset.retain_days)


def rows_from_files(dataset: Dataset, ledger: Ledger, parts: list[Part], mount: Mount) -> pl.DataFrame:
    """The rows of the current versions read again from the landing files; from the segments where a file is gone."""
    versions = version_rows(ledger, [part.facts.id for part in parts])
    landed = {version.id: Landed(version.path, Signature(0, version.mtime_ns, 0, 0)) for version in versions}
    reads = mount.call(lambda: {id: read_file(dataset, each) for id, each in landed.items()})
    there = [(v, read) for v in versions if isinstance(read := reads[v.id], Read) and read.digest == v.digest]
    checked = check_files(dataset, [read for _, read in there])
    ids = pl.Series([version.id for version, _ in there], dtype=pl.Int64)
    fresh = checked.rows.with_columns(ids.gather(checked.rows[FILE]).alias(VERSION))
    gone = {version.id for version in versions} - set(ids)
    columns = [*(column.name for column in dataset.table.columns), VERSION]
    kept = rows_of(parts, dataset.table, gone)
    return pl.concat([fresh.select(columns), kept], how="vertical_relaxed")


def day_facts(dataset: Dataset, cube: Cube, day: date | None) -> dict[str, Any]:
    """How many rows of a business day the cube holds; of none where none is expected."""
    if dataset.expect is None or day is None:
        return {"business_day": None, "day_rows": None, "arrived": True}
    query = Query(dataset.table.name, (CONTRIBUTORS_COUNT,), where={dataset.expect.day: [day]})
    rows = int(cube.query(query)[CONTRIBUTORS_COUNT][0])
    return {"business_day": day.isoformat(), "day_rows": rows, "arrived": rows > 0}


def complaints_of(checked: Mapping[str, Any], day: Mapping[str, Any], problem: str | None) -> list[str]:
    """What is not as it should be, in words.

    Args:
        checked: what `verify` found.
        day: what `day_facts` found.
        problem: why the landing directory cannot be seen, if it cannot.
    """
    said = [f"waiting, because {problem}"] if problem else []
    if checked["missing"] or checked["extra"]:
        said.append(f"the cube differs from the ledger: {checked['missing']} rows missing, {checked['extra']} extra")
    if not day["arrived"]:
        said.append(f"no row of {day['business_day']} has come")
    return said


def _but(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Rows of `left` that stand more often there than in `right`."""
    columns = left.columns
    counted = [frame.group_by(columns).len("n") for frame in (left, right)]
    both = counted[0].join(counted[1], on=columns, how="left", nulls_equal=True, suffix="_right")
    return both.filter(pl.col("n") > pl.col("n_right").fill_null(0)).select(columns)


def _shown(rows: pl.DataFrame, difference: str) -> list[dict[str, Any]]:
    return [
        {"difference": difference, **{name: str(value) for name, value in row.items() if name != VERSION}}
        for row in rows.head(SHOWN_ROWS).to_dicts()
    ]
