"""What the ledger knows of archives: their members are paths like others, whose files are those of the archives."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import LargeBinary, bindparam, select

from flows.model.dataset import Dataset
from flows.model.files import Signature
from flows.store.ledger import Ledger
from flows.store.schema import paths
from flows.store.statements import OF

_FIRST, _END = (bindparam(name, type_=LargeBinary) for name in ("first", "end"))
_MEMBERS = select(paths.c.path, paths.c.present).where(
    paths.c.dataset == OF, paths.c.path >= _FIRST, paths.c.path < _END
)
_FORGOTTEN = select(paths.c.path).where(paths.c.dataset == OF, paths.c.inode.is_(None) | (paths.c.inode == 0))


def known_members(ledger: Ledger, dataset: str, archives: Iterable[bytes]) -> dict[bytes, dict[bytes, bool]]:
    """Archive → the paths in it, in order, each with whether it was there when last looked."""
    with ledger.reading() as connection:
        found = {
            archive: connection.execute(_MEMBERS, {"of": dataset, "first": archive + b"/", "end": archive + b"0"})
            for archive in archives
        }
        return {archive: dict(sorted(rows.tuples())) for archive, rows in found.items()}


def present_members(ledger: Ledger, dataset: str, archives: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Archive → the paths in it that were there when last looked, in order."""
    known = known_members(ledger, dataset, archives)
    return {archive: [path for path, present in paths.items() if present] for archive, paths in known.items()}


def file_signatures(ledger: Ledger, dataset: Dataset) -> dict[bytes, Signature]:
    """The signature last judged of every file that was present when last looked, archives among them and not their
    members; without archives of which something is to be looked at anew."""
    found = ledger.signatures(dataset.name)
    if dataset.archives is None:
        return found
    with ledger.reading() as connection:
        forgotten = connection.scalars(_FORGOTTEN, {"of": dataset.name})
        again = {archive for path in forgotten if (archive := dataset.archive_of(path)) is not None}
    return {path: each for path, each in found.items() if path not in again and dataset.archive_of(path) is None}
