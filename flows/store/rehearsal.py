"""What a restore would make, if the ledger were lost now: made in a directory for scratch, beside what is in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from flows.model.lifecycle import State
from flows.model.precedence import Meaning, Rank
from flows.model.tables import Table
from flows.store.backup import copy_database
from flows.store.disk import room_for
from flows.store.ledger import ROOM_BYTES, Ledger
from flows.store.ledger_file import open_ledger
from flows.store.ranks import live_ranks
from flows.store.replay import replay_segments
from flows.store.restore import newest_backup
from flows.store.schema import paths, segments, versions
from flows.store.segments import Segments


@dataclass(frozen=True)
class Rehearsal:
    """A restored ledger.

    Args:
        ledger: it; nothing else reads it.
        words: what could not be recovered.
    """

    ledger: Ledger
    words: list[str]


@contextmanager
def restored_beside(backups: Path, store: Segments, directory: Path) -> Iterator[Rehearsal]:
    """Restore from the newest whole backup and the segments, for as long as the block runs.

    Args:
        backups: where backups are.
        store: the segments; none may be written meanwhile.
        directory: an empty one, on a disk that has room for another ledger.

    Raises:
        DiskFull: there is no room.
    """
    file, backup = directory / "restored.db", newest_backup(backups)
    with room_for("the check of a restore", directory, ROOM_BYTES + (2 * backup.stat().st_size if backup else 0)):
        if backup is not None:
            copy_database(backup, file, still=True)
        with closing(open_ledger(file)) as ledger:
            # What the keys are says only which segments need not be read.
            replayed = replay_segments(ledger, store, {name: Table(name, ()) for name in store.datasets()})
            yield Rehearsal(ledger, replayed.words)


class Standing(NamedTuple):
    """What a ledger says of the last sound delivery of a path.

    Args:
        state: of the version.
        version: its number.
        cause: why it left the cube.
        segment: the name of the file that its rows are in.
        content: the version that brought those.
        rank: where they stand in the merge.
        arrival: the number of the path's place.
    """

    state: str
    version: int
    cause: str | None
    segment: str | None
    content: int | None
    rank: Rank | None
    arrival: int | None


def standings(ledger: Ledger, dataset: str, meaning: Meaning) -> dict[bytes, Standing]:
    """Path → how it stands, of all that have shown something sound. Two ledgers that say the same here make the same
    cube of the same segments."""
    ranks = {content: rank for each in live_ranks(ledger, dataset, meaning).values() for content, rank in each.items()}
    content = versions.alias()
    query = (
        select(
            paths.c.path, paths.c.arrival, versions.c.id, versions.c.state, versions.c.cause, content.c.id,
            segments.c.file,
        )
        .join(versions, versions.c.id == paths.c.accepted)
        .outerjoin(content, content.c.id == versions.c.content)
        .outerjoin(segments, segments.c.id == content.c.segment)
        .where(paths.c.dataset == dataset)
    )  # fmt: skip
    staged = {State.STAGED.value: State.LOADED.value}
    with ledger.reading() as connection:
        return {
            path: Standing(staged.get(state, state), id, cause, file, brought_by, ranks.get(brought_by), arrival)
            for path, arrival, id, state, cause, brought_by, file in connection.execute(query)
        }
