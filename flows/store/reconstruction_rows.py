"""The rows of a ledger that is made again: paths, versions and batches, as a replay of the segments found them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.files import Signature
from flows.model.lifecycle import State
from flows.runtime.clock import now_utc
from flows.store.ledger import among
from flows.store.replay import KnownPath, KnownVersion, Replay
from flows.store.schema import paths, versions
from flows.store.upkeep import NEVER, write_summaries


def write_paths(connection: Connection, dataset: str, replay: Replay, gone: set[int]) -> None:
    """Write the paths of a dataset that the segments have changed, and those whose accepted version is gone."""
    touched = [path for path in replay.paths.values() if path.touched or path.accepted in gone]
    rows = [_path_row(dataset, path, replay, gone) for path in touched]
    if rows:
        statement = upsert(paths)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in ("id", "dataset", "path")}
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), rows)


def _path_row(dataset: str, path: KnownPath, replay: Replay, gone: set[int]) -> dict[str, Any]:
    version = replay.versions.get(path.accepted) if path.accepted is not None else None
    facts = version.facts if version else None
    row = {
        "id": path.id,
        "dataset": dataset,
        "path": path.name,
        "place": path.place,
        "accepted": path.accepted,
        "judged": path.accepted,
        "present": True,
        "size_bytes": facts.size_bytes if facts else 0,
        "mtime_ns": facts.mtime_ns if facts else 0,
        **NEVER,
    }
    if path.accepted in gone:
        return {**row, "present": False, **dict.fromkeys(Signature._fields)}
    return row


def write_versions(connection: Connection, dataset: str, replay: Replay, gone: set[int], own_batch: int) -> None:
    """Write the versions of a dataset that the segments have brought or changed.

    Args:
        connection: the ledger's.
        dataset: whose.
        replay: what the segments say.
        gone: versions whose rows are in no segment.
        own_batch: the batch of the restore, of versions whose own is not known.
    """
    now = now_utc()
    new = [_version_row(dataset, version, own_batch, now) for version in replay.versions.values() if version.is_new]
    if new:
        connection.execute(insert(versions), new)
    old = [version for version in replay.versions.values() if version.touched and not version.is_new]
    if old:
        _change_versions(connection, old, now)
        newest = [version.facts for version in old if version.facts is not None and version.live]
        write_summaries(connection, {facts.id: facts.summary for facts in newest})
    if gone:
        lost = {"cause": "lost", "reason": "its rows are in no segment any more"}
        connection.execute(update(versions).where(versions.c.id.in_(among(gone))).values(lost))


def _change_versions(connection: Connection, changed: Iterable[KnownVersion], now: str) -> None:
    values = {
        "path_id": bindparam("at"),
        "state": bindparam("becomes"),
        "segment": bindparam("lies_in"),
        "ended_utc": func.coalesce(versions.c.ended_utc, bindparam("end")),
    }
    connection.execute(
        update(versions).where(versions.c.id == bindparam("version")).values(values),
        [
            {"version": v.id, "at": v.path, "becomes": v.state.value, "lies_in": v.segment, "end": _ended(v, now)}
            for v in changed
        ],
    )


def _version_row(dataset: str, version: KnownVersion, own_batch: int, now: str) -> dict[str, Any]:
    facts = version.facts
    assert facts is not None
    names = ("id", "digest", "size_bytes", "mtime_ns", "place")
    detected = version.detected_utc or now
    return {
        **{name: getattr(facts, name) for name in names},
        **facts.summary,
        "dataset": dataset,
        "path_id": version.path,
        "state": version.state.value,
        "segment": version.segment,
        "batch": version.batch if version.batch is not None else own_batch,
        "detected_utc": detected,
        "staged_utc": detected,
        "loaded_utc": now,
        "ended_utc": _ended(version, now),
    }


def _ended(version: KnownVersion, now: str) -> str | None:
    return None if version.live else now


def batch_row(number: int, dataset: str, now: str) -> dict[str, Any]:
    """A batch without files, as it lies in the ledger once it is loaded."""
    return {
        "id": number,
        "dataset": dataset,
        "state": State.LOADED.value,
        "files": 0,
        "rows": 0,
        "staged_utc": now,
        "loaded_utc": now,
    }
