"""A planned batch as rows of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from flows.model.files import Signature
from flows.model.findings import Verdict
from flows.model.lifecycle import PathFacts, State, VersionFacts
from flows.model.plan import NewVersion, Plan
from flows.store.decisions import (
    HERE,
    ActionRow,
    BatchRow,
    Decisions,
    Disowned,
    Moved,
    PathRow,
    Restated,
    UnseenPathRow,
    VersionRow,
)
from flows.store.ledger import Ledger
from flows.store.schema import versions
from flows.store.statements import among

_PLAIN = ("load", "refuse", "unchanged")
_NO_COUNTS = Verdict().summary
"""In the order of the columns of `VersionRow`, as all counts; the last of them is its last one."""


class BatchStamp(NamedTuple):
    """A batch's number, when its files were found, and when it is written."""

    batch: int
    detected_utc: str
    staged_utc: str


def decide(ledger: Ledger, plan: Plan, stamp: BatchStamp, *, signatures: Mapping[bytes, Signature]) -> Decisions:
    """A planned batch as rows of the ledger.

    Args:
        ledger: as it is before the batch.
        plan: what the batch does.
        stamp: which batch, and when.
        signatures: of the files that it brings.
    """
    counts = _counts(ledger, plan)
    moved, disowned = _owners(ledger, plan)
    new = {version.id for version in plan.new}
    known = [path for path in plan.paths.values() if path.path in signatures]
    return Decisions(
        batches=[_batch_row(plan, stamp)],
        paths=[PathRow(*_unseen(path), *signatures[path.path]) for path in known],
        unseen=[_unseen(path) for path in plan.paths.values() if path.path not in signatures],
        versions=[
            _version_row(plan, version, stamp, size_bytes=signatures[version.path].size_bytes, counts=counts)
            for version in plan.new
        ],
        moved=moved,
        disowned=disowned,
        restated=[_restated(facts, stamp.staged_utc) for id, facts in plan.versions.items() if id not in new],
        actions=_actions(plan, stamp.batch),
    )


def _actions(plan: Plan, batch: int) -> list[ActionRow]:
    """What the rows of paths and versions do not say: a plain arrival, or a refusal, needs nothing besides."""
    told = [each for each in plan.decisions if each.action not in _PLAIN or each.by is not None]
    return [
        ActionRow(
            batch, number, plan.path_ids[each.path], each.action, each.version,
            plan.path_ids.get(each.other) if each.other is not None else None, each.cause, each.by,
        )
        for number, each in enumerate(told, start=1)
    ]  # fmt: skip


def _batch_row(plan: Plan, stamp: BatchStamp) -> BatchRow:
    rows = sum(version.verdict.rows for version in plan.staged if version.verdict)
    return BatchRow(stamp.batch, State.STAGED.value, len(plan.new), rows, stamp.staged_utc)


def _unseen(path: PathFacts) -> UnseenPathRow:
    assert path.id is not None
    accepted, judged = path.accepted, path.judged
    return UnseenPathRow(
        path.id,
        path.path,
        path.arrival,
        accepted.id if accepted is not None else None,
        judged.id if judged is not None else None,
        path.present,
    )


def _version_row(
    plan: Plan, version: NewVersion, stamp: BatchStamp, *, size_bytes: int, counts: Mapping[int, Mapping[str, Any]]
) -> VersionRow:
    facts, path_id = plan.versions[version.id], plan.paths[version.path].id
    assert path_id is not None
    counted = version.id if version.verdict is not None else version.like
    *summary, tolerances = counts.get(counted or 0, _NO_COUNTS).values()
    row = (
        version.id,
        path_id,
        *facts.identity,
        facts.content,
        size_bytes,
        version.seen.mark.mtime_ns,
        facts.state.value,
        facts.cause,
        facts.reason,
        *summary,
        HERE if version.id in plan.brought else None,
        *stamp[:2],
        stamp.staged_utc if facts.live else None,
        None,
        None,
        facts.warning,
        tolerances,
    )
    return VersionRow._make(row)


def _restated(facts: VersionFacts, now: str) -> Restated:
    ended_utc = None if facts.live else now
    return Restated(facts.id, facts.state.value, facts.cause, facts.content, ended_utc, facts.reason, facts.warning)


def _counts(ledger: Ledger, plan: Plan) -> dict[int, Mapping[str, Any]]:
    """Version → its counts, of those that were checked now and of those that others are like."""
    counts: dict[int, Mapping[str, Any]] = {v.id: v.verdict.summary for v in plan.new if v.verdict is not None}
    like = {version.like for version in plan.new if version.like is not None} - counts.keys()
    if not like:
        return counts
    query = select(versions.c.id, *(versions.c[name] for name in _NO_COUNTS)).where(versions.c.id.in_(among(like)))
    with ledger.reading() as connection:
        found = {row.id: {name: row._mapping[name] for name in _NO_COUNTS} for row in connection.execute(query)}
    return counts | found


def _owners(ledger: Ledger, plan: Plan) -> tuple[list[Moved], list[Disowned]]:
    """Histories go with their places; what a path had given up whose place went to nobody, nobody has given up."""
    if not plan.histories and not plan.forgotten and not plan.owners:
        return [], []
    ids = {name: path.id or 0 for name, path in plan.paths.items()}
    heirs = {ids[giver]: ids[heir] for giver, heir in plan.histories}
    forgotten = {ids[name] for name in plan.forgotten}
    query = select(versions.c.id, versions.c.path_id, versions.c.state).where(
        versions.c.path_id.in_(among(heirs.keys() | forgotten)), versions.c.state != State.QUARANTINED.value
    )
    with ledger.reading() as connection:
        found = connection.execute(query.order_by(versions.c.id)).tuples().all()
    moves = {id: heirs[path] for id, path, _ in found if path in heirs}
    moves |= {version: ids[heir] for version, heir in plan.owners.items()}
    superseded = [id for id, path, state in found if path in forgotten and state == State.SUPERSEDED.value]
    return (
        [Moved(*move) for move in moves.items()],
        [Disowned(id, "renamed") for id in superseded if id not in plan.owners],
    )
