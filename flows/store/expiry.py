"""What the ledger forgets, so that a file that is rewritten every second does not fill a disk.

| what | when it goes |
|---|---|
| a version that is neither in the cube nor what its path shows | once there are VERSIONS newer ones at its path |
| a batch of which no version is left | with its last version, but for each dataset's last batch |
| a request that has ended | once there are REQUESTS newer ones |

What a person reads of a path is in its last thousand versions: three years of daily corrections. Bytes that a path
gave up longer ago are not known any more: a copy of them that lands elsewhere is a new file. Neither the cube nor what
is current depends on any of it, and a segment's footer says what its own versions are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from flows.model.lifecycle import LIVE
from flows.store.ledger import Ledger, live_contents
from flows.store.schema import batches, paths, requests, versions
from flows.text.plural import counted

log = logging.getLogger(__name__)

VERSIONS = 1_000
REQUESTS = 1_000
"""Each may name 500 files: so many are a hundred megabytes at most."""
EVERY_BATCHES = 1_000
"""After so many batches it is looked at what can go; after more where there are many versions, which take longer."""
_PER_BATCH = 100
_ENDED = ("done", "failed", "withdrawn")


@dataclass(frozen=True)
class ExpiryCounts:
    """How much the ledger has forgotten."""

    versions: int
    batches: int
    requests: int


class Expiry:
    """Prunes a ledger now and then, while batches are written. For the thread that writes them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._due: int | None = None

    def after_batch(self, batch: int) -> None:
        """Prune where enough batches were written since the last time.

        Raises:
            Exception: the ledger cannot be written now, since a disk is full or another has its lock; nothing is
                forgotten.
        """
        if self._due is not None and batch < self._due:
            return
        if self._due is not None:
            prune(self._ledger)
        with self._ledger.reading() as connection:
            known = int(connection.scalar(select(func.count()).select_from(versions)) or 0)
        self._due = batch + EVERY_BATCHES + known // _PER_BATCH


def prune(ledger: Ledger) -> ExpiryCounts:
    """Forget what is over the bounds, in short transactions."""
    pruned = ExpiryCounts(_prune_versions(ledger), _prune_batches(ledger), _prune_requests(ledger))
    if pruned.versions:
        log.info("the ledger has forgotten %s of long ago", counted(pruned.versions, "version"))
    return pruned


def _prune_versions(ledger: Ledger) -> int:
    crowded = select(versions.c.path_id).group_by(versions.c.path_id).having(func.count() > VERSIONS)
    newer = func.row_number().over(partition_by=versions.c.path_id, order_by=versions.c.id.desc()).label("newer")
    ranked = select(versions.c.id, newer).where(versions.c.path_id.in_(crowded)).subquery()
    old = select(ranked.c.id).where(ranked.c.newer > VERSIONS)
    needed = (
        select(paths.c.id)
        .where(paths.c.id == versions.c.path_id)
        .where((paths.c.judged == versions.c.id) | (paths.c.accepted == versions.c.id))
    )
    in_cube = versions.c.id.in_(live_contents())  # its rows are another version's too
    with ledger.writing() as connection:
        gone = delete(versions).where(versions.c.id.in_(old), versions.c.state.not_in(LIVE), ~needed.exists(), ~in_cube)
        return connection.execute(gone).rowcount


def _prune_batches(ledger: Ledger) -> int:
    """Forget batches of which nothing is left. SQLite would look through all versions for each of them, to see that
    none refers to it, which is known."""
    last = select(func.max(batches.c.id)).group_by(batches.c.dataset)
    empty = batches.c.id.not_in(select(versions.c.batch).distinct())
    with ledger.writing(checking_references=False) as connection:
        return connection.execute(delete(batches).where(empty, batches.c.id.not_in(last))).rowcount


def _prune_requests(ledger: Ledger) -> int:
    last = select(func.max(requests.c.id)).scalar_subquery()
    ended = requests.c.state.in_(_ENDED)
    with ledger.writing() as connection:
        return connection.execute(delete(requests).where(ended, requests.c.id <= last - REQUESTS)).rowcount
