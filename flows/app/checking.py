"""Validate a piece of work: read its files, and make of them rows and verdicts. Knows nothing of the cube."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import polars as pl

from flows.app.work import Validated, Work
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
    rows, verdicts = check_files(dataset, new)
    return Validated(
        work=work,
        reads=reads,
        verdicts=dict(zip((read.landed.path for read in new), verdicts, strict=True)),
        rows=rows,
        files=[read.landed.path for read in new],
        unread=unread,
    )


def check_files(dataset: Dataset, reads: Sequence[Read]) -> tuple[pl.DataFrame | None, list[Verdict]]:
    """The good rows of some files, with `_file` as an index into `reads`, and a verdict for each."""
    readable = [(index, read.body, read) for index, read in enumerate(reads) if read.body is not None]
    verdicts = {index: _too_large(dataset, read) for index, read in enumerate(reads) if read.body is None}
    if not readable:
        return None, [verdicts[index] for index in range(len(reads))]
    sources = [Source(os.fsdecode(os.path.basename(read.landed.path)), body) for _, body, read in readable]
    checked = validate(dataset, parse(dataset, sources))
    verdicts |= {index: verdict for (index, _, _), verdict in zip(readable, checked.verdicts, strict=True)}
    rows = checked.rows
    if len(readable) < len(reads):
        index = pl.Series([index for index, _, _ in readable], dtype=pl.UInt32)
        rows = rows.with_columns(index.gather(rows["_file"]).alias("_file"))
    return rows, [verdicts[index] for index in range(len(reads))]


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
