"""Validate a piece of work: read its files, and check those that have to be checked. Knows nothing of the cube."""

from __future__ import annotations

from collections.abc import Collection

from flows.ingest.checked_files import CheckedFiles
from flows.ingest.file_checks import check_group, files_that_fit, read_or_refuse
from flows.ingest.work import CheckedBatch, Work
from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.lifecycle import Mark, Observation
from flows.reading.file_reader import FileContent
from flows.store.crashes import HeldFiles
from flows.store.ledger import Ledger
from flows.store.path_facts import known_identities

REFUSED_AT_ONCE = 500
"""Files of a batch that are refused; what each leaves in the quarantine takes a millisecond or two, in which the files
of other datasets wait."""


def check_work(dataset: Dataset, work: Work, ledger: Ledger, mount: MountThread, held: HeldFiles) -> CheckedBatch:
    """Read every file and check those whose bytes would be accepted, as far as the ledger says now.

    Args:
        dataset: whose files they are.
        work: which files.
        ledger: what is known.
        mount: where they are read.
        held: the files that are in hand; those that are set aside are refused without being read.

    Raises:
        LandingHangs: the landing directory does not answer.
    """
    reads, unread = _read_all(dataset, held, mount)
    wanted = _to_check(dataset, ledger, reads.values())
    ordered = sorted(reads.values(), key=lambda read: (read.signature.mtime_ns, read.landed.path))
    new = [read for read in ordered if read.landed.path in wanted]
    together = next(files_that_fit(dataset, new), [])
    left = {read.landed.path for read in new[len(together) :]}
    checked = check_group(dataset, together)
    later = _refused_later(work, checked)
    unread |= dict.fromkeys(later, "many files before it were refused, and others come first")
    done, rest = work.cut(left)
    return CheckedBatch(
        work=done,
        reads={path: read for path, read in reads.items() if path not in left and path not in later},
        checked=checked,
        unread=unread,
        held=held,
        rest=rest,
    )


def _to_check(dataset: Dataset, ledger: Ledger, reads: Collection[FileContent]) -> set[bytes]:
    """The files that have to be checked: those whose delivery is not in the cube, with the rows that the declaration
    makes of it. Where every copy counts, that is all of them.

    What somebody asked for is checked in any case, so that the answer to the request says all.
    """
    if not dataset.meaning.shared:
        return {read.landed.path for read in reads}
    asked = {read.landed.path for read in reads if read.landed.mode != "arrival" or read.manifest is not None}
    known = known_identities(ledger, dataset.name, (read.identity for read in reads), dataset.fingerprint)
    return asked | {read.landed.path for read in reads if read.identity not in known}


def _refused_later(work: Work, checked: CheckedFiles) -> set[bytes]:
    """The files whose refusal is not written with this batch, where nobody has asked for them."""
    refused = [path for path, verdict in checked.verdicts.items() if not verdict.accepted]
    return set(refused[REFUSED_AT_ONCE:]) if work.request is None else set()


def _read_all(
    dataset: Dataset, held: HeldFiles, mount: MountThread
) -> tuple[dict[bytes, FileContent], dict[bytes, str]]:
    """What was read, those that are set aside included; and why the others could not be read now."""
    aside = {each.path: FileContent.without_body(each, aside=why) for each, why in held.aside}
    found = mount.call(lambda: [read_or_refuse(dataset, each) for each in held.to_read]) if held.to_read else []
    results = {each.path: result for each, result in zip(held.to_read, found, strict=True)}
    reads = {path: result for path, result in results.items() if isinstance(result, FileContent)}
    return reads | aside, {path: result for path, result in results.items() if isinstance(result, str)}


def observation(read: FileContent) -> Observation:
    """What the plan needs to know of a file that was read."""
    signature = read.signature
    mark = Mark(signature.inode, signature.mtime_ns, signature.size_bytes)
    return Observation(read.landed.path, read.identity, mark, read.landed.mode)
