"""What the file of a segment says of itself: enough to know it again, and to make a lost ledger from.

It lies as JSON in the Parquet file's own metadata, with a checksum of its own.

| format | says |
|---|---|
| 1 | the dataset, the fingerprint and the versions whose rows it holds; such a footer names no format |
| 2 | also what wrote it, and which batches were there before |
| 3 | the decisions of its batches, in place of the versions |
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import polars as pl

from flows.runtime.clock import now_utc
from flows.store.decision_text import decisions_text, parse_decisions
from flows.store.decisions import Decisions

FORMAT = 4
KEY = "cubefeed"

Origin = Literal["batch", "compaction", "repair", "derived"]
"""In format 2 a repair is called `mending`."""


class UnknownFooter(Exception):
    """A file has no footer, or one that this program does not understand; the message says why."""


class FooterVersion(NamedTuple):
    """What a footer of format 1 or 2 says of a version whose rows the segment holds.

    Args:
        id: its number.
        path: the path that it belonged to when the segment was written.
        digest: of its bytes and of the values from its name.
        mtime_ns: the file's.
        size_bytes: likewise.
        place: where it stood in the merge.
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


@dataclass(frozen=True)
class Footer:
    """What a segment says of itself.

    Args:
        dataset: whose rows it holds.
        fingerprint: of the declaration that made them.
        decisions: what its batch wrote into the ledger; or, where it was merged from other segments, what the ledger
            had, when it was written, of all that theirs name.
        covers: the batches whose decisions they are: after the first of each pair, up to the second. The first is the
            dataset's batch before, so that it is known where one is missing.
        versions: in formats 1 and 2, the versions that it holds rows of.
        origin: what wrote it.
        batch: the number of the batch that wrote it; None for another origin, and in format 1.
        after: the last batch that was in the ledger when it was written: no later one had been staged, so a batch
            between that one and this never was. None in format 1.
        detected_utc: in format 2, when the batch's files were found.
        replaces: the segments that gave way to it.
        first_day: retention: the first day whose rows are in the cube.
        volumes: the landing directory as it was last believed, as the ledger writes it.
        keys_repeat: whether one of its contents has a key twice.
        merge_keys: the key columns under which its rows are merged, and their types, as the ledger writes them.
        uuid: tells it from another segment of the same number; None in format 1.
        written_utc: when it was written.
        format: the footer's own version.
    """

    dataset: str
    fingerprint: str
    decisions: Decisions = field(default_factory=Decisions)
    covers: tuple[tuple[int, int], ...] = ()
    versions: tuple[FooterVersion, ...] = ()
    origin: Origin = "batch"
    batch: int | None = None
    after: int | None = None
    detected_utc: str | None = None
    replaces: tuple[int, ...] = ()
    first_day: str | None = None
    volumes: str | None = None
    keys_repeat: bool = False
    merge_keys: str | None = None
    uuid: str | None = field(default_factory=lambda: str(uuid4()))
    written_utc: str = field(default_factory=now_utc)
    format: int = FORMAT

    @property
    def is_former(self) -> bool:
        """Whether an earlier Cubefeed has written it, so that there are no decisions in it."""
        return self.format < 3

    @property
    def digests(self) -> dict[int, bytes]:
        """Version → digest, of all versions that it says anything of."""
        former = {row.id: row.digest for row in self.versions}
        return former | {row.id: row.digest for row in self.decisions.versions}


def footer_text(footer: Footer) -> str:
    """A footer as it lies in a file; what says nothing is left out."""
    facts: dict[str, Any] = {**vars(footer), "decisions": decisions_text(footer.decisions, footer.written_utc)}
    facts = {name: value for name, value in facts.items() if value not in (None, ()) and value is not False}
    return json.dumps({**facts, "crc": _checksum(facts)})


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
        return _checked(facts) if form == FORMAT or "crc" in facts else _footer({**facts, "format": form})
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, zlib.error) as error:
        raise UnknownFooter(f"its footer cannot be understood ({type(error).__name__}: {error})") from None


def _checked(facts: dict[str, Any]) -> Footer:
    if facts.pop("crc", None) != _checksum(facts):
        raise UnknownFooter("its footer is damaged (its checksum differs)")
    return _footer({**facts, "decisions": parse_decisions(facts["decisions"], facts["written_utc"])})


def _checksum(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts).encode())


def _footer(facts: Mapping[str, Any]) -> Footer:
    known = {name: facts[name] for name in Footer.__dataclass_fields__ if name in facts}
    known["versions"] = tuple(_former(version) for version in facts.get("versions", ()))
    known["covers"] = tuple((first, last) for first, last in facts.get("covers", ()))
    known["replaces"] = tuple(facts.get("replaces", ()))
    return Footer(**{"uuid": None, "written_utc": "", **known})


def _former(facts: Mapping[str, Any]) -> FooterVersion:
    known = {name: facts[name] for name in FooterVersion._fields if name in facts}
    return FooterVersion(**{**known, "path": bytes.fromhex(known["path"]), "digest": bytes.fromhex(known["digest"])})
