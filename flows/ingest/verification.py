"""What close-day and verify check: the cube against the ledger, and whether the day's data has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from flows.cube.port import Cube
from flows.ingest.comparison import Expected, compare
from flows.ingest.file_checks import check_files
from flows.landing.mount_thread import MountThread
from flows.model.calendar import shifted
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.merge import Horizon
from flows.model.tables import CONTRIBUTORS_COUNT, FILE, VERSION, Query, Table
from flows.reading.file_reader import FileContent, read_file
from flows.runtime.chunks import group_by_size
from flows.runtime.progress import show_progress
from flows.store.crashes import Crashes
from flows.store.disk import room_for
from flows.store.footer import VersionRow
from flows.store.ledger import Ledger
from flows.store.segment_rows import Part, legible, rows_of, scan_segments
from flows.store.upkeep import version_rows
from flows.text.hindrances import hindrances

READ_BYTES = 64 << 20
"""Landing files that a deep check reads at once."""


def verify(
    table: Table,
    cube: Cube,
    parts: list[Part],
    *,
    files: Sequence[Path] | None = None,
    horizon: Horizon | None = None,
) -> dict[str, Any]:
    """Compare the live cube with a fold of the current versions, row for row.

    Args:
        table: the table.
        cube: the live cube.
        parts: the ledger's live segments.
        files: what `read_again` has written, to fold in place of the segments.
        horizon: what retention leaves out.

    Returns:
        `rows` in the cube, `missing` and `extra` rows by number, and some of them.

    Raises:
        RequestFailed: a segment cannot be read.
    """
    places = {version: place for part in parts for version, place in part.places.items()}
    size = sum(part.facts.rows for part in parts)
    with legible(parts):
        sources = scan_segments(parts) if files is None else [pl.scan_parquet(file, glob=False) for file in files]
        return compare(Expected(table, sources, places, size, horizon), cube)


def retain_from(dataset: Dataset, now: datetime | None = None) -> date | None:
    """The first day that retention keeps; None where all days stay."""
    if dataset.retain_days is None or dataset.expect is None:
        return None
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(dataset.expect.zone)).date()
    return shifted(today, -dataset.retain_days)


def read_again(
    dataset: Dataset, ledger: Ledger, parts: list[Part], mount: MountThread, directory: Path, crashes: Crashes
) -> list[Path]:
    """Write the rows of the current versions, read again from the landing files; from the segments of those gone.

    Some of the files at a time, so that they never are in memory together. Returns what was written into the
    directory.
    """
    versions = version_rows(ledger, [part.facts.id for part in parts])
    written = []
    for number, group in enumerate(group_by_size(versions, lambda version: version.size_bytes, READ_BYTES)):
        written.append(directory / f"{number}.parquet")
        rows = _rows_from_files(dataset, group, parts, mount, crashes)
        with room_for("the check", directory, int(rows.estimated_size())):
            rows.write_parquet(written[-1], compression="lz4")
        show_progress()
    return written


def _rows_from_files(
    dataset: Dataset, versions: list[VersionRow], parts: list[Part], mount: MountThread, crashes: Crashes
) -> pl.DataFrame:
    landed = [SettledFile(version.path, Signature(0, version.mtime_ns, 0, 0)) for version in versions]
    # What sessions have died over is in the segments too.
    with crashes.hold(dataset, landed, wait=False, without_suspects=True) as held:
        reads = mount.call(lambda: {each.path: read_file(dataset, each) for each in held.to_read})
        there = [
            (v, read)
            for v in versions
            if isinstance(read := reads.get(v.path), FileContent) and read.digest == v.digest
        ]
        checked = check_files(dataset, [read for _, read in there])
    ids = pl.Series([version.id for version, _ in there], dtype=pl.Int64)
    fresh = checked.rows.with_columns(ids.gather(checked.rows[FILE]).alias(VERSION))
    gone = {version.id for version in versions} - set(ids)
    columns = [*(column.name for column in dataset.table.columns), VERSION]
    with legible(parts):
        kept = rows_of([part for part in parts if gone & part.places.keys()], dataset.table, gone)
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
    complaints = list(hindrances(degraded=None, problem=problem))
    if checked["missing"] or checked["extra"]:
        complaints.append(
            f"the cube differs from the ledger: {checked['missing']} rows missing, {checked['extra']} extra"
        )
    if not day["arrived"]:
        complaints.append(f"no row of {day['business_day']} has come")
    return complaints
