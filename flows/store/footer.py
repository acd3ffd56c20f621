"""What the file of a segment says of itself: enough to know it again, and to make a lost ledger from.

It lies as JSON in the Parquet file's own metadata. Footers without a format are of format 1: they name the dataset,
the fingerprint and the versions, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import polars as pl

from flows.runtime.clock import now_utc

FORMAT = 2
KEY = "cubefeed"

Origin = Literal["batch", "compaction", "mending"]


class UnknownFooter(Exception):
    """A file has no footer, or one that this program does not understand; the message says why."""


class VersionRow(NamedTuple):
    """What a footer says of a version whose rows the segment holds.

    Args:
        id: its number.
        path: the path that it belonged to when the segment was written.
        digest: of its bytes and of the values from its name.
        mtime_ns: the file's.
        size_bytes: likewise.
        place: its place in the fold.
        rows: how many it has in the segment.
        refused: rows that were left out.
        collapsed: rows that were the same.
        findings: how many findings in all.
        first_finding: JSON of the first one.
        batch: the batch that brought it; None where the whole footer says so, and in format 1.
        detected_utc: when it was found; likewise.
    """

    id: int
    path: bytes
    digest: bytes
    mtime_ns: int
    size_bytes: int
    place: int
    rows: int
    refused: int
    collapsed: int
    findings: int = 0
    first_finding: str | None = None
    batch: int | None = None
    detected_utc: str | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """As in `Verdict.summary`."""
        return {name: getattr(self, name) for name in ("rows", "refused", "collapsed", "findings", "first_finding")}


@dataclass(frozen=True)
class Footer:
    """What a segment says of itself.

    Args:
        dataset: whose rows it holds.
        fingerprint: of the declaration that made them.
        versions: the versions that it holds rows of.
        origin: what wrote it.
        batch: the number of the batch that wrote it; None for another origin, and in format 1.
        after: the last batch that was in the ledger when it was written: no later one had been staged, so a batch
            between that one and this never was. None in format 1.
        detected_utc: when the batch's files were found.
        replaces: the segments that gave way to it.
        first_free: the next free numbers of a version and a place before the batch; places from there on are new.
        first_day: retention: the first day whose rows are in the cube.
        volumes: the landing directory as it was last believed, as the ledger writes it.
        uuid: tells it from another segment of the same number; None in format 1.
        written_utc: when it was written.
        format: the footer's own version.
    """

    dataset: str
    fingerprint: str
    versions: tuple[VersionRow, ...]
    origin: Origin = "batch"
    batch: int | None = None
    after: int | None = None
    detected_utc: str | None = None
    replaces: tuple[int, ...] = ()
    first_free: tuple[int, int] | None = None
    first_day: str | None = None
    volumes: str | None = None
    uuid: str | None = field(default_factory=lambda: str(uuid4()))
    written_utc: str = field(default_factory=now_utc)
    format: int = FORMAT


def footer_text(footer: Footer) -> str:
    """A footer as it lies in a file; what says nothing is left out."""
    facts = {**vars(footer), "versions": [_version_json(version) for version in footer.versions]}
    return json.dumps({name: value for name, value in facts.items() if value not in (None, ())})


def read_footer(file: Path) -> Footer:
    """The footer of a file.

    Raises:
        UnknownFooter: there is none that can be understood.
        OSError: the file cannot be read.
    """
    try:
        text = pl.read_parquet_metadata(file).get(KEY)
    except pl.exceptions.PolarsError as error:
        raise UnknownFooter(f"it is no whole Parquet file ({error})") from None
    if text is None:
        raise UnknownFooter("it is a Parquet file that Cubefeed has not written")
    try:
        facts = json.loads(text)
        form = facts.get("format", 1)
        if form > FORMAT:
            raise UnknownFooter(f"a newer Cubefeed has written it (format {form})")
        return _footer({**facts, "format": form})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnknownFooter(f"its footer cannot be understood ({type(error).__name__}: {error})") from None


def _footer(facts: Mapping[str, Any]) -> Footer:
    known = {name: facts[name] for name in Footer.__dataclass_fields__ if name in facts}
    known["versions"] = tuple(_version(version) for version in facts["versions"])
    for name in ("replaces", "first_free"):
        if name in known:
            known[name] = tuple(known[name])
    return Footer(**{"uuid": None, "written_utc": "", **known})


def _version_json(version: VersionRow) -> dict[str, Any]:
    """The facts of a version; written out, since there may be ten thousand in a segment."""
    facts: dict[str, Any] = {
        "id": version.id,
        "path": version.path.hex(),
        "digest": version.digest.hex(),
        "mtime_ns": version.mtime_ns,
        "size_bytes": version.size_bytes,
        "place": version.place,
        "rows": version.rows,
        "refused": version.refused,
        "collapsed": version.collapsed,
    }
    if version.findings:
        facts |= {"findings": version.findings, "first_finding": version.first_finding}
    if version.batch is not None:
        facts |= {"batch": version.batch, "detected_utc": version.detected_utc}
    return facts


def _version(facts: Mapping[str, Any]) -> VersionRow:
    known = {name: facts[name] for name in VersionRow._fields if name in facts}
    return VersionRow(**{**known, "path": bytes.fromhex(known["path"]), "digest": bytes.fromhex(known["digest"])})
