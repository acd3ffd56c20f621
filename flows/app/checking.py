"""Validate a piece of work: read its files, and make of them rows and verdicts. Knows nothing of the cube."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace

import polars as pl

from flows.app.work import CheckedFiles, Validated, Work
from flows.core.dataset import Dataset
from flows.core.findings import Finding, Verdict
from flows.core.lifecycle import Observation
from flows.core.model import FILE, LINE
from flows.core.validate import validate
from flows.errors import plain
from flows.landing.manifest import manifest_findings
from flows.landing.parse import Source, parse
from flows.landing.reader import Read, read_file
from flows.store.ledger import Ledger

_NOWHERE = [pl.lit(None, pl.UInt32).alias(name) for name in (FILE, LINE)]


def check_work(dataset: Dataset, work: Work, ledger: Ledger) -> Validated:
    """Read every file and check those whose content the ledger does not know yet."""
    reads: dict[bytes, Read] = {}
    unread: dict[bytes, str] = {}
    for landed in work.landed:
        found = read_file(dataset, landed, arrived=True)
        if isinstance(found, Read):
            reads[landed.path] = found
        else:
            unread[landed.path] = found
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
    """Parse and check some files together."""
    if not reads:
        return CheckedFiles([], dataset.schema.create_empty().with_columns(_NOWHERE), {}, {})
    files = [read.landed.path for read in reads]
    verdicts = {read.landed.path: _too_large(dataset, read) for read in reads if read.body is None}
    readable = [read for read in reads if read.body is not None]
    sources = [Source(os.fsdecode(os.path.basename(read.landed.path)), read.body or b"") for read in readable]
    text = parse(dataset, sources)
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


def _too_large(dataset: Dataset, read: Read) -> Verdict:
    limit = f"at most {dataset.max_bytes} bytes"
    finding = Finding("size", expected=limit, raw=str(read.signature.size_bytes))
    return Verdict(
        accepted=False,
        findings=[finding],
        counts=Counter({"size": 1}),
        reason=f"the file has {read.signature.size_bytes} bytes; the dataset allows {limit}",
    )
