"""What the plan of a batch has to know of paths: what each shows and gave up, and which others have its deliveries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, exists, literal_column, select

from flows.model.lifecycle import LIVE, Facts, Identity, Mark, Observation, PathFacts, State, VersionFacts
from flows.store.ledger import Ledger
from flows.store.schema import paths, segments, versions
from flows.store.statements import OF, among_named, chunked, named

_accepted = versions.alias("accepted_version")
_judged = versions.alias("judged_version")
_content = versions.alias("content_version")
HAS_ROWS = versions.c.rows > literal_column("0")
"""Of versions that are looked for by their digests: SQLite knows from the literal that the index of those has them."""
GIVEN_UP = (versions.c.state == State.SUPERSEDED.value) & versions.c.cause.is_(None)
_later = versions.alias("later_version")
KEPT_LATER = exists().where(
    _later.c.digest == versions.c.digest,
    _later.c.rows > literal_column("0"),
    _later.c.path_id == versions.c.path_id,
    _later.c.path_values == versions.c.path_values,
    _later.c.cause == "renamed",
    _later.c.id > versions.c.id,
)
"""Whether a path had the same delivery again, and only the values that it gives became others then: so it has given
nothing up, though a version of before says so."""

_GIVEN_UP_BY = select(versions.c.digest, versions.c.path_values).where(versions.c.path_id.in_(among_named()), GIVEN_UP)
_WITH_DIGESTS = versions.c.digest.in_(bindparam("digests", expanding=True)) & HAS_ROWS & (versions.c.dataset == OF)
_LIVE_WITH = (
    select(versions.c.digest, versions.c.path_values)
    .join(_content, _content.c.id == versions.c.content)
    .join(segments, segments.c.id == _content.c.segment)
    .where(_WITH_DIGESTS, versions.c.state.in_(LIVE), segments.c.fingerprint == bindparam("fingerprint"))
)
_VERSIONS_WITH = (
    select(*(versions.c[name] for name in ("path_id", "digest", "path_values", "state", "cause")))
    .where(_WITH_DIGESTS, versions.c.state.in_((*LIVE, State.UNLOADED.value, State.SUPERSEDED.value)))
    .order_by(versions.c.id)
)
"""Versions with these bytes that bring rows and that their path has, or had, in the order in which they came."""
_OF_VERSIONS = ("digest", "path_values", "state", "content", "cause", "reason", "warning")
_PATHS = (
    select(
        paths,
        *(_accepted.c[name].label(f"accepted_{name}") for name in _OF_VERSIONS),
        *(_judged.c[name].label(f"judged_{name}") for name in _OF_VERSIONS),
    )
    .outerjoin(_accepted, _accepted.c.id == paths.c.accepted)
    .outerjoin(_judged, _judged.c.id == paths.c.judged)
    .where(paths.c.dataset == OF)
)
_PATHS_NAMED = _PATHS.where(paths.c.path.in_(bindparam("names", expanding=True)))
_PATHS_BY_ID = _PATHS.where(paths.c.id.in_(among_named()))


def batch_facts(ledger: Ledger, dataset: str, *, seen: Sequence[Observation], others: Collection[bytes] = ()) -> Facts:
    """The facts that a batch needs.

    Args:
        ledger: the ledger.
        dataset: whose.
        seen: the files that it brings.
        others: the other paths that it is about: gone, missing, or named by a person.
    """
    with ledger.reading() as connection:
        here = _paths(connection, dataset, [*(file.path for file in seen), *others])
        wanted = {file.identity for file in seen}
        wanted |= {has.identity for path in here.values() if (has := path.accepted) and has.content is not None}
        wanted |= _given_up_at(connection, _may_have_moved(here.values(), seen, others))
        holding, given_up = _related(connection, dataset, wanted)
        related = _paths_by_id(connection, dataset, (holding | given_up.keys()) - {path.id for path in here.values()})
    return Facts(_with_given_up(path, given_up.get(path.id or 0, set())) for path in (here | related).values())


def known_identities(ledger: Ledger, dataset: str, identities: Iterable[Identity], fingerprint: str) -> set[Identity]:
    """Those of the deliveries whose rows are in the cube as the declaration of this fingerprint makes them."""
    wanted = set(identities)
    found = set()
    with ledger.reading() as connection:
        digests = _digests(wanted)
        for row in chunked(connection, _LIVE_WITH, "digests", digests, of=dataset, fingerprint=fingerprint):
            found.add(Identity(row.digest, row.path_values))
    return found & wanted


def _may_have_moved(known: Iterable[PathFacts], seen: Sequence[Observation], others: Collection[bytes]) -> list[int]:
    """The paths whose file may lie elsewhere now, so that their place goes with it, or is given up."""
    at = {file.mark: file.path for file in seen}
    away = set(others)
    return [
        path.id
        for path in known
        if path.id is not None and (path.path in away or (path.mark in at and at[path.mark] != path.path))
    ]


def _given_up_at(connection: Connection, ids: Sequence[int]) -> set[Identity]:
    return {Identity(*row) for row in connection.execute(_GIVEN_UP_BY, named(ids))} if ids else set()


def _related(connection: Connection, dataset: str, wanted: set[Identity]) -> tuple[set[int], dict[int, set[Identity]]]:
    """The paths that show these deliveries, and those that gave them up."""
    holding: set[int] = set()
    given_up: dict[int, set[Identity]] = {}
    for row in chunked(connection, _VERSIONS_WITH, "digests", _digests(wanted), of=dataset):
        identity = Identity(row.digest, row.path_values)
        if identity not in wanted:
            continue
        if row.state != State.SUPERSEDED.value:
            holding.add(row.path_id)
        elif row.cause is None:
            given_up.setdefault(row.path_id, set()).add(identity)
        else:  # the path had it again since, and gave it up for nothing: see KEPT_LATER
            given_up.get(row.path_id, set()).discard(identity)
    return holding, given_up


def _with_given_up(path: PathFacts, identities: set[Identity]) -> PathFacts:
    own = {path.accepted.identity} if path.accepted is not None else set()
    return replace(path, gave_up=frozenset(identities - own))


def _digests(identities: Iterable[Identity]) -> list[bytes]:
    return list({identity.digest for identity in identities})


def _paths(connection: Connection, dataset: str, names: Sequence[bytes]) -> dict[bytes, PathFacts]:
    found = chunked(connection, _PATHS_NAMED, "names", list(set(names)), of=dataset)
    return {row.path: _path_facts(row) for row in found}


def _paths_by_id(connection: Connection, dataset: str, ids: Iterable[int]) -> dict[bytes, PathFacts]:
    ids = list(ids)
    if not ids:
        return {}
    found = connection.execute(_PATHS_BY_ID, {"of": dataset, **named(ids)})
    return {row.path: _path_facts(row) for row in found}


def _path_facts(row: Any) -> PathFacts:
    known = row._mapping
    return PathFacts(
        path=row.path,
        id=row.id,
        arrival=row.arrival,
        accepted=_version(row.accepted, known, "accepted"),
        judged=_version(row.judged, known, "judged"),
        mark=Mark(row.inode, row.mtime_ns, row.size_bytes) if row.inode is not None else None,
        present=row.present,
    )


def _version(id: int | None, row: Mapping[str, Any], which: str) -> VersionFacts | None:
    if id is None:
        return None
    return VersionFacts(
        id,
        Identity(row[f"{which}_digest"], row[f"{which}_path_values"]),
        State(row[f"{which}_state"]),
        row[f"{which}_content"],
        row[f"{which}_cause"],
        row[f"{which}_reason"],
        row[f"{which}_warning"],
    )
