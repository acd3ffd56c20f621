"""What footers of formats 1 and 2 say, as decisions: they name versions that were current when they were written.

Where a path's version had the place of another path, its file had been renamed, and took along what the other had.
Nothing in them tells what was refused, unloaded or deleted since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from flows.model.lifecycle import LIVE, State
from flows.store.decisions import BatchRow, Decisions, Moved, PathRow, Restated, VersionRow
from flows.store.footer import Footer, FooterVersion
from flows.store.migrations import OLD_VALUES
from flows.store.schema import paths, versions

NO_FILE = (0, 0)
"""The ctime and the inode of no file, so that a path is read again where its file lies, and seen to be gone where it
does not."""


@dataclass
class _Path:
    id: int
    arrival: int | None = None
    accepted: int | None = None


class FormerHistory:
    """The paths and versions of one dataset, footer by footer.

    Args:
        connection: a ledger with what is known already.
        dataset: whose.
        path_ids: path → its number, of paths that decisions of the present format name.
        own_batch: the batch to which versions belong whose own is not known.
        now: when that is.
    """

    def __init__(
        self, connection: Connection, dataset: str, path_ids: Mapping[bytes, int], *, own_batch: int, now: str
    ) -> None:
        known = connection.execute(select(paths).where(paths.c.dataset == dataset)).all()
        highest = int(connection.scalar(select(func.max(paths.c.id))) or 0)
        self._free = max(highest, *path_ids.values(), 0) + 1
        self._ids = path_ids
        self._paths = {row.path: _Path(row.id, row.arrival, row.accepted) for row in known}
        self._holders = {row.arrival: row.path for row in known if row.arrival is not None}
        columns = (versions.c.id, versions.c.path_id, versions.c.state, versions.c.content)
        held = connection.execute(select(*columns).where(versions.c.dataset == dataset))
        self._known = {row.id: row for row in held}
        self._at: dict[int, int] = {id: row.path_id for id, row in self._known.items()}
        self._versions: dict[int, VersionRow] = {}
        self._replaced: set[int] = set()
        self._touched: dict[bytes, FooterVersion | None] = {}
        self._own_batch, self._now = own_batch, now

    def take_in(self, footer: Footer, segment: int) -> None:
        """What the next segment says."""
        for row in footer.versions:
            before = self._known.get(row.id)
            if before is not None and before.state not in LIVE:
                continue
            path = self._path(row.path)
            self._bring(path, row)
            if path.accepted is not None and path.accepted != row.id:
                self._replaced.add(path.accepted)
            self._replaced.discard(row.id)
            path.accepted, self._at[row.id] = row.id, path.id
            self._touched[row.path] = row
            self._versions[row.id] = self._version(row, footer, path.id, segment)

    def decisions(self) -> Decisions:
        """All of it together."""
        rows = [self._with_state(row) for row in self._versions.values()]
        old = [id for id in self._replaced if id not in self._versions]
        return Decisions(
            batches=list(self._batches(rows)),
            paths=[self._path_row(name, row) for name, row in self._touched.items()],
            versions=rows,
            moved=[Moved(id, at) for id, at in self._at.items() if id in self._known and self._known[id].path_id != at],
            restated=[Restated(id, State.SUPERSEDED.value, None, self._known[id].content, self._now) for id in old],
        )

    def _path(self, name: bytes) -> _Path:
        if name not in self._paths:
            self._paths[name] = _Path(self._ids.get(name) or self._free)
            self._free += name not in self._ids
        return self._paths[name]

    def _bring(self, path: _Path, row: FooterVersion) -> None:
        """Bring a place to a path, from the one that had it."""
        name = self._holders.get(row.place)
        if name is not None and name != row.path:
            holder = self._paths[name]
            if holder.accepted is not None and holder.accepted != row.id:
                self._replaced.add(holder.accepted)
            self._at |= {id: path.id for id, at in self._at.items() if at == holder.id}
            holder.arrival = holder.accepted = None
            self._touched[name] = None
        if path.arrival is not None:
            self._holders.pop(path.arrival, None)
        path.arrival = row.place
        self._holders[row.place] = row.path

    def _version(self, row: FooterVersion, footer: Footer, path_id: int, segment: int) -> VersionRow:
        found = row.detected_utc or footer.detected_utc or self._now
        return VersionRow(
            id=row.id,
            path_id=path_id,
            digest=row.digest,
            path_values=OLD_VALUES,
            content=row.id if row.rows else None,
            size_bytes=row.size_bytes,
            mtime_ns=row.mtime_ns,
            state=State.LOADED.value,
            cause=None,
            reason=None,
            rows=row.rows,
            refused=row.refused,
            collapsed=row.collapsed,
            findings=row.findings,
            first_finding=row.first_finding,
            segment=segment,
            batch=row.batch or footer.batch or self._own_batch,
            detected_utc=found,
            staged_utc=found,
            loaded_utc=self._now,
            ended_utc=None,
        )

    def _with_state(self, row: VersionRow) -> VersionRow:
        row = row._replace(path_id=self._at[row.id])
        if row.id not in self._replaced:
            return row
        return row._replace(state=State.SUPERSEDED.value, ended_utc=self._now)

    def _batches(self, rows: Iterable[VersionRow]) -> Iterable[BatchRow]:
        for number in {row.batch for row in rows}:
            own = [row for row in rows if row.batch == number]
            loaded = sum(row.rows for row in own)
            yield BatchRow(number, State.LOADED.value, len(own), loaded, own[0].detected_utc, self._now)

    def _path_row(self, name: bytes, row: FooterVersion | None) -> PathRow:
        path = self._paths[name]
        size, mtime = (row.size_bytes, row.mtime_ns) if row is not None else (0, 0)
        return PathRow(path.id, name, path.arrival, path.accepted, path.accepted, True, size, mtime, *NO_FILE)
