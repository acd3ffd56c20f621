"""What keeps the ledger and its segments in shape: replaced segments, changed declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.dataset import Dataset
from flows.model.files import Signature
from flows.model.findings import Verdict
from flows.model.lifecycle import LIVE, Cause, Identity, State
from flows.model.merge import Horizon
from flows.runtime.clock import now_utc
from flows.store.ledger import LIVE_CONTENTS_OF, Ledger, SegmentFacts, live_contents
from flows.store.schema import datasets, paths, segments, versions
from flows.store.statements import OF, among, dataset_fact

NEVER = {"ctime_ns": 0, "inode": 0}
"""Of a signature: no file has these, so that the path is read again where its file lies, and seen to be gone where it
does not. A path without a signature is never seen to be gone."""


_holder = versions.alias("holder")  # made once: it takes longer than to ask for the contents of a segment
_LIVE_ROWS = select(func.coalesce(func.sum(versions.c.rows), 0)).where(versions.c.id.in_(LIVE_CONTENTS_OF))


@dataclass(frozen=True)
class AcceptedVersion:
    """The version that a path accepted last, whether it is in the cube or unloaded."""

    id: int
    path: bytes
    segment: int | None
    detected_utc: str


@dataclass
class Replacement:
    """Segments that give way to a new one.

    Args:
        old: their ids.
        new: the segment that holds the rows of all live versions that stay.
        checked: versions that were checked again → the new verdict; one that is not accepted is quarantined.
        lost: versions whose rows are nowhere any more → why.
        damaged: whether the old ones cannot be read any more, so that nothing must refer to them.
        ended_utc: when what leaves the cube leaves it.
    """

    old: Sequence[int]
    new: SegmentFacts | None
    checked: dict[int, Verdict] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    damaged: bool = False
    ended_utc: str = field(default_factory=now_utc)


@dataclass(frozen=True)
class Content:
    """Rows that are in the cube, and where they came from.

    Args:
        id: the version that brought them.
        paths: the paths that have them, in the order of their arrival.
        identity: of the delivery.
        mtime_ns, size_bytes: of the file that brought them.
        rows: how many.
        refused, collapsed: how many of the file's rows are not among them.
    """

    id: int
    paths: tuple[bytes, ...]
    identity: Identity
    mtime_ns: int
    size_bytes: int
    rows: int
    refused: int
    collapsed: int


def contents_in(ledger: Ledger, segment_ids: Iterable[int]) -> list[Content]:
    """The contents in these segments that are in the cube."""
    names = ("id", "digest", "path_values", "mtime_ns", "size_bytes", "rows", "refused", "collapsed")
    query = (
        select(paths.c.path, *(versions.c[name] for name in names))
        .join(_holder, _holder.c.content == versions.c.id)
        .join(paths, paths.c.id == _holder.c.path_id)
        .where(versions.c.segment.in_(among(segment_ids)), _holder.c.state.in_(LIVE))
        .order_by(versions.c.id, paths.c.arrival)
    )
    found: dict[int, Content] = {}
    with ledger.reading() as connection:
        for path, id, digest, values, *facts in connection.execute(query):
            before = found[id].paths if id in found else ()
            found[id] = Content(id, (*before, path), Identity(digest, values), *facts)
    return list(found.values())


def rows_alive(ledger: Ledger, dataset: str) -> dict[int, int]:
    """Segment id → its rows that are in the cube."""
    query = (
        select(versions.c.segment, func.sum(versions.c.rows))
        .where(versions.c.id.in_(live_contents(dataset)), versions.c.segment.is_not(None))
        .group_by(versions.c.segment)
    )
    with ledger.reading() as connection:
        return dict(connection.execute(query).tuples().all())


def accepted_versions(ledger: Ledger, dataset: str) -> list[AcceptedVersion]:
    """The version that each path accepted last."""
    query = (
        select(versions.c.id, paths.c.path, versions.c.segment, versions.c.detected_utc)
        .join(paths, paths.c.accepted == versions.c.id)
        .where(paths.c.dataset == dataset)
    )
    with ledger.reading() as connection:
        return [AcceptedVersion(**row._mapping) for row in connection.execute(query)]


def replace_segments(ledger: Ledger, replacement: Replacement) -> None:
    """Point the live versions of the old segments to the new one, in one transaction."""
    with ledger.writing() as connection:
        apply_replacement(connection, replacement)


def apply_replacement(connection: Connection, replacement: Replacement) -> None:
    """The same, in a transaction that is open."""
    now = replacement.ended_utc
    gone = {id: verdict.reason for id, verdict in replacement.checked.items() if not verdict.accepted}
    if replacement.new is not None:
        connection.execute(insert(segments), asdict(replacement.new))
    _end_versions(connection, gone, State.QUARANTINED, None, now)
    _end_versions(connection, replacement.lost, State.UNLOADED, "lost", now)
    if replacement.checked or replacement.lost:
        theirs = select(segments.c.dataset).where(segments.c.id.in_(among(replacement.old)))
        connection.execute(update(datasets).where(datasets.c.name.in_(theirs)).values(held=None))
    if replacement.lost:
        forgotten = dict.fromkeys(Signature._fields)
        lost = paths.c.accepted.in_(_holders(replacement.lost))
        connection.execute(update(paths).where(lost).values(present=False, **forgotten))
    moved = versions.c.segment.in_(among(replacement.old)) & versions.c.id.in_(live_contents())
    new = replacement.new.id if replacement.new else None
    connection.execute(update(versions).where(moved).values(segment=new))
    write_summaries(connection, {id: verdict.summary for id, verdict in replacement.checked.items()})
    if replacement.damaged:
        _forget(connection, replacement.old)


def _end_versions(
    connection: Connection, leaving: Mapping[int, str | None], state: State, cause: Cause | None, now: str
) -> None:
    """Contents leave the cube, with all versions that have them: their ids → why."""
    if leaving:
        is_live = versions.c.state.in_(among(LIVE))  # which, unlike a list, may be bound for many of them at once
        has_it = (versions.c.content == bindparam("content_id")) & is_live
        connection.execute(
            update(versions)
            .where(has_it)
            .values(state=state.value, cause=cause, reason=bindparam("why"), segment=None, ended_utc=now),
            [{"content_id": id, "why": why} for id, why in leaving.items()],
        )


def _holders(contents: Iterable[int]) -> Select[tuple[int]]:
    """The versions that have these contents."""
    return select(versions.c.id).where(versions.c.content.in_(among(contents)))


def write_summaries(connection: Connection, summaries: Mapping[int, Mapping[str, Any]]) -> None:
    """Write what a later check found of some versions: their ids → as in `Verdict.summary`."""
    if summaries:
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in next(iter(summaries.values()))}
        connection.execute(
            update(versions).where(versions.c.id == bindparam("version")).values(changed),
            [
                {"version": id, **{f"new_{name}": value for name, value in summary.items()}}
                for id, summary in summaries.items()
            ],
        )


def _forget(connection: Connection, ids: Iterable[int]) -> None:
    """Forget segments that no live version is in."""
    named = among(ids)
    connection.execute(update(versions).where(versions.c.segment.in_(named)).values(segment=None))
    connection.execute(delete(segments).where(segments.c.id.in_(named)))


def drop_segments(ledger: Ledger, ids: Iterable[int]) -> list[SegmentFacts]:
    """Forget those of the segments of which no rows are in the cube, and whose decisions another one carries. Returns
    them; their files can be removed."""
    alive = select(versions.c.segment).where(versions.c.id.in_(live_contents()), versions.c.segment.is_not(None))
    dead = select(segments).where(segments.c.id.in_(among(ids)), segments.c.id.not_in(alive))
    with ledger.writing() as connection:
        found = [SegmentFacts(**row._mapping) for row in connection.execute(dead)]
        _forget(connection, [segment.id for segment in found])
    return found


def live_rows(ledger: Ledger, dataset: str) -> int:
    """The rows of all contents in the cube together, those that others cover included."""
    with ledger.reading() as connection:
        return int(connection.scalar(_LIVE_ROWS, {"of": dataset}) or 0)


def keys_differ(ledger: Ledger, dataset: str, live: int) -> bool:
    """Whether no two contents in the cube hold the same key: it had as many rows as they have together."""
    with ledger.reading() as connection:
        held = dataset_fact(connection, datasets.c.held, dataset)
    return held is not None and held == live


def horizon_of(ledger: Ledger, dataset: Dataset) -> Horizon | None:
    """The dataset's horizon, where it has a retention and a close-day has set its first day."""
    if dataset.retain_days is None or dataset.expect is None:
        return None
    day = first_day(ledger, dataset.name)
    return Horizon(dataset.expect.day, day) if day else None


