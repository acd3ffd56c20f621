"""Deliveries whose path gives other values than it did when they were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select, update

from flows.store.ledger import Ledger
from flows.store.migrations import OLD_VALUES
from flows.store.schema import datasets, paths, versions
from flows.store.statements import among, dataset_fact
from flows.store.upkeep import NEVER


class OtherValues(NamedTuple):
    """A path, whether its file was there when last looked, and the values that it gave and gives."""

    id: int
    path: bytes
    present: bool
    before: str
    now: str


def is_declared_as_before(ledger: Ledger, dataset: str, fingerprint: str) -> bool:
    """Whether a dataset is declared as it was at the last start, or there was none."""
    with ledger.reading() as connection:
        before = dataset_fact(connection, datasets.c.fingerprint, dataset)
    return before in (None, fingerprint)


def paths_with_other_values(ledger: Ledger, dataset: str, values_of: Callable[[bytes], str]) -> list[OtherValues]:
    """The paths whose last sound delivery has other values than these; those of which an earlier edition did not write
    them down are left out."""
    query = (
        select(paths.c.id, paths.c.path, paths.c.present, versions.c.path_values)
        .join(versions, versions.c.id == paths.c.accepted)
        .where(paths.c.dataset == dataset, versions.c.path_values != OLD_VALUES)
    )
    with ledger.reading() as connection:
        found = connection.execute(query).tuples().all()
    given = [OtherValues(id, path, present, values, values_of(path)) for id, path, present, values in found]
    return [each for each in given if each.before != each.now]


def look_again(ledger: Ledger, found: list[OtherValues]) -> None:
    """Have the files that lie there be read again, though they are as they were."""
    with ledger.writing() as connection:
        again = paths.c.id.in_(among(path.id for path in found if path.present))
        connection.execute(update(paths).where(again).values(judged=None, **NEVER))
