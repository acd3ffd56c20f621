"""Validate a piece of work: read its files, and make of them rows and verdicts. Knows nothing of the cube."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from flows.app.work import CheckedFiles, Validated, Work
from flows.core.dataset import Dataset
from flows.core.findings import Finding, Verdict
from flows.core.lifecycle import Observation
from flows.core.validate import validate
from flows.landing.parse import Source, parse
from flows.landing.reader import Read, read_file
from flows.store.ledger import Ledger


def check_work(dataset: Dataset, work: Work, ledger: Ledger) -> Validated:
    """Read every file and check those whose content the ledger does not know yet."""
    reads: dict[bytes, Read] = {}
    unread: dict[bytes, str] = {}
    for landed in work.landed:
        found = read_file(dataset, landed)
        if isinstance(found, Read):
            reads[landed.path] = found
        else:
            unread[landed.path] = found
    known = ledger.known_digests(dataset.name, [read.digest for read in reads.values()])
    ordered = sorted(reads.values(), key=lambda read: (read.signature.mtime_ns, read.landed.path))
    new = [read for read in ordered if read.digest not in known or read.landed.mode != "arrival"]
    checked = check_files(dataset, new)
    return Validated(
        work=work,
        reads=reads,
        checked=checked,
        unread=unread,
    )


def check_files(dataset: Dataset, reads: Sequence[Read]) -> CheckedFiles:
    """Parse and check some files together."""
    files = [read.landed.path for read in reads]
    verdicts = {read.landed.path: _too_large(dataset, read) for read in reads if read.body is None}
    readable = [read for read in reads if read.body is not None]
    sources = [Source(os.fsdecode(os.path.basename(read.landed.path)), read.body or b"") for read in readable]
    text = parse(dataset, sources)
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


def _too_large(dataset: Dataset, read: Read) -> Verdict:
    limit = f"at most {dataset.max_bytes} bytes"
    finding = Finding("size", expected=limit, raw=str(read.signature.size_bytes))
    return Verdict(
        accepted=False,
        findings=[finding],
        counts=Counter({"size": 1}),
        reason=f"the file has {read.signature.size_bytes} bytes; the dataset allows {limit}",
    )