def first_day(ledger: Ledger, dataset: str) -> date | None:
    """Retention: the first day whose rows are in the cube; None where all are."""
    with ledger.reading() as connection:
        found = dataset_fact(connection, datasets.c.first_day, dataset)
    return date.fromisoformat(found) if found else None


class DatasetFacts(NamedTuple):
    """What the ledger knows of a dataset and writes into each of its segments, so that a restore knows it too."""

    first_day: str | None = None
    volumes: str | None = None
    merge_keys: str | None = None


_FACTS = select(*(datasets.c[name] for name in DatasetFacts._fields)).where(datasets.c.name == OF)


def dataset_facts(ledger: Ledger, dataset: str) -> DatasetFacts:
    """The facts of a dataset; nothing of one that no session has opened."""
    with ledger.reading() as connection:
        row = connection.execute(_FACTS, {"of": dataset}).one_or_none()
    return DatasetFacts(*row) if row is not None else DatasetFacts()


def set_first_day(ledger: Ledger, dataset: str, day: date | None) -> None:
    """Set the first day whose rows are in the cube."""
    with ledger.writing() as connection:
        connection.execute(
            update(datasets).where(datasets.c.name == dataset).values(first_day=day.isoformat() if day else None)
        )


_noted = upsert(datasets)
_NOTE_FINGERPRINT = _noted.on_conflict_do_update(
    index_elements=["name"], set_={"fingerprint": _noted.excluded.fingerprint}
)


def note_fingerprint(ledger: Ledger, dataset: str, fingerprint: str) -> bool:
    """Remember how a dataset is declared now. Returns whether it was declared otherwise at the last start.

    Refused files are then judged anew.
    """
    with ledger.writing() as connection:
        before = dataset_fact(connection, datasets.c.fingerprint, dataset)
        connection.execute(_NOTE_FINGERPRINT, {"name": dataset, "fingerprint": fingerprint})
        if before is None or before == fingerprint:
            return False
        judge_refused_anew(connection, dataset)
    return True


def judge_refused_anew(connection: Connection, dataset: str) -> None:
    """Have the files be read again whose bytes were refused, though they are as they were."""
    refused = select(versions.c.id).where(versions.c.dataset == dataset, versions.c.state == State.QUARANTINED.value)
    anew = {"judged": None, **NEVER}
    connection.execute(update(paths).where(paths.c.judged.in_(refused)).values(anew))
