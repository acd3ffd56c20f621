"""What close-day and verify check: the cube against the ledger, and whether the day's data has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from flows.cube.port import Cube
from flows.errors import RequestFailed
from flows.ingest.comparison import Expected, compare
from flows.ingest.day_measures import Measured
from flows.ingest.derivation import derive_contents
from flows.ingest.file_checks import check_files
from flows.landing.mount_thread import MountThread
from flows.model.business_day import BusinessDay
from flows.model.calendar import has_data, shifted
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.merge import Horizon
from flows.model.tables import FILE, VERSION, Table
from flows.reading.archive import DeliveryReader
from flows.reading.file_reader import FileContent
from flows.runtime.chunks import group_by_size
from flows.runtime.progress import show_progress
from flows.store.crashes import Crashes
from flows.store.disk import room_for
from flows.store.ledger import Ledger
from flows.store.segment_rows import Part, legible, rows_of, scan_segments
from flows.store.segments import Segments
from flows.store.upkeep import Content, contents_in
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
    ranks = {content: rank for part in parts for content, rank in part.ranks.items()}
    size = sum(part.facts.rows for part in parts)
    with legible(parts):
        sources = scan_segments(parts) if files is None else [pl.scan_parquet(file, glob=False) for file in files]
        keys_repeat = any(part.facts.keys_repeat for part in parts)
        return compare(Expected(table, sources, ranks, size, horizon, keys_repeat), cube)


def retain_from(dataset: Dataset, now: datetime | None = None) -> date | None:
    """The first day that retention keeps; None where all days stay."""
    if dataset.retain_days is None or dataset.expect is None:
        return None
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(dataset.expect.zone)).date()
    return shifted(today, -dataset.retain_days)


def read_again(
    dataset: Dataset,
    ledger: Ledger,
    segments: Segments,
    parts: list[Part],
    mount: MountThread,
    directory: Path,
    crashes: Crashes,
) -> list[Path]:
    """Write the rows of the current versions, read again from the landing files; from the segments of those gone, and
    derived again of what an earlier declaration has written.

    Some of the files at a time, so that they never are in memory together. Returns what was written into the
    directory.
    """
    written = []
    for number, rows in enumerate(_rows_again(dataset, ledger, segments, parts, mount, crashes)):
        written.append(directory / f"{number}.parquet")
        with room_for("the check", directory, int(rows.estimated_size())):
            rows.write_parquet(written[-1], compression="lz4")
        show_progress()
    return written


def _rows_again(
    dataset: Dataset, ledger: Ledger, segments: Segments, parts: list[Part], mount: MountThread, crashes: Crashes
) -> Iterator[pl.DataFrame]:
    first = {id: facts for id, facts in ledger.segments(dataset.name).items() if id in {p.facts.id for p in parts}}
    earlier = [id for id, facts in first.items() if facts.fingerprint != dataset.fingerprint]
    for id in earlier:
        with legible([part for part in parts if part.facts.id == id]):
            yield derive_contents(dataset, segments, first[id], contents_in(ledger, [id])).rows
    contents = contents_in(ledger, first.keys() - set(earlier))
    for group in group_by_size(contents, lambda content: content.size_bytes, READ_BYTES):
        yield _rows_from_files(dataset, group, parts, mount, crashes)


def _rows_from_files(
    dataset: Dataset, contents: list[Content], parts: list[Part], mount: MountThread, crashes: Crashes
) -> pl.DataFrame:
    landed = [SettledFile(path, Signature(0, each.mtime_ns, 0, 0)) for each in contents for path in each.paths]
    # What sessions have died over is in the segments too.
    with crashes.hold(dataset, landed, wait=False, without_suspects=True) as held:
        to_read = {each.path: each for each in held.to_read}
        reader = DeliveryReader(dataset)
        reads = mount.call(lambda: {each.id: _read_one(reader, each, to_read) for each in contents})
        there = {id: read for id, read in reads.items() if read is not None}
        checked = check_files(dataset, list(there.values()))
    ids = pl.Series(list(there), dtype=pl.Int64)
    fresh = checked.rows.with_columns(ids.gather(checked.rows[FILE]).alias(VERSION))
    sound = {id for id, read in there.items() if checked.verdicts[read.landed.path].accepted}
    gone = {content.id for content in contents} - sound  # a declaration that became stricter takes no row away
    with legible(parts):
        kept = rows_of([part for part in parts if gone & part.ranks.keys()], dataset.table, gone)
    return pl.concat([fresh.select(kept.columns), kept], how="vertical_relaxed")


def _read_one(reader: DeliveryReader, content: Content, to_read: Mapping[bytes, SettledFile]) -> FileContent | None:
    """The file that shows a content, at the first path that does."""
    for path in content.paths:
        read = reader.read(to_read[path]) if path in to_read else None
        if isinstance(read, FileContent) and read.identity == content.identity:
            return read
    return None


def require_day_column(dataset: Dataset, day: date | None) -> None:
    """Refuse a day of a dataset none of whose rows belong to one.

    Raises:
        RequestFailed: the dataset declares no `expect`.
    """
    if day is not None and dataset.expect is None:
        raise RequestFailed(
            "The dataset does not say which rows belong to a business day",
            next_step="declare expect=DailyBy(…), or leave the date out",
            dataset=dataset.name,
            date=day,
        )


def day_facts(
    dataset: Dataset, measured: Measured | None, known: BusinessDay | None, day: date | None
) -> dict[str, Any]:
    """Whether data of a business day is expected, whether it has come, and how many rows of it the cube holds.

    It has come where it has rows, or where a file has said that there are none; where its rows cannot be counted, the
    ledger says it.
    """
    if dataset.expect is None or measured is None or day is None:
        return {"business_day": None, "expected": False, "day_rows": None, "arrived": True}
    rows, expected = measured.rows_on(day), has_data(dataset.expect, day)
    arrived = bool(rows) or (known is not None and (known.version is not None or (rows is None and known.has_come)))
    return {"business_day": day.isoformat(), "expected": expected, "day_rows": rows, "arrived": arrived}


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
    if day["expected"] and not day["arrived"]:
        complaints.append(f"no row of {day['business_day']} has come")
    return complaints
