"""Validate a piece of work: read its files, and make of them rows and verdicts. Knows nothing of the cube.

Files are checked together, since that is many times faster. Where that raises, the file that is to blame is found by
halving, and refused; the others are checked without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import replace

import polars as pl

from flows.app.work import CheckedFiles, Validated, Work
from flows.core.boundaries import Doing, FileFailed, boundary, describe
from flows.core.dataset import Dataset
from flows.core.faults import Fault, find_fault
from flows.core.files import Landed, shown
from flows.core.findings import Finding, Verdict
from flows.core.lifecycle import Observation
from flows.core.model import FILE, LINE
from flows.core.notes import shorten
from flows.core.validate import validate
from flows.errors import plain
from flows.landing.manifest import manifest_findings
from flows.landing.mount import Mount
from flows.landing.parse import Source, parse
from flows.landing.reader import Read, read_file
from flows.store.ledger import Ledger

log = logging.getLogger(__name__)

_NOWHERE = [pl.lit(None, pl.UInt32).alias(name) for name in (FILE, LINE)]


def check_work(
    dataset: Dataset,
    work: Work,
    ledger: Ledger,
    mount: Mount,
    *,
    why_aside: Callable[[Landed], str | None] = lambda _: None,
) -> Validated:
    """Read every file and check those whose content the ledger does not know yet.

    Args:
        dataset, work: which files.
        ledger: what is known.
        mount: where they are read.
        why_aside: why a file is refused without being read, if it is.
    Raises:
        LandingHangs: the landing directory does not answer.
    """
    reads: dict[bytes, Read] = {}
    unread: dict[bytes, str] = {}
    aside = {landed.path: _set_aside(landed, why) for landed in work.landed if (why := why_aside(landed)) is not None}
    to_read = [landed for landed in work.landed if landed.path not in aside]
    found_in = mount.call(lambda: [_read(dataset, landed) for landed in to_read]) if to_read else []
    for landed, found in zip(to_read, found_in, strict=True):
        if isinstance(found, Read):
            reads[landed.path] = found
        else:
            unread[landed.path] = found
    reads |= aside
    known = ledger.known_digests(dataset.name, [read.digest for read in reads.values()])
    ordered = sorted(reads.values(), key=lambda read: (read.signature.mtime_ns, read.landed.path))
    new = [read for read in ordered if _must_be_checked(read, known)]
    checked = check_files(dataset, new)
    for path, verdict in checked.verdicts.items():
        if "manifest" in verdict.counts:
            reads[path] = _with_its_manifest(reads[path])
    return Validated(
        work=work,
        reads=reads,
        checked=checked,
        unread=unread,
    )


def check_files(dataset: Dataset, reads: Sequence[Read]) -> CheckedFiles:
    """Parse and check some files together; one whose check raises is refused, and the others are not concerned."""
    try:
        with boundary(Doing.FILE):
            return _check_together(dataset, reads)
    except FileFailed as failed:
        if len(reads) == 1:
            return _refuse(dataset, reads[0], failed.cause)
    middle = len(reads) // 2
    return _both(check_files(dataset, reads[:middle]), check_files(dataset, reads[middle:]))


def _check_together(dataset: Dataset, reads: Sequence[Read]) -> CheckedFiles:
    if not reads:
        return CheckedFiles([], dataset.schema.create_empty().with_columns(_NOWHERE), {}, {})
    files = [read.landed.path for read in reads]
    verdicts = {read.landed.path: _not_read(dataset, read) for read in reads if read.body is None}
    readable = [read for read in reads if read.body is not None]
    text = parse(dataset, [_source(read) for read in readable])
    for read, verdict, data_rows in zip(readable, text.verdicts, text.data_rows, strict=True):
        _compare_with_manifest(read, verdict, data_rows)
    checked = validate(dataset, text)
    names = [read.landed.path for read in readable]
    verdicts |= dict(zip(names, checked.verdicts, strict=True))
    return CheckedFiles(
        names,
        checked.rows,
        verdicts={path: verdicts[path] for path in files},
        texts=dict(zip(names, text.bodies, strict=True)),
    )


def observation(read: Read) -> Observation:
    """What the lifecycle needs to know of a file that was read."""
    return Observation(read.landed.path, read.digest, read.signature.mtime_ns, read.landed.mode)


def _must_be_checked(read: Read, known: Set[bytes]) -> bool:
    return read.digest not in known or read.landed.mode != "arrival" or read.manifest is not None


def _with_its_manifest(read: Read) -> Read:
    """The identity of bytes refused for their manifest: beside another manifest they are judged anew."""
    return replace(read, digest=hashlib.sha256(read.digest + (read.manifest or b"")).digest())


def _compare_with_manifest(read: Read, verdict: Verdict, data_rows: int) -> None:
    """Refuse a file that is not what its manifest says."""
    if read.manifest is None or read.body is None:
        return
    for finding in manifest_findings(read.manifest, read.body, data_rows if verdict.accepted else None):
        verdict.accepted = False
        verdict.findings.append(finding)
        verdict.counts[finding.rule] += 1
        verdict.reason = verdict.reason or f"manifest: expected {finding.expected}, got {plain(finding.raw)}"


def _not_read(dataset: Dataset, read: Read) -> Verdict:
    if read.aside is not None:
        return _died_over(read, read.aside)
    if read.failure is not None:
        return _refusal(Fault("reading"), read.failure)
    limit = f"at most {dataset.max_bytes} bytes"
    finding = Finding("size", expected=limit, raw=str(read.signature.size_bytes))
    return Verdict(
        accepted=False,
        findings=[finding],
        counts=Counter({"size": 1}),
        reason=f"the file has {read.signature.size_bytes} bytes; the dataset allows {limit}",
    )


def _set_aside(landed: Landed, why: str) -> Read:
    return Read(landed, landed.signature, None, _unknown_content(landed), aside=why)


def _unknown_content(landed: Landed) -> bytes:
    """In place of a digest, of bytes that could not be read."""
    return hashlib.sha256(repr(landed.signature).encode()).digest()


def _died_over(read: Read, why: str) -> Verdict:
    again = f"it is tried again when it changes, or by: cubefeed load {shown(read.landed.path)}"
    finding = Finding("process", raw=why, expected="a file that can be read")
    return Verdict(accepted=False, findings=[finding], counts=Counter({"process": 1}), reason=f"{why}; {again}")


def _read(dataset: Dataset, landed: Landed) -> Read | str:
    try:
        with boundary(Doing.FILE):
            return read_file(dataset, landed, arrived=True)
    except FileFailed as failed:
        log.warning("%s: %s cannot be read", dataset.name, shown(landed.path), exc_info=failed.cause)
        return Read(landed, landed.signature, None, _unknown_content(landed), failure=describe(failed.cause))


def _source(read: Read) -> Source:
    return Source(os.fsdecode(os.path.basename(read.landed.path)), read.body or b"")


def _refuse(dataset: Dataset, read: Read, error: BaseException) -> CheckedFiles:
    """A file whose check raised: nothing of it is loaded, and its finding says where that was."""
    path = read.landed.path
    log.warning("%s: %s is refused, since to check it failed", dataset.name, shown(path), exc_info=error)
    verdict = _refusal(find_fault(dataset, lambda: parse(dataset, [_source(read)])), describe(error))
    return replace(_check_together(dataset, []), files=[path], verdicts={path: verdict})


def _refusal(fault: Fault, raised: str) -> Verdict:
    finding = Finding(fault.rule, fault.line, fault.column, shorten(raised), "no exception")
    return Verdict(
        accepted=False,
        findings=[finding],
        counts=Counter({fault.rule: 1}),
        reason=f"{fault.rule}{fault.where}: {plain(finding.raw)}; expected no exception",
    )


def _both(first: CheckedFiles, second: CheckedFiles) -> CheckedFiles:
    """What came of two halves, as if they had been checked together."""
    moved = second.rows.with_columns((pl.col(FILE) + len(first.files)).cast(pl.UInt32))
    return CheckedFiles(
        [*first.files, *second.files],
        pl.concat([first.rows, moved]),
        first.verdicts | second.verdicts,
        first.texts | second.texts,
    )
