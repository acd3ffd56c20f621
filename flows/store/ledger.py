"""The durable record of paths, versions, batches and requests, and the manifest from which a cube is rebuilt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Select, func, select

from flows.model.files import Signature
from flows.model.lifecycle import LIVE
from flows.model.plan import Counters
from flows.store.disk import room_for
from flows.store.schema import batches, datasets, paths, segments, versions
from flows.store.statements import OF, among_named, named

BUSY_TIMEOUT_S = 30
"""How long a writer waits for another process's transaction; ours take milliseconds."""
ROOM_BYTES = 4_000_000
"""How much room a ledger takes to go on, about: so large becomes its log before it is copied into the file."""


def live_contents(dataset: str | None = None) -> Select[tuple[int | None]]:
    """The contents that are in the cube, of a dataset or of all."""
    found = select(versions.c.content).where(versions.c.state.in_(LIVE), versions.c.content.is_not(None))
    return found if dataset is None else found.where(versions.c.dataset == dataset)


LIVE_CONTENTS_OF = live_contents().where(versions.c.dataset == OF)
_LAST_BATCH = select(batches.c.id).order_by(batches.c.id.desc()).limit(1)
_LAST_BATCH_OF = _LAST_BATCH.where(batches.c.dataset == OF)
_LAST_NUMBERS = select(
    *(select(func.max(column)).scalar_subquery() for column in (paths.c.id, versions.c.id, paths.c.arrival))
)
SEGMENTS_OF = select(segments).where(segments.c.dataset == OF)
_SIGNATURES = select(*(paths.c[name] for name in ("path", *Signature._fields))).where(
    paths.c.dataset == OF, paths.c.present
)
_IN_SEGMENTS = select(versions.c.segment, versions.c.id).where(versions.c.segment.is_not(None))
_LIVE_IN_SEGMENTS = _IN_SEGMENTS.where(versions.c.id.in_(LIVE_CONTENTS_OF))
_LIVE_IN_SOME_SEGMENTS = _LIVE_IN_SEGMENTS.where(versions.c.segment.in_(among_named()))
_SOME_IN_SEGMENTS = _IN_SEGMENTS.where(versions.c.id.in_(among_named()))


@dataclass(frozen=True)
class SegmentFacts:
    """What the ledger knows of one segment file."""

    id: int
    dataset: str
    file: str
    sha256: str
    size_bytes: int
    rows: int
    fingerprint: str
    key_low: str | None = None
    key_high: str | None = None
    uuid: str | None = None
    keys_repeat: bool = False


class Numbers(NamedTuple):
    """Numbers that are taken: the last one of each kind."""

    version: int = 0
    arrival: int = 0
    segment: int = 0
    batch: int = 0


