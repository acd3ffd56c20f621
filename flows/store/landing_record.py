"""What a landing directory was, kept from one session to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import func, select, update

from flows.store.ledger import Ledger
from flows.store.schema import datasets, paths, versions
from flows.store.statements import dataset_fact

PATIENCE_S = 0.5
"""How long the thread that finds what has landed waits for the ledger's lock: while it waits it looks at nothing else,
and a session that has not looked for long ends."""


def remembered_volumes(ledger: Ledger, dataset: str) -> dict[bytes, tuple[int, int]]:
    """Directory, relative to the landing directory → its device and inode when it was last believed to be whole: of
    the landing directory itself and of those that something was mounted on. Empty where it never was."""
    with ledger.reading() as connection:
        kept = dataset_fact(connection, datasets.c.volumes, dataset)
    return {bytes.fromhex(path): (device, inode) for path, device, inode in json.loads(kept or "[]")}


def judged_in_doubt(ledger: Ledger, dataset: str) -> set[bytes] | None:
    """The paths judged since the landing directory is in doubt; None where it is not."""
    with ledger.reading() as connection:
        doubted = dataset_fact(connection, datasets.c.doubted_after, dataset)
        if doubted is None:
            return None
        since = select(paths.c.path).where(paths.c.dataset == dataset, paths.c.judged > doubted)
        return set(connection.scalars(since))


def remember_directory(
    ledger: Ledger, dataset: str, volumes: Mapping[bytes, tuple[int, int]], *, doubted: bool
) -> None:
    """Remember what a landing directory was, and whether it has been in doubt since; of a dataset that a session has
    opened.

    Raises:
        Exception: the ledger cannot be written now, since a disk is full or another has its lock.
    """
    kept = json.dumps([(path.hex(), *numbers) for path, numbers in sorted(volumes.items())])
    last = select(func.coalesce(func.max(versions.c.id), 0)).scalar_subquery()
    since = func.coalesce(datasets.c.doubted_after, last) if doubted else None
    with ledger.writing(patience_s=PATIENCE_S) as connection:
        changed = update(datasets).where(datasets.c.name == dataset)
        connection.execute(changed.values(volumes=kept, doubted_after=since))
