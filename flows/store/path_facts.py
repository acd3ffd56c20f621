"""What the plan of a batch has to know of paths: what each shows and has shown, and which others have its bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from flows.model.lifecycle import Cause, Facts, PathFacts, State, VersionFacts
from flows.store.ledger import Ledger, chunked
from flows.store.schema import paths, versions

_accepted = versions.alias("accepted_version")
_judged = versions.alias("judged_version")


def path_facts(
    ledger: Ledger, dataset: str, *, seen: Iterable[bytes], digests: Iterable[bytes], unload_deleted: bool
) -> Facts:
    """The facts that a batch needs: about the paths named, and every path that has or had these bytes."""
    with ledger.reading() as connection:
        named = _paths_named(connection, dataset, set(seen))
        wanted = {*digests, *(row.accepted_digest for row in named.values() if row.accepted_digest)}
        related = list(chunked(connection, lambda part: _versions_with(dataset, part), list(wanted)))
        named |= _paths_numbered(connection, dataset, {row.path_id for row in related} - named.keys())
    history: dict[int, set[bytes]] = {}
    for row in related:
        if row.place is not None:
            history.setdefault(row.path_id, set()).add(row.digest)
    return Facts(
        {row.path: _facts_of(row, frozenset(history.get(row.id, ()))) for row in named.values()},
        unload_deleted=unload_deleted,
    )


def holders_of(ledger: Ledger, dataset: str, digests: Iterable[bytes]) -> dict[bytes, dict[bytes, bool]]:
    """Digest → the paths at which these bytes were accepted and not refused since → whether the file is there."""
    found: dict[bytes, dict[bytes, bool]] = {}
    with ledger.reading() as connection:
        for digest, path, present in chunked(connection, lambda part: _holder_rows(dataset, part), list(set(digests))):
            found.setdefault(digest, {})[path] = present
    return found


def _holder_rows(dataset: str, digests: Sequence[bytes]) -> Select[Any]:
    return (
        select(versions.c.digest, paths.c.path, paths.c.present)
        .join(paths, paths.c.id == versions.c.path_id)
        .where(versions.c.digest.in_(digests), versions.c.dataset == dataset)
        .where(versions.c.place.is_not(None), versions.c.state != State.QUARANTINED.value)
    )


def _paths_named(connection: Connection, dataset: str, names: Collection[bytes]) -> dict[int, Any]:
    query = _path_rows(dataset)
    return {row.id: row for row in chunked(connection, lambda part: query.where(paths.c.path.in_(part)), list(names))}


def _paths_numbered(connection: Connection, dataset: str, ids: Collection[int]) -> dict[int, Any]:
    query = _path_rows(dataset)
    return {row.id: row for row in chunked(connection, lambda part: query.where(paths.c.id.in_(part)), list(ids))}


def _path_rows(dataset: str) -> Select[Any]:
    return (
        select(
            paths.c.id, paths.c.path, paths.c.place, paths.c.present, paths.c.accepted, paths.c.judged,
            _accepted.c.digest.label("accepted_digest"), _accepted.c.state.label("accepted_state"),
            _accepted.c.cause.label("accepted_cause"),
            _judged.c.digest.label("judged_digest"), _judged.c.state.label("judged_state"),
            _judged.c.cause.label("judged_cause"),
        )
        .select_from(
            paths.outerjoin(_accepted, _accepted.c.id == paths.c.accepted).outerjoin(
                _judged, _judged.c.id == paths.c.judged
            )
        )
        .where(paths.c.dataset == dataset)
    )  # fmt: skip


def _versions_with(dataset: str, digests: Sequence[bytes]) -> Select[Any]:
    """Versions with these bytes that were accepted, or that are duplicates of them."""
    return select(versions.c.path_id, versions.c.digest, versions.c.place).where(
        versions.c.digest.in_(digests),
        versions.c.dataset == dataset,
        versions.c.place.is_not(None) | (versions.c.state == State.DUPLICATE.value),
    )


def _facts_of(row: Any, history: frozenset[bytes]) -> PathFacts:
    return PathFacts(
        path=row.path,
        id=row.id,
        place=row.place,
        accepted=_version(row.accepted, row.accepted_digest, row.accepted_state, row.accepted_cause),
        judged=_version(row.judged, row.judged_digest, row.judged_state, row.judged_cause),
        present=row.present,
        history=history,
    )


def _version(id: int | None, digest: bytes, state: str, cause: Cause | None) -> VersionFacts | None:
    return VersionFacts(id, digest, State(state), cause) if id is not None else None
