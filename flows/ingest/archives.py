"""Archives in a piece of work: their members are files like others, but for the verdict, which is one for all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.ingest.checked_files import CheckedFiles
from flows.landing.manifest import manifest_findings
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.findings import MAX_FINDINGS, NO_FINDINGS, FileFindings, Finding, Verdict
from flows.model.tolerances import Tolerance
from flows.reading.archive import Archive, unpack_archive
from flows.reading.file_reader import FileContent
from flows.reading.refusal import FileRefused
from flows.runtime.boundaries import FileFailed, Scope, boundary, describe
from flows.text.plural import counted
from flows.validation.cost import TooCostly
from flows.validation.verdict import refuse

log = logging.getLogger(__name__)

TOGETHER_BYTES = 64 << 20
"""So many bytes come out of the archives of a batch, or out of one that has more: they wait in memory to be checked."""


@dataclass(frozen=True)
class Deliveries:
    """What is to be checked of the files of a piece of work.

    Args:
        files: those that are checked, the members of archives in place of these, in order.
        archives: path → the archives that were unpacked.
        refused: path → the verdict on those that could not be.
        waiting: the files that are to be worked on after these.
    """

    files: Sequence[FileContent]
    archives: Mapping[bytes, Archive] = field(default_factory=dict)
    refused: Mapping[bytes, Verdict] = field(default_factory=dict)
    waiting: frozenset[bytes] = frozenset()


def deliveries_in(dataset: Dataset, reads: Sequence[FileContent]) -> Deliveries:
    """The files that were read, with what is in the archives among them; once much has come out of these, the files
    that follow wait."""
    if dataset.archives is None:
        return Deliveries(reads)
    files: list[FileContent] = []
    archives: dict[bytes, Archive] = {}
    refused: dict[bytes, Verdict] = {}
    unpacked_bytes = 0
    for place, read in enumerate(reads):
        path = read.landed.path
        if read.body is None or not dataset.is_archive(path):
            files.append(read)
            continue
        if unpacked_bytes >= TOGETHER_BYTES:
            return Deliveries(files, archives, refused, frozenset(each.landed.path for each in reads[place:]))
        found = _unpack(dataset, read)
        if isinstance(found, Verdict):
            refused[path] = found
            continue
        archives[path] = found
        files += found.members
        unpacked_bytes += sum(len(member.body or b"") for member in found.members)
    return Deliveries(files, archives, refused)


def _unpack(dataset: Dataset, read: FileContent) -> Archive | Verdict:
    """An archive, or the verdict on one that cannot be unpacked."""
    try:
        with boundary(Scope.FILE):
            return unpack_archive(dataset, read)
    except FileFailed as failed:
        error = failed.cause
    if isinstance(error, TooCostly):
        error = FileRefused.too_costly(error)
    if isinstance(error, FileRefused):
        return refuse(error.found)
    log.warning("%s: %s cannot be unpacked", dataset.name, shown(read.landed.path), exc_info=error)
    finding = Finding("reading", raw=describe(error), expected="no exception")
    return refuse(NO_FINDINGS.with_refusal(finding, f"reading: {describe(error)}; expected no exception"))


def with_archives(checked: CheckedFiles, archives: Iterable[Archive], refused: Mapping[bytes, Verdict]) -> CheckedFiles:
    """The verdicts on files, with those on the archives in which some of them lie: where one member is refused, all of
    its archive is.

    Args:
        checked: what came of all files, the members of the archives included as far as they had to be checked.
        archives: the archives.
        refused: the verdicts on others, which could not be unpacked.
    """
    verdicts = {**checked.verdicts, **refused}
    for archive in archives:
        verdicts |= _verdicts(archive, checked.verdicts)
    return replace(checked, verdicts=verdicts)


def _verdicts(archive: Archive, checked: Mapping[bytes, Verdict]) -> dict[bytes, Verdict]:
    """The verdicts on an archive, and on its members where they are others than alone."""
    path, members = archive.file.landed.path, [member.landed.path for member in archive.members]
    known = {member: checked[member] for member in members if member in checked}
    found = _found(archive, known)
    if found.refusal is None:
        return {path: Verdict(tolerated=found.tolerated)}
    refused = FileRefused("archive", raw=shown(path), expected=f"an archive that is taken whole ({found.refusal})")
    why = f"{shown(path)} is refused, and with it all that is in it: {found.refusal}"
    sound = [member for member in members if member not in known or known[member].accepted]
    verdicts = {member: _with_its_archive(known.get(member, Verdict()), refused.finding, why) for member in sound}
    return {path: refuse(found), **verdicts}  # the rows are those of its members


def _found(archive: Archive, known: Mapping[bytes, Verdict]) -> FileFindings:
    """What is found in an archive: members that are refused, what its manifest says otherwise, and what it has
    besides."""
    found = replace(NO_FINDINGS, tolerated=_left_out(archive))
    refused = {member: verdict.reason for member, verdict in known.items() if not verdict.accepted}
    if refused:
        expected = "an archive of which no member is refused"
        findings = [Finding("member", raw=shown(member), expected=expected) for member in refused][:MAX_FINDINGS]
        member, reason = next(iter(refused.items()))
        found = replace(found.with_findings(findings, {"member": len(refused)}), refusal=f"{shown(member)}: {reason}")
    if archive.file.manifest is None:
        return found
    rows = None if found.refusal is not None else sum(map(_rows, known.values()))
    for finding in manifest_findings(archive.file.manifest, archive.file.identity.digest.hex(), rows):
        found = found.with_refusal(finding, f"manifest: expected {finding.expected}, got {finding.raw}")
    return found


def _left_out(archive: Archive) -> tuple[Tolerance, ...]:
    if not archive.left_out:
        return ()
    count = len(archive.left_out)
    text = f"{counted(count, 'member')} beside the pattern, such as {shown(archive.left_out[0])}"
    return (Tolerance("members", text, count),)


def _with_its_archive(verdict: Verdict, finding: Finding, why: str) -> Verdict:
    """The verdict on a sound member of a refused archive."""
    found = replace(NO_FINDINGS, tolerated=verdict.tolerated).with_refusal(finding, why)
    return refuse(found, rows=_rows(verdict))


def _rows(verdict: Verdict) -> int:
    return verdict.rows + verdict.refused + verdict.collapsed
