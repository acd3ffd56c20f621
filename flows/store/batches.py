"""Writing batches into the ledger: staged with everything they replace, then loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.files import Signature
from flows.model.lifecycle import State
from flows.model.plan import NewVersion, Plan
from flows.runtime.clock import now_utc
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.schema import batches, datasets, paths, segments, versions


def stage_batch(
    ledger: Ledger,
    dataset: str,
    plan: Plan,
    *,
    batch: int,
    segment: SegmentFacts | None,
    signatures: Mapping[bytes, Signature],
    detected_utc: str,
) -> None:
    """Write a batch as staged, with everything it replaces, in one transaction."""
    now = now_utc()
    with ledger.writing() as connection:
        connection.execute(insert(batches), _batch_row(dataset, plan, batch, now))
        connection.execute(update(datasets).where(datasets.c.name == dataset).values(held=None))
        if segment is not None:
            connection.execute(insert(segments), asdict(segment))
        _write_paths(connection, dataset, plan, signatures)
        segment_id = segment.id if segment else None
        rows = [_version_row(dataset, v, signatures, batch, segment_id, detected_utc, now) for v in plan.versions]
        _insert(connection, insert(versions), rows)
        _retire(connection, plan, now)
        _move(connection, plan)


def mark_loaded(ledger: Ledger, held: Mapping[str, int]) -> None:
    """Record that every staged batch of these datasets is in the cube.

    Args:
        ledger: where.
        held: dataset → rows in the cube now.
    """
    now, staged = now_utc(), State.STAGED.value
    loaded = {"state": State.LOADED.value, "loaded_utc": now}
    with ledger.writing() as connection:
        for dataset, rows in held.items():
            for table in (versions, batches):
                of_it = (table.c.state == staged) & (table.c.dataset == dataset)
                connection.execute(update(table).where(of_it).values(loaded))
            connection.execute(update(datasets).where(datasets.c.name == dataset).values(held=rows))


def _batch_row(dataset: str, plan: Plan, batch: int, now: str) -> dict[str, Any]:
    return {
        "id": batch,
        "dataset": dataset,
        "state": State.STAGED.value,
        "files": len(plan.versions),
        "rows": sum(version.verdict.rows for version in plan.staged),
        "staged_utc": now,
    }


def _write_paths(connection: Connection, dataset: str, plan: Plan, signatures: Mapping[bytes, Signature]) -> None:
    rows = []
    for facts in plan.paths.values():
        signature = signatures.get(facts.path)
        rows.append(
            {
                "id": facts.id,
                "dataset": dataset,
                "path": facts.path,
                "place": facts.place,
                "accepted": facts.accepted.id if facts.accepted else None,
                "judged": facts.judged.id if facts.judged else None,
                "present": facts.present,
                **(signature._asdict() if signature else dict.fromkeys(Signature._fields)),
            }
        )
    statement = upsert(paths)
    new = statement.excluded
    kept = {name: func.coalesce(new[name], paths.c[name]) for name in Signature._fields}
    changed = {name: new[name] for name in ("place", "accepted", "judged", "present")}
    _insert(connection, statement.on_conflict_do_update(index_elements=["id"], set_=changed | kept), rows)


def _insert(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose values SQLite takes as they are: to have each row's looked at takes longer than the rest."""
    if rows:
        compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
        values = itemgetter(*compiled.positiontup or ())
        connection.exec_driver_sql(str(compiled), [values(row) for row in rows])


def _version_row(
    dataset: str,
    version: NewVersion,
    signatures: Mapping[bytes, Signature],
    batch: int,
    segment: int | None,
    detected_utc: str,
    now: str,
) -> dict[str, Any]:
    staged = version.state is State.STAGED
    return {
        "id": version.id,
        "dataset": dataset,
        "path_id": version.path_id,
        "digest": version.digest,
        "size_bytes": signatures[version.path].size_bytes,
        "mtime_ns": version.mtime_ns,
        "state": version.state.value,
        "reason": version.reason,
        "place": version.place,
        **version.verdict.summary,
        "segment": segment if staged else None,
        "batch": batch,
        "detected_utc": detected_utc,
        "staged_utc": now if staged else None,
    }


def _retire(connection: Connection, plan: Plan, now: str) -> None:
    if not plan.retired:
        return
    rows = [
        {"version": version, "new_state": state.value, "why": cause} for version, (state, cause) in plan.retired.items()
    ]
    connection.execute(
        update(versions)
        .where(versions.c.id == bindparam("version"))
        .values(state=bindparam("new_state"), cause=bindparam("why"), ended_utc=now),
        rows,
    )


def _move(connection: Connection, plan: Plan) -> None:
    """A renamed file takes the versions that its former path has accepted with it."""
    for giver, heir in plan.moved:
        accepted = versions.c.place.is_not(None) & (versions.c.path_id == giver)
        connection.execute(update(versions).where(accepted).values(path_id=heir))
