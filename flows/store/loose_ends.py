"""What refers to nothing in a ledger of which a part is lost: its files are looked at anew."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, select, update

from flows.model.files import Signature
from flows.model.lifecycle import LIVE, State
from flows.runtime.clock import now_utc
from flows.store.ledger import live_contents
from flows.store.schema import paths, segments, versions
from flows.store.statements import among

_LOST = "its rows are in no segment any more"
_NEVER_SEEN = {"present": False, **dict.fromkeys(Signature._fields)}


def tie_up(connection: Connection, files: Collection[str]) -> list[bytes]:
    """Have a ledger refer to nothing that is not there.

    Args:
        connection: in a transaction.
        files: the names of the files of all segments.

    Returns:
        The paths whose rows, or whose version, are nowhere.
    """
    _forget_segments(connection, files)
    homeless = delete(versions).where(~exists().where(paths.c.id == versions.c.path_id))
    connection.execute(homeless)
    return [*_without_version(connection), *_without_rows(connection)]


def _forget_segments(connection: Connection, files: Collection[str]) -> None:
    """Those that are gone and that nothing in the cube is in; what is in the cube is repaired at the next start."""
    alive = set(connection.scalars(select(versions.c.segment).where(versions.c.id.in_(live_contents()))))
    known = connection.execute(select(segments.c.id, segments.c.file)).all()
    gone = [row.id for row in known if row.file not in files and row.id not in alive]
    if gone:
        connection.execute(delete(segments).where(segments.c.id.in_(among(gone))))
    there = select(segments.c.id)
    connection.execute(update(versions).where(versions.c.segment.not_in(there)).values(segment=None))


def _without_version(connection: Connection) -> list[bytes]:
    """Paths whose version is not known have shown nothing, and what no path shows is not in the cube."""
    known = select(versions.c.id)
    unknown = paths.c.accepted.not_in(known)
    lost = list(connection.scalars(select(paths.c.path).where(unknown)))
    connection.execute(update(paths).where(unknown).values(accepted=None, judged=None, **_NEVER_SEEN))
    connection.execute(update(paths).where(paths.c.judged.not_in(known)).values(judged=None, **_NEVER_SEEN))
    shown = exists().where(paths.c.accepted == versions.c.id)
    replaced = {"state": State.SUPERSEDED.value, "ended_utc": now_utc()}
    connection.execute(update(versions).where(versions.c.state.in_(LIVE), ~shown).values(replaced))
    return lost


def _without_rows(connection: Connection) -> list[bytes]:
    content = versions.alias()
    query = (
        select(versions.c.id, paths.c.path)
        .join(paths, paths.c.id == versions.c.path_id)
        .outerjoin(content, content.c.id == versions.c.content)
        .where(versions.c.state.in_(LIVE), versions.c.content.is_not(None), content.c.segment.is_(None))
    )
    found = connection.execute(query).all()
    lost = [row.id for row in found]
    if lost:
        left = {"state": State.UNLOADED.value, "cause": "lost", "reason": _LOST, "ended_utc": now_utc()}
        connection.execute(update(versions).where(versions.c.id.in_(among(lost))).values(left))
        connection.execute(update(paths).where(paths.c.accepted.in_(among(lost))).values(_NEVER_SEEN))
    return [row.path for row in found]
