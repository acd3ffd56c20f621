"""What was decided of files, as people read it: what came, what it replaced, what came back, what left and by whom."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from sqlalchemy import Connection, Select, or_, select

from flows.model.files import shown
from flows.model.lifecycle import State
from flows.store.ledger import Ledger
from flows.store.schema import batches, decisions, paths, versions
from flows.store.statements import among

_FIRST = ("share", "duplicate", "hold", "load")
"""Actions that say how a version came."""
_WHY_LEFT = {
    "deleted": "its file was deleted",
    "lost": "its segment was damaged and its file is gone",
    "renamed": "its file has another name",
}


@dataclass(frozen=True)
class Event:
    """Something that happened to a file.

    Args:
        at_utc: when it was decided.
        batch: in which batch; None where that is not known.
        dataset: whose file.
        file: its path, as it is now.
        event: what happened, in a word.
        version: the version concerned.
        rows: how many that version has.
        details: the rest, in a sentence.
    """

    at_utc: str
    batch: int | None
    dataset: str
    file: str
    event: str
    version: int | None
    rows: int
    details: str


@dataclass(frozen=True)
class Selection:
    """Which events are wanted.

    Args:
        dataset: only this one's.
        file: only of the path of this name, in full or by its end.
        since_utc: only what was decided at or after this moment,
        before_utc: and before that one.
        limit: how many at most, the newest.
    """

    dataset: str | None = None
    file: str | None = None
    since_utc: str | None = None
    before_utc: str | None = None
    limit: int = 1000

    def holds(self, event: Event) -> bool:
        """Whether it was decided in time."""
        return (self.since_utc or "") <= event.at_utc and (not self.before_utc or event.at_utc < self.before_utc)


def list_events(ledger: Ledger, selection: Selection) -> list[Event]:
    """Events, the newest first; none where there is no such file."""
    with ledger.reading() as connection:
        ids = None if selection.file is None else _path_ids(connection, selection.dataset, selection.file)
        story = _Story(connection, selection, ids)
        events = [event for event in story.events() if selection.holds(event)]
    return sorted(events, key=lambda event: (event.at_utc, event.batch or 0, event.version or 0), reverse=True)[
        : selection.limit
    ]


def _path_ids(connection: Connection, dataset: str | None, file: str) -> list[int]:
    """The paths of this name; else those of which it is the end, or that are its end."""
    query = _of_dataset(select(paths.c.id, paths.c.path), paths, dataset)
    exact = list(connection.scalars(query.where(paths.c.path == os.fsencode(file))))
    if exact:
        return exact
    wanted = normalize("NFC", file)
    known = [(id, normalize("NFC", shown(path))) for id, path in connection.execute(query)]
    written = [id for id, name in known if name == wanted]
    return written or [id for id, name in known if f"/{wanted}".endswith(f"/{name}") or name.endswith(f"/{wanted}")]


def _of_dataset(query: Select[Any], table: Any, dataset: str | None) -> Select[Any]:
    return query if dataset is None else query.where(table.c.dataset == dataset)


class _Story:
    """The rows of the ledger that tell what happened."""

    def __init__(self, connection: Connection, selection: Selection, ids: Collection[int] | None) -> None:
        self._connection = connection
        self._selection = selection
        self._versions = self._read_versions(ids)
        self._actions = self._read_actions(ids)
        self._names = self._read_names()
        self._came: dict[tuple[int, int], list[Any]] = defaultdict(list)
        born = {row.id: row.batch for row in self._versions}
        for action in self._actions:
            if action.action in _FIRST and born.get(action.version) == action.batch:
                self._came[action.version, action.batch].append(action)
        renames = (action for action in self._actions if action.action == "rename")  # the newest first
        self._first_names = {action.version: self._names.get(action.other_id) for action in renames}
        self._before = self._read_before({row.path_id for row in self._versions})

    def events(self) -> Iterator[Event]:
        """All of it, in no order."""
        left = {action.version for action in self._actions if action.action == "unload"}
        for row in self._versions:
            yield self._arrival(row)
            if row.ended_utc and row.id not in left and row.state in (State.UNLOADED, State.QUARANTINED):
                yield self._end(row)
        for action in self._actions:
            if action not in self._came.get((action.version, action.batch), ()):
                yield self._change(action)

    def _read_versions(self, ids: Collection[int] | None) -> list[Any]:
        query = select(versions, paths.c.path, batches.c.staged_utc.label("decided_utc")).join(
            paths, paths.c.id == versions.c.path_id
        )
        query = query.outerjoin(batches, batches.c.id == versions.c.batch)
        query = _of_dataset(query, versions, self._selection.dataset).order_by(versions.c.id.desc())
        if ids is not None:
            query = query.where(versions.c.path_id.in_(among(ids)))
        query = self._in_time(query, versions.c.ended_utc)
        return list(self._connection.execute(query.limit(self._selection.limit)))

    def _read_actions(self, ids: Collection[int] | None) -> list[Any]:
        query = select(decisions, batches.c.staged_utc.label("decided_utc"), versions.c.rows.label("rows"))
        query = query.outerjoin(batches, batches.c.id == decisions.c.batch)
        query = query.outerjoin(versions, versions.c.id == decisions.c.version)
        query = _of_dataset(query, decisions, self._selection.dataset)
        if ids is not None:
            query = query.where(or_(decisions.c.path_id.in_(among(ids)), decisions.c.other_id.in_(among(ids))))
        query = self._in_time(query).order_by(decisions.c.batch.desc(), decisions.c.number.desc())
        return list(self._connection.execute(query.limit(2 * self._selection.limit)))

    def _in_time(self, query: Select[Any], *besides: Any) -> Select[Any]:
        columns = [batches.c.staged_utc, *besides]
        if self._selection.since_utc:
            query = query.where(or_(*(column >= self._selection.since_utc for column in columns)))
        if self._selection.before_utc:
            query = query.where(or_(*(column < self._selection.before_utc for column in columns)))
        return query

    def _read_names(self) -> dict[int, str]:
        ids = {row.path_id for row in self._actions} | {row.other_id for row in self._actions} - {None}
        query = select(paths.c.id, paths.c.path).where(paths.c.id.in_(among(ids)))
        return {id: shown(path) for id, path in self._connection.execute(query)}

    def _read_before(self, ids: Iterable[int]) -> Mapping[int, list[Any]]:
        """Path → all of its versions that were accepted."""
        columns = (versions.c.path_id, versions.c.id, versions.c.digest, versions.c.path_values, versions.c.ended_utc)
        query = select(*columns).where(versions.c.path_id.in_(among(ids)), versions.c.state != State.QUARANTINED.value)
        found: dict[int, list[Any]] = defaultdict(list)
        for row in self._connection.execute(query.order_by(versions.c.id)):
            found[row.path_id].append(row)
        return found

    def _arrival(self, row: Any) -> Event:
        came = {action.action: action for action in self._came.get((row.id, row.batch), ())}
        refused = row.state == State.QUARANTINED and not row.ended_utc
        if refused:
            return self._event(row, row.decided_utc or row.detected_utc, "refused", [row.reason or ""])
        name = self._first_names.get(row.id)
        details = [f"as {name}"] if name else []
        details += [self._like(came[each].other_id) for each in ("duplicate", "share") if each in came][:1]
        details += ["it stays unloaded"] if "hold" in came else []
        details += self._replaced(row)
        details += [f"asked for by {action.who}" for action in came.values() if action.who][:1]
        details += [f"warning: {row.warning}"] if row.warning else []
        word = "duplicate" if "duplicate" in came else "held" if "hold" in came else "loaded"
        return self._event(row, row.decided_utc or row.detected_utc, word, details)

    def _replaced(self, row: Any) -> list[str]:
        """What it took the place of, and whether the path had these bytes before."""
        earlier = [other for other in self._before[row.path_id] if other.id < row.id]
        gave_way = [other.id for other in earlier if other.ended_utc and other.ended_utc == row.decided_utc]
        same = [o.id for o in earlier if (o.digest, o.path_values) == (row.digest, row.path_values)]
        words = [f"it replaced version {gave_way[-1]}"] if gave_way else []
        return words + ([f"it came back: the bytes of version {same[-1]}"] if same else [])

    def _end(self, row: Any) -> Event:
        word = "refused" if row.state == State.QUARANTINED else "unloaded"
        why = row.reason or _WHY_LEFT.get(row.cause or "", "on request")
        return self._event(row, row.ended_utc, word, [why], batch=None)

    def _change(self, action: Any) -> Event:
        word, details = self._change_words(action)
        return Event(
            action.decided_utc or "",
            action.batch,
            action.dataset,
            self._names.get(action.path_id, "?"),
            word,
            action.version,
            action.rows or 0,
            details,
        )

    def _change_words(self, action: Any) -> tuple[str, str]:
        match action.action:
            case "rename":
                return "renamed", f"from {self._names.get(action.other_id, 'another path')}; it keeps what it had"
            case "unload":
                why = _WHY_LEFT.get(action.cause or "", "on request")
                return "unloaded", f"by {action.who}" if action.who else why
            case "keep":
                return "deleted", "its file is gone; its rows stay"
            case "promote":
                return "came back", "its rows count now, since the file with the same bytes has left"
            case "duplicate" | "share":
                return action.action, self._like(action.other_id)
            case "hold":
                return "held", "it stays unloaded; cubefeed load brings it back"
            case other:
                return other, f"asked for by {action.who}" if action.who else ""

    def _like(self, other_id: int | None) -> str:
        return f"the same bytes as {self._names.get(other_id or 0, 'another file')}"

    def _event(self, row: Any, at: str, word: str, details: Iterable[str], *, batch: int | None = -1) -> Event:
        number = row.batch if batch == -1 else batch
        sentence = "; ".join(filter(None, details))
        return Event(at, number, row.dataset, shown(row.path), word, row.id, row.rows, sentence)
