"""The first start over a state of an earlier edition: what a delivery is, is written as this edition tells it.

Where a file lies there, its bytes are hashed anew. Elsewhere the old digest stays and equals no other, so that a copy
of what is gone counts as a new file.
"""

from __future__ import annotations

import logging

from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.lifecycle import Identity
from flows.reading.file_reader import FileContent, read_file
from flows.runtime.progress import show_progress
from flows.store.crashes import Crashes
from flows.store.former_digests import (
    FormerVersion,
    forget_path_values,
    former_digest,
    former_versions,
    has_former,
    set_identities,
)
from flows.store.ledger import Ledger
from flows.text.plural import counted

log = logging.getLogger(__name__)


def adopt_former_digests(dataset: Dataset, ledger: Ledger, mount: MountThread, crashes: Crashes) -> None:
    """Write the digests of an earlier edition anew, as far as the files lie there.

    Raises:
        LandingHangs: the landing directory does not answer; it is done at the next start.
    """
    if not has_former(ledger, dataset.name):
        return
    if dataset.from_path is None:
        forget_path_values(ledger, dataset.name)
        return
    former = former_versions(ledger, dataset.name)
    if not former:
        return
    log.warning("%s: %s of an earlier edition are read again", dataset.name, counted(len(former), "file"))
    found: dict[int, Identity] = {}
    for version in former:
        with crashes.hold(dataset, [_file(version)], wait=False, without_suspects=True) as held:
            read = mount.call(lambda: read_file(dataset, held.to_read[0])) if held.to_read else None
        if isinstance(read, FileContent) and _is_same(read, version):
            found[version.id] = read.identity
        show_progress()
    set_identities(ledger, found)


def _file(version: FormerVersion) -> SettledFile:
    return SettledFile(version.path, Signature(0, 0, 0, 0))


def _is_same(read: FileContent, version: FormerVersion) -> bool:
    values = read.identity.values
    return read.body is not None and bool(values) and former_digest(read.body, values) == version.digest
