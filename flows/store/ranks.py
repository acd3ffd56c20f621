"""Where the contents of the cube stand among each other, as the ledger knows it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, exists, func, literal_column, select

from flows.model.lifecycle import LIVE
from flows.model.precedence import ByArrival, Meaning, Rank, rank_of
from flows.store.ledger import Ledger
from flows.store.path_facts import GIVEN_UP, KEPT_LATER
from flows.store.schema import paths, versions
from flows.store.statements import OF, among_named, named

_accepted = versions.alias("accepted_version")
_content = versions.alias("content_version")
_holder = versions.alias()
_PLACES = (
    select(_content.c.segment, _content.c.id, paths.c.path, paths.c.arrival, versions.c.digest, versions.c.path_values)
    .join(_content, _content.c.id == versions.c.content)
    .join(paths, paths.c.id == versions.c.path_id)
    .where(versions.c.dataset == OF, versions.c.state.in_(LIVE), _content.c.segment.is_not(None))
)
_PLACES_IN_SEGMENTS = _PLACES.where(_content.c.segment.in_(among_named()))
_same = (_accepted.c.digest == versions.c.digest) & (_accepted.c.path_values == versions.c.path_values)
_has_rows = _holder.c.rows > literal_column("0")  # see HAS_ROWS
_GIVEN_UP_AT = (
    select(versions.c.digest, versions.c.path_values, func.min(paths.c.arrival))
    .join(paths, paths.c.id == versions.c.path_id)
    .outerjoin(_accepted, and_(_accepted.c.id == paths.c.accepted, _same))
    .where(versions.c.dataset == OF, GIVEN_UP, paths.c.arrival.is_not(None), _accepted.c.id.is_(None))
    .where(~KEPT_LATER)
    .where(exists().where(_holder.c.digest == versions.c.digest, _has_rows, _holder.c.state.in_(LIVE)))
    .group_by(versions.c.digest, versions.c.path_values)
)


def live_ranks(
    ledger: Ledger, dataset: str, meaning: Meaning, *, segment_ids: Sequence[int] | None = None
) -> dict[int, dict[int, Rank]]:
    """Segment id → (content → rank) of what is in the cube, of all or of the named segments."""
    found: dict[int, dict[int, Rank]] = {}
    with ledger.reading() as connection:
        given_up = _all_given_up(connection, dataset) if _by_arrival(meaning) else {}
        if segment_ids is None:
            places = connection.execute(_PLACES, {"of": dataset})
        else:
            places = connection.execute(_PLACES_IN_SEGMENTS, {"of": dataset, **named(segment_ids)})
        for segment, content, path, arrival, digest, values in places:
            rank = _rank(meaning, path, arrival, given_up.get((digest, values)))
            ranks = found.setdefault(segment, {})
            if content not in ranks or ranks[content] < rank:
                ranks[content] = rank
    return found


def _rank(meaning: Meaning, path: bytes, arrival: int | None, given_up_at: int | None) -> Rank:
    return rank_of(meaning.precedence, path, arrival or 0, given_up_at) if meaning.keyed else ()


def _by_arrival(meaning: Meaning) -> bool:
    return meaning.keyed and isinstance(meaning.precedence, ByArrival)


def _all_given_up(connection: Connection, dataset: str) -> dict[tuple[bytes, str], int]:
    """Of the deliveries that some path has: the lowest arrival of the paths that gave them up."""
    found = connection.execute(_GIVEN_UP_AT, {"of": dataset})
    return {(digest, values): arrival for digest, values, arrival in found}
