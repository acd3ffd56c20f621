"""Versions of an earlier edition, whose digests mix the file's bytes with the values that its name gives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import bindparam, select, update

from flows.model.lifecycle import LIVE, Identity
from flows.store.ledger import Ledger
from flows.store.meaning import remembered_meaning
from flows.store.migrations import OLD_VALUES
from flows.store.schema import paths, versions


class FormerVersion(NamedTuple):
    """A version that is in the cube, with a digest of that kind."""

    id: int
    path: bytes
    digest: bytes


def former_digest(body: bytes, values: str) -> bytes:
    """The digest that an earlier edition gave a file.

    Args:
        body: the file's bytes.
        values: JSON of the values that its path gives.
    """
    digest = hashlib.sha256(body)
    mixed = repr(sorted(json.loads(values).items()))
    digest.update(b"\0" + mixed.encode("utf-8", "surrogateescape"))
    return digest.digest()


def has_former(ledger: Ledger, dataset: str) -> bool:
    """Whether no session of this edition has filled the dataset's table yet, and versions have such digests."""
    if remembered_meaning(ledger, dataset) is not None:
        return False
    old = (versions.c.dataset == dataset) & (versions.c.path_values == OLD_VALUES)
    with ledger.reading() as connection:
        return connection.scalar(select(versions.c.id).where(old).limit(1)) is not None


def former_versions(ledger: Ledger, dataset: str) -> list[FormerVersion]:
    """Those of a dataset whose file was there when last looked."""
    query = (
        select(versions.c.id, paths.c.path, versions.c.digest)
        .join(paths, paths.c.accepted == versions.c.id)
        .where(versions.c.dataset == dataset, versions.c.path_values == OLD_VALUES, versions.c.state.in_(LIVE))
        .where(paths.c.present)
    )
    with ledger.reading() as connection:
        return [FormerVersion(*row) for row in connection.execute(query)]


def set_identities(ledger: Ledger, identities: Mapping[int, Identity]) -> None:
    """Write the digests and values of some versions anew."""
    if not identities:
        return
    changed = update(versions).where(versions.c.id == bindparam("version"))
    values = changed.values(digest=bindparam("new_digest"), path_values=bindparam("new_values"))
    rows = [
        {"version": id, "new_digest": identity.digest, "new_values": identity.values}
        for id, identity in identities.items()
    ]
    with ledger.writing() as connection:
        connection.execute(values, rows)


def forget_path_values(ledger: Ledger, dataset: str) -> None:
    """Where paths give no values, the digests were of the bytes alone."""
    old = (versions.c.dataset == dataset) & (versions.c.path_values == OLD_VALUES)
    with ledger.writing() as connection:
        connection.execute(update(versions).where(old).values(path_values=""))
