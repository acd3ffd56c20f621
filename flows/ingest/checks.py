"""Validate a piece of work: read its files, and check those that have to be checked. Knows nothing of the cube."""

from __future__ import annotations

from collections.abc import Sequence

from flows.ingest.archives import Deliveries, deliveries_in, with_archives
from flows.ingest.checked_files import CheckedFiles
from flows.ingest.file_checks import check_files, check_group, files_that_fit, read_or_refuse
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
    ordered = sorted(reads.values(), key=lambda read: (read.signature.mtime_ns, read.landed.path))
    found = deliveries_in(dataset, ordered)
    wanted = _to_check(dataset, ledger, found)
    checked, left = _check_what_fits(dataset, [each for each in found.files if each.landed.path in wanted])
    left |= found.waiting
    archives = [archive for path, archive in found.archives.items() if path not in left]
    checked = with_archives(checked, archives, found.refused)
    later = _refused_later(dataset, work, checked)
    unread |= dict.fromkeys(later, "many files before it were refused, and others come first")
    done, rest = work.cut(left)
    all_read, put_off = reads | {each.landed.path: each for each in found.files}, left | later
    return CheckedBatch(
        work=done,
        reads={path: read for path, read in all_read.items() if _file_of(dataset, path) not in put_off},
        checked=checked,
        unread=unread,
        held=held,
        rest=rest,
    )


def _file_of(dataset: Dataset, path: bytes) -> bytes:
    """The file in which a path lies: its archive, or itself."""
    return dataset.archive_of(path) or path


def _check_what_fits(dataset: Dataset, new: Sequence[FileContent]) -> tuple[CheckedFiles, set[bytes]]:
    """Check the first files, as many as fit into memory together; all of an archive, or nothing of it.

    Returns:
        What came of them, and the files that are left.
    """
    together = next(files_that_fit(dataset, new), [])
    file_of = [_file_of(dataset, read.landed.path) for read in new]
    left = set(file_of[len(together) :])
    if together and left and file_of[0] in left:  # an archive that does not fit as a whole
        first = [read for read, file in zip(new, file_of, strict=True) if file == file_of[0]]
        return check_files(dataset, first), set(file_of[len(first) :])
    kept = [each for each, file in zip(together, file_of, strict=False) if file not in left]
    return check_group(dataset, kept), left


def _to_check(dataset: Dataset, ledger: Ledger, found: Deliveries) -> set[bytes]:
    """The files that have to be checked: those whose delivery is not in the cube, with the rows that the declaration
    makes of it. Where every copy counts, that is all of them.

    What somebody asked for is checked in any case, so that the answer to the request says all.
    """
    if not dataset.meaning.shared:
        return {read.landed.path for read in found.files}
    asked = {read.landed.path for read in found.files if _is_asked(read)}
    asked |= {
        member.landed.path
        for archive in found.archives.values()
        if _is_asked(archive.file)
        for member in archive.members
    }
    known = known_identities(ledger, dataset.name, (read.identity for read in found.files), dataset.fingerprint)
    return asked | {read.landed.path for read in found.files if read.identity not in known}


def _is_asked(read: FileContent) -> bool:
    return read.landed.mode != "arrival" or read.manifest is not None


def _refused_later(dataset: Dataset, work: Work, checked: CheckedFiles) -> set[bytes]:
    """The files whose refusal is not written with this batch, where nobody has asked for them."""
    refused = [path for path, verdict in checked.verdicts.items() if verdict.findings and not verdict.accepted]
    files = [_file_of(dataset, path) for path in refused]
    return set(files[REFUSED_AT_ONCE:]) - set(files[:REFUSED_AT_ONCE]) if work.request is None else set()


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