class Ledger:
    """The ledger of one state directory. One owner writes batches; any process writes requests."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self.engine = engine
        self.file = file
        self._given = Numbers()
        self._counts_segments = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger, whatever is committed meanwhile."""
        with self.engine.connect() as connection:
            # The driver begins nothing by itself (see `ledger_file`). SQLAlchemy ends it when the connection goes back.
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def writing(self, *, patience_s: float = BUSY_TIMEOUT_S, checking_references: bool = True) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement, for which it waits so long at most.

        Args:
            patience_s: how long.
            checking_references: whether SQLite sees to it that nothing refers to rows that go.

        Raises:
            DiskFull: there is no room; nothing has changed.
        """
        with room_for("the ledger", self.file, ROOM_BYTES), self.engine.connect() as connection:
            # Each time, since the pool hands out connections as they were left. Within a transaction the second does
            # nothing: https://www.sqlite.org/pragma.html#pragma_foreign_keys
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(1000 * patience_s)}")
            connection.exec_driver_sql(f"PRAGMA foreign_keys = {int(checking_references)}")
            # At once: a transaction that begins by reading cannot wait for the lock once another one has written, and
            # fails instead: https://www.sqlite.org/isolation.html
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if _is_open(connection):  # SQLite itself has rolled back where the disk is full
                    connection.exec_driver_sql("ROLLBACK")
                raise

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def counters(self) -> Counters:
        """The next free numbers."""
        with self.reading() as connection:
            path, version, arrival = (last or 0 for last in connection.execute(_LAST_NUMBERS).one())
        return Counters(path + 1, max(version, self._given.version) + 1, max(arrival, self._given.arrival) + 1)

    def reserve(self, taken: Numbers) -> None:
        """Give out only numbers above these, which lie on the disk though the ledger has none of them."""
        self._given = Numbers(*map(max, zip(self._given, taken, strict=True)))

    def next_segment(self) -> int:
        """The next free number of a segment; none is given out twice, whatever becomes of it."""
        if not self._counts_segments:  # one process gives them out, so the ledger is asked once
            self.reserve(Numbers(segment=self.last_segment()))
            self._counts_segments = True
        self._given = self._given._replace(segment=self._given.segment + 1)
        return self._given.segment

    def next_batch(self) -> tuple[int, int]:
        """The next free number of a batch, likewise, and the last batch that was staged."""
        last = self.last_batch()
        self._given = self._given._replace(batch=max(last, self._given.batch) + 1)
        return self._given.batch, last

    def last_segment(self) -> int:
        """The highest number of a segment that the ledger knows; 0 where it knows none."""
        with self.reading() as connection:
            return int(connection.scalar(select(func.max(segments.c.id))) or 0)

    def last_batch(self, dataset: str | None = None) -> int:
        """The last batch that was staged, of a dataset or of all; 0 where none was."""
        with self.reading() as connection:
            if dataset is None:
                return connection.scalar(_LAST_BATCH) or 0
            return connection.scalar(_LAST_BATCH_OF, {"of": dataset}) or 0

    def dataset_names(self) -> list[str]:
        """The datasets that sessions have opened."""
        with self.reading() as connection:
            return sorted(connection.scalars(select(datasets.c.name)))

    def signatures(self, dataset: str) -> dict[bytes, Signature]:
        """The signature last judged of every path that was present when last looked."""
        with self.reading() as connection:
            found = connection.execute(_SIGNATURES, {"of": dataset})
            return {row[0]: Signature(*row[1:]) for row in found if row[1] is not None}

    def live(self, dataset: str, *, segment_ids: Sequence[int] | None = None) -> dict[int, set[int]]:
        """Segment id → the contents in it that are in the cube, of all or of the named segments."""
        if segment_ids is None:
            return self._by_segment(_LIVE_IN_SEGMENTS, {"of": dataset})
        return self._by_segment(_LIVE_IN_SOME_SEGMENTS, {"of": dataset, **named(segment_ids)})

    def live_paths(self, dataset: str) -> list[bytes]:
        """The paths whose rows are in the cube."""
        query = (
            select(paths.c.path)
            .join(versions, versions.c.id == paths.c.accepted)
            .where(paths.c.dataset == dataset, versions.c.state.in_(LIVE))
        )
        with self.reading() as connection:
            return [row.path for row in connection.execute(query)]

    def segments_with(self, contents: Iterable[int]) -> dict[int, set[int]]:
        """Segment id → those of the contents that are in it, whether they are in the cube or not."""
        return self._by_segment(_SOME_IN_SEGMENTS, named(contents))

    def _by_segment(self, statement: Select[tuple[int | None, int]], bound: Mapping[str, str]) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        with self.reading() as connection:
            for segment, content in connection.execute(statement, bound):
                found.setdefault(segment, set()).add(content)
        return found

    def segments(self, dataset: str) -> dict[int, SegmentFacts]:
        """All segments of a dataset by id."""
        with self.reading() as connection:
            found = connection.execute(SEGMENTS_OF, {"of": dataset})
            return {row.id: SegmentFacts(**row._mapping) for row in found}

    def segment_files(self) -> set[str]:
        """The names of the files of all segments, of any dataset."""
        with self.reading() as connection:
            return set(connection.scalars(select(segments.c.file)))


def _is_open(connection: Connection) -> bool:
    """Whether SQLite still has a transaction open on this connection."""
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))
