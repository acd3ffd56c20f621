"""Validate a piece of work: read its files, and make of them rows and verdicts. Knows nothing of the cube.

Files are checked together, since that is many times faster. Where that raises, the file that is to blame is found by
halving, and refused; the others are checked without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace

import polars as pl

from flows.errors import plain
from flows.ingest.work import CheckedBatch, CheckedFiles, Work
from flows.landing.manifest import manifest_findings
from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, shown
from flows.model.finding_frame import shorten
from flows.model.findings import NO_FINDINGS, FileFindings, Finding, Verdict
from flows.model.lifecycle import Facts, Observation
from flows.model.plan import to_check
from flows.model.policies import unloads
from flows.model.tables import FILE, LINE
from flows.reading.csv.byte_checks import count_lines
from flows.reading.csv.parse import Source, open_source, parse
from flows.reading.decompression import is_packed
from flows.reading.file_reader import Read, read_file
from flows.reading.refusal import FileRefused
from flows.runtime.boundaries import FileFailed, Scope, boundary, describe
from flows.store.crashes import HeldFiles
from flows.store.ledger import Ledger
from flows.store.path_facts import holders_of, path_facts
from flows.validation.cost import Cost, TooCostly
from flows.validation.faults import Fault, find_fault
from flows.validation.validate import validate
from flows.validation.verdict import refuse

log = logging.getLogger(__name__)

REFUSED_AT_ONCE = 500
"""Files of a batch that are refused; what each leaves in the quarantine takes a millisecond or two, in which the files
of other datasets wait."""

_NOWHERE = [pl.lit(None, pl.UInt32).alias(name) for name in (FILE, LINE)]


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
    wanted = _to_check(dataset, work, ledger, reads.values())
    ordered = sorted(reads.values(), key=lambda read: (read.signature.mtime_ns, read.landed.path))
    new = [read for read in ordered if read.landed.path in wanted]
    together = next(_that_fit(dataset, new), [])
    left = {read.landed.path for read in new[len(together) :]}
    checked = _check_group(dataset, together)
    for path, verdict in checked.verdicts.items():
        if "manifest" in verdict.counts:
            reads[path] = _with_its_manifest(reads[path])
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


def _to_check(dataset: Dataset, work: Work, ledger: Ledger, reads: Collection[Read]) -> set[bytes]:
    """The files that have to be checked: those with new bytes, and of the others those that bring back what has left.

    What somebody asked for is checked in any case, so that the answer to the request says all.
    """
    holders = holders_of(ledger, dataset.name, [read.digest for read in reads])
    absent = frozenset((*work.missing, *work.gone))
    wanted: set[bytes] = set()
    doubtful: list[Observation] = []
    for read in reads:
        held_at = holders.get(read.digest)
        if held_at is None or read.landed.mode != "arrival" or read.manifest is not None:
            wanted.add(read.landed.path)
        elif not _is_copy(read.landed.path, held_at, absent):
            doubtful.append(observation(read))
    if doubtful:
        wanted |= to_check(facts_for(dataset, ledger, doubtful, list(absent)), doubtful, absent=absent)
    return wanted


def _is_copy(path: bytes, held_at: Mapping[bytes, bool], absent: Set[bytes]) -> bool:
    """Whether a path shows bytes that others hold, which are there: nothing more has to be known of it."""
    return path not in held_at and all(held_at.values()) and absent.isdisjoint(held_at)


def facts_for(dataset: Dataset, ledger: Ledger, seen: Sequence[Observation], others: Sequence[bytes]) -> Facts:
    """What the ledger says of the paths that were seen, and of others."""
    return path_facts(
        ledger,
        dataset.name,
        seen=[*(each.path for each in seen), *others],
        digests=[each.digest for each in seen],
        unload_deleted=unloads(dataset.when_deleted),
    )


def _refused_later(work: Work, checked: CheckedFiles) -> set[bytes]:
    """The files whose refusal is not written with this batch, where nobody has asked for them."""
    refused = [path for path, verdict in checked.verdicts.items() if not verdict.accepted]
    return set(refused[REFUSED_AT_ONCE:]) if work.request is None else set()


def _read_all(dataset: Dataset, held: HeldFiles, mount: MountThread) -> tuple[dict[bytes, Read], dict[bytes, str]]:
    """What was read, those that are set aside included; and why the others could not be read now."""
    aside = {each.path: Read.without_body(each, aside=why) for each, why in held.aside}
    found = mount.call(lambda: [read_or_refuse(dataset, each) for each in held.to_read]) if held.to_read else []
    results = {each.path: result for each, result in zip(held.to_read, found, strict=True)}
    reads = {path: result for path, result in results.items() if isinstance(result, Read)}
    return reads | aside, {path: result for path, result in results.items() if isinstance(result, str)}


def check_files(dataset: Dataset, reads: Sequence[Read]) -> CheckedFiles:
    """Parse and check some files; one whose check raises is refused, and the others are not concerned.

    Those that fit into memory together are checked together; where not all of them do, `texts` is left empty.
    """
    groups = _that_fit(dataset, reads)
    checked = _check_group(dataset, next(groups, []))
    for group in groups:
        checked = replace(_both(checked, _check_group(dataset, group)), texts={})
    return checked


type _Opened = tuple[Read, Source]


def _that_fit(dataset: Dataset, reads: Sequence[Read]) -> Iterator[list[_Opened]]:
    """Groups of files, each of which fits into memory whatever its files hold, or is one file."""
    cost = Cost(dataset)
    group: list[_Opened] = []
    size = worst = 0
    for read in reads:
        source = _open(dataset, read)
        size += len(source.body)
        if group and size > cost.free_bytes:  # which fit whatever they hold: nothing is counted until then
            worst = worst or sum(_worst(cost, each) for _, each in group)
            worst += _worst(cost, source)
            if worst > cost.room_bytes:
                yield group
                group, size, worst = [], len(source.body), 0
        group.append((read, source))
    if group:
        yield group


def _worst(cost: Cost, source: Source) -> int:
    return cost.worst(len(source.body), count_lines(source.body))


def _open(dataset: Dataset, read: Read) -> Source:
    source = Source(os.fsdecode(read.landed.path), read.body or b"")
    if not is_packed(source.body):
        return source
    try:
        with boundary(Scope.FILE):
            return open_source(dataset, source)
    except FileFailed:
        return source  # which refuses it again when it is parsed, and says why


def _check_group(dataset: Dataset, group: Sequence[_Opened]) -> CheckedFiles:
    try:
        with boundary(Scope.FILE):
            return _check_together(dataset, group)
    except FileFailed as failed:
        if len(group) == 1:
            return _refuse(dataset, *group[0], failed.cause)
    middle = len(group) // 2
    return _both(_check_group(dataset, group[:middle]), _check_group(dataset, group[middle:]))


def _check_together(dataset: Dataset, group: Sequence[_Opened]) -> CheckedFiles:
    if not group:
        return CheckedFiles([], dataset.schema.create_empty().with_columns(_NOWHERE), {}, {})
    files = [read.landed.path for read, _ in group]
    verdicts = {read.landed.path: _not_read(read) for read, _ in group if read.body is None}
    readable = [read for read, _ in group if read.body is not None]
    text = parse(dataset, [source for read, source in group if read.body is not None])
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


def observation(read: Read) -> Observation:
    """What the lifecycle needs to know of a file that was read."""
    return Observation(read.landed.path, read.digest, read.signature.mtime_ns, read.landed.mode)


def _with_its_manifest(read: Read) -> Read:
    """The identity of bytes refused for their manifest: beside another manifest they are judged anew."""
    return replace(read, digest=hashlib.sha256(read.digest + (read.manifest or b"")).digest())


def _with_manifest(read: Read, found: FileFindings, data_rows: int) -> FileFindings:
    """What is found in a file, and in what it is not as its manifest says."""
    if read.manifest is None or read.body is None:
        return found
    for finding in manifest_findings(read.manifest, read.body, data_rows if found.refusal is None else None):
        found = found.with_refusal(finding, f"manifest: expected {finding.expected}, got {plain(finding.raw)}")
    return found


def _not_read(read: Read) -> Verdict:
    if read.aside is not None:
        return _died_over(read, read.aside)
    if read.failure is not None:
        return _refusal(Fault("reading"), read.failure)
    assert read.refused is not None
    return refuse(read.refused.found)


def _died_over(read: Read, why: str) -> Verdict:
    again = f"it is tried again when it changes, or by: cubefeed load {shown(read.landed.path)}"
    finding = Finding("process", raw=why, expected="a file that can be read")
    return refuse(NO_FINDINGS.with_refusal(finding, f"{why}; {again}"))


def read_or_refuse(dataset: Dataset, landed: SettledFile) -> Read | str:
    """Read a file, or say why it waits; a file whose reading raises is one to be refused, without its bytes."""
    try:
        with boundary(Scope.FILE):
            return read_file(dataset, landed, arrived=True)
    except FileFailed as failed:
        log.warning("%s: %s cannot be read", dataset.name, shown(landed.path), exc_info=failed.cause)
        return Read.without_body(landed, failure=describe(failed.cause))


def _refuse(dataset: Dataset, read: Read, source: Source, error: BaseException) -> CheckedFiles:
    """A file whose check raised: nothing of it is loaded, and its finding says where that was."""
    path = read.landed.path
    if isinstance(error, TooCostly):
        verdict = refuse(FileRefused.too_costly(error).found)
    else:
        log.warning("%s: %s is refused, since to check it failed", dataset.name, shown(path), exc_info=error)
        verdict = _refusal(find_fault(dataset, lambda: parse(dataset, [source])), describe(error))
    return replace(_check_together(dataset, []), files=[path], verdicts={path: verdict})


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
