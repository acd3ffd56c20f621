"""Read and check files together, and make of them rows and verdicts. Knows neither the cube nor the ledger.

Files are checked together, since that is many times faster. Where that raises, the file that is to blame is found by
halving, and refused; the others are checked without it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import polars as pl

from flows.errors import plain
from flows.ingest.checked_files import CheckedFiles
from flows.landing.manifest import manifest_findings
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, shown
from flows.model.finding_frame import shorten
from flows.model.findings import NO_FINDINGS, FileFindings, Finding, Verdict
from flows.model.tables import FILE, LINE
from flows.reading.file_reader import FileContent, read_file
from flows.reading.port import Reader, Source
from flows.reading.readers import reader_of
from flows.reading.refusal import FileRefused
from flows.runtime.boundaries import FileFailed, Scope, boundary, describe
from flows.validation.cost import Cost, TooCostly
from flows.validation.faults import Fault, find_fault
from flows.validation.validate import validate
from flows.validation.verdict import refuse

log = logging.getLogger(__name__)

_NOWHERE = [pl.lit(None, pl.UInt32).alias(name) for name in (FILE, LINE)]


def read_or_refuse(dataset: Dataset, landed: SettledFile) -> FileContent | str:
    """Read a file, or say why it waits; a file whose reading raises is one to be refused, without its bytes."""
    try:
        with boundary(Scope.FILE):
            return read_file(dataset, landed, arrived=True)
    except FileFailed as failed:
        log.warning("%s: %s cannot be read", dataset.name, shown(landed.path), exc_info=failed.cause)
        return FileContent.without_body(landed, failure=describe(failed.cause))


def check_files(dataset: Dataset, reads: Sequence[FileContent]) -> CheckedFiles:
    """Parse and check some files; one whose check raises is refused, and the others are not concerned.

    Those that fit into memory together are checked together; where not all of them do, `texts` is left empty.
    """
    groups = files_that_fit(dataset, reads)
    checked = check_group(dataset, next(groups, []))
    for group in groups:
        checked = replace(_both(checked, check_group(dataset, group)), texts={})
    return checked


type OpenedFile = tuple[FileContent, Source]


def files_that_fit(dataset: Dataset, reads: Sequence[FileContent]) -> Iterator[list[OpenedFile]]:
    """Groups of files, each of which fits into memory whatever its files hold, or is one file."""
    cost, alike, reader = Cost(dataset), dataset, reader_of(dataset)
    group: list[OpenedFile] = []
    size = worst = 0
    for read in reads:
        if (own := dataset.of_file(read.landed.path)) is not alike:
            alike, reader = own, reader_of(own)
        source = _open(reader, read)
        size += reader.needs_bytes(source)
        if group and size > cost.free_bytes:  # which fit whatever they hold: nothing is counted until then
            worst = worst or sum(reader.worst_bytes(each) for _, each in group)
            worst += reader.worst_bytes(source)
            if worst > cost.room_bytes:
                yield group
                group, size, worst = [], reader.needs_bytes(source), 0
        group.append((read, source))
    if group:
        yield group


def _open(reader: Reader, read: FileContent) -> Source:
    source = Source(os.fsdecode(read.landed.path), read.body or b"")
    try:
        with boundary(Scope.FILE):
            return reader.open(source)
    except FileFailed:
        return source  # which refuses it again when it is parsed, and says why


def check_group(dataset: Dataset, group: Sequence[OpenedFile]) -> CheckedFiles:
    """Check files that fit into memory together."""
    try:
        with boundary(Scope.FILE):
            return _check_together(dataset, group)
    except FileFailed as failed:
        if len(group) == 1:
            return _refuse(dataset, *group[0], failed.cause)
    middle = len(group) // 2
    return _both(check_group(dataset, group[:middle]), check_group(dataset, group[middle:]))


def _check_together(dataset: Dataset, group: Sequence[OpenedFile]) -> CheckedFiles:
    if not group:
        return CheckedFiles([], dataset.row_schema.create_empty().with_columns(_NOWHERE), {}, {})
    files = [read.landed.path for read, _ in group]
    alike = {id(own): own for own in map(dataset.of_file, files)}
    if len(alike) > 1:
        return _check_each_format(dataset, group)
    dataset = next(iter(alike.values()))
    verdicts = {read.landed.path: _not_read(read) for read, _ in group if read.body is None}
    readable = [read for read, _ in group if read.body is not None]
    text = reader_of(dataset).parse([source for read, source in group if read.body is not None])
    found = [_with_manifest(*each) for each in zip(readable, text.found, text.data_rows, strict=True)]
    checked = validate(dataset, replace(text, found=found))
    names = [read.landed.path for read in readable]
    verdicts |= dict(zip(names, checked.verdicts, strict=True))
    return CheckedFiles(
        names,
        checked.rows,
        verdicts={path: verdicts[path] for path in files},
        texts=dict(zip(names, text.bodies, strict=True)),
    )


def _check_each_format(dataset: Dataset, group: Sequence[OpenedFile]) -> CheckedFiles:
    """Check files of several formats, as if all were of one."""
    by_format = dict[int, list[OpenedFile]]()
    for opened in group:
        by_format.setdefault(id(dataset.of_file(opened[0].landed.path)), []).append(opened)
    checked = reduce(_both, (_check_together(dataset, files) for files in by_format.values()))
    files = [read.landed.path for read, _ in group if read.body is not None]
    place = {path: number for number, path in enumerate(files)}
    moved = pl.Series([place[path] for path in checked.files], dtype=pl.UInt32)
    rows = checked.rows.with_columns(moved.gather(checked.rows[FILE]).alias(FILE)).sort(FILE, maintain_order=True)
    verdicts = {read.landed.path: checked.verdicts[read.landed.path] for read, _ in group}
    return CheckedFiles(files, rows, verdicts, checked.texts)


def _with_manifest(read: FileContent, found: FileFindings, data_rows: int) -> FileFindings:
    """What is found in a file, and in what it is not as its manifest says."""
    if read.manifest is None or read.body is None:
        return found
    for finding in manifest_findings(
        read.manifest, read.identity.digest.hex(), data_rows if found.refusal is None else None
    ):
        found = found.with_refusal(finding, f"manifest: expected {finding.expected}, got {plain(finding.raw)}")
    return found


def _not_read(read: FileContent) -> Verdict:
    if read.aside is not None:
        return _died_over(read, read.aside)
    if read.failure is not None:
        return _refusal(Fault("reading"), read.failure)
    assert read.refused is not None
    return refuse(read.refused.found)


def _died_over(read: FileContent, why: str) -> Verdict:
    again = f"it is tried again when it changes, or by: cubefeed load {shown(read.landed.path)}"
    finding = Finding("process", raw=why, expected="a file that can be read")
    return refuse(NO_FINDINGS.with_refusal(finding, f"{why}; {again}"))


def _refuse(dataset: Dataset, read: FileContent, source: Source, error: BaseException) -> CheckedFiles:
    """A file whose check raised: nothing of it is loaded, and its finding says where that was."""
    path = read.landed.path
    if isinstance(error, TooCostly):
        verdict = refuse(FileRefused.too_costly(error).found)
    else:
        log.warning("%s: %s is refused, since to check it failed", dataset.name, shown(path), exc_info=error)
        verdict = _refusal(_find_fault(dataset.of_file(path), source), describe(error))
    return replace(_check_together(dataset, []), files=[path], verdicts={path: verdict})


def _find_fault(dataset: Dataset, source: Source) -> Fault:
    return find_fault(dataset, lambda: reader_of(dataset).parse([source]))


def _refusal(fault: Fault, raised: str) -> Verdict:
    finding = Finding(fault.rule, fault.line, fault.column, shorten(raised), "no exception")
    reason = f"{fault.rule}{fault.where}: {plain(finding.raw)}; expected no exception"
    return refuse(NO_FINDINGS.with_refusal(finding, reason))


def _both(first: CheckedFiles, second: CheckedFiles) -> CheckedFiles:
    """What came of two halves, as if they had been checked together."""
    moved = second.rows.with_columns((pl.col(FILE) + len(first.files)).cast(pl.UInt32))
    return CheckedFiles(
        [*first.files, *second.files],
        pl.concat([first.rows, moved]),
        {**first.verdicts, **second.verdicts},
        {**first.texts, **second.texts},
    )
