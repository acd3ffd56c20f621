"""What a file version is, in a word and in a sentence for people."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from flows.model.lifecycle import LIVE, State
from flows.store.schema import paths, versions
from flows.store.statements import among

_LEFT = {
    "deleted": "its file was deleted, and its rows with it",
    "lost": "its segment was damaged and its file is gone, so that its rows are lost",
    "renamed": "its file has another name now",
}


class Standing(NamedTuple):
    """A word, and a sentence."""

    word: str
    sentence: str


class Sharer(NamedTuple):
    """Of all versions that have the same rows, the one through which they count."""

    path: bytes
    version: int


def rows_sharers(connection: Connection, contents: Collection[int]) -> dict[int, Sharer]:
    """Content → the version through which it counts: not a duplicate, or the one that brought it, or the first."""
    if not contents:
        return {}
    query = (
        select(versions.c.content, versions.c.id, versions.c.state, paths.c.path, paths.c.arrival)
        .join(paths, (paths.c.id == versions.c.path_id) & (paths.c.accepted == versions.c.id))
        .where(versions.c.content.in_(among(contents)))
    )
    found: dict[int, tuple[Any, Sharer]] = {}
    for row in connection.execute(query):
        if row.state not in LIVE:  # to ask for the state would choose another index
            continue
        order = (row.state == State.DUPLICATE, row.id != row.content, row.arrival or 0, row.id)
        if row.content not in found or order < found[row.content][0]:
            found[row.content] = order, Sharer(row.path, row.id)
    return {content: sharer for content, (_, sharer) in found.items()}


def standing_of(row: Any, other: str | None) -> Standing:
    """What a version is.

    Args:
        row: of `versions`, with `present`, `accepted` and `judged` of its path, and with `refusal` and `refused_utc` of
            the version that the path shows, and `ruled_out`: why the declaration would refuse it now.
        other: another path through which its rows count.
    """
    if row.id == row.accepted and row.state in LIVE:
        return _current(row, other)
    match row.state:
        case State.QUARANTINED if row.id == row.judged and not row.present:
            return Standing("gone", f"its file was refused ({row.reason}), and is gone")
        case State.QUARANTINED:
            return Standing("rejected", row.reason or "it was refused")
        case State.UNLOADED:
            return _unloaded(row)
        case _:
            since = f" since {row.ended_utc}" if row.ended_utc else ""
            return Standing("replaced", f"its path shows something else{since}")


def _current(row: Any, other: str | None) -> Standing:
    if row.present and row.judged is None:
        return Standing(
            "stale", "its file is read again, as the dataset is declared now; until then it has the rows of before"
        )
    if row.present and row.judged != row.accepted:
        why = f" ({row.refusal})" if row.refusal else ""
        return Standing("stale", f"since {row.refused_utc} its file is refused{why}, so it has the rows of before")
    if row.ruled_out is not None:
        return Standing("stale", f"{row.ruled_out}; its rows stay as they are, and cubefeed reload tries it again")
    if not row.present:
        return Standing("kept", "its file is gone; its rows stay, as when_deleted=Keep() says")
    if row.state == State.DUPLICATE:
        return Standing("duplicate", f"the same bytes as {other}, which count once: duplicates=Load() counts each")
    if other is not None:
        return Standing("same bytes", f"the same bytes as {other}, whose rows it shares")
    if not row.rows:
        return Standing("current", "it has no rows")
    return Standing("current", "its rows are in the cube, where no other file covers them")


def _unloaded(row: Any) -> Standing:
    if row.cause == "request":
        return Standing(
            "unloaded", f"{row.reason or 'unloaded on request'}, at {row.ended_utc}; cubefeed load brings it back"
        )
    why = _LEFT.get(row.cause or "", "its rows have left the cube")
    return Standing(
        "gone", f"its file was deleted; it had been {row.reason}" if row.reason and row.cause == "deleted" else why
    )
