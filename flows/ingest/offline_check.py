"""The verdict of a session on files wherever they lie, without one, without a state directory, and without a trace.

What only a session knows is left out: whether a file is complete, a copy of another one, or was unloaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from flows.errors import QueryError, plain
from flows.ingest.archives import deliveries_in, with_archives
from flows.ingest.file_checks import check_files, read_or_refuse
from flows.landing.manifest import with_manifest
from flows.landing.names import name_filter
from flows.landing.scan import scan
from flows.landing.tree import find_signature
from flows.model.archives import Zip
from flows.model.dataset import Dataset
from flows.model.files import SettledFile
from flows.model.finding_frame import shorten
from flows.model.findings import NO_FINDINGS, Finding, Verdict
from flows.reading.file_reader import FileContent
from flows.validation.verdict import refuse

_TOGETHER_BYTES = 64 << 20
_TOGETHER_FILES = 1_000
"""Files that are checked together, which is faster; more of them would only take more memory."""


@dataclass(frozen=True)
class LocatedFile:
    """A file to be checked.

    Args:
        name: as it was named by who asks.
        root: the directory that stands for the landing directory.
        path: the file's path in it, from which `from_path` takes its values.
    """

    name: str
    root: Path
    path: str


def locate(dataset: Dataset, named: Sequence[Path]) -> list[LocatedFile]:
    """The files that are meant: each file that is named, and of each directory, which stands for a landing directory,
    those that the dataset takes.

    Raises:
        QueryError: there is no such file, or a directory has none that the dataset takes.
    """
    return [
        found for path in named for found in (_in_directory(dataset, path) if path.is_dir() else [_one(dataset, path)])
    ]


def check_located(dataset: Dataset, files: Sequence[LocatedFile]) -> Iterator[tuple[LocatedFile, Verdict]]:
    """The verdict on each file, in their order; each is judged as if it were alone.

    Args:
        dataset: the declaration.
        files: as `locate` finds them.
    """
    for root, group in groupby(files, key=lambda file: file.root):
        there = replace(dataset, landing=root)
        for batch in _batches(there, list(group)):
            verdicts = _check(there, batch)
            for file in batch:
                yield file, verdicts[file.path]
                yield from _in_archive(there, file, verdicts)


def _in_archive(
    dataset: Dataset, archive: LocatedFile, verdicts: Mapping[str, Verdict]
) -> Iterator[tuple[LocatedFile, Verdict]]:
    """The members of an archive with their verdicts."""
    if not dataset.is_archive(os.fsencode(archive.path)):
        return
    start = archive.path + "/"
    for path, verdict in verdicts.items():
        if path.startswith(start):
            yield replace(archive, name=plain(archive.name + path.removeprefix(archive.path)), path=path), verdict


def strictly(verdict: Verdict) -> Verdict:
    """The verdict where nothing may be let pass, although the declaration allows it."""
    if not verdict.tolerated:
        return verdict
    found = [
        Finding(each.kind, raw=each.raw or each.text, expected=f"a file in which nothing is let pass; {each.text}")
        for each in verdict.tolerated
    ]
    reason = verdict.reason or f"let pass: {'; '.join(each.text for each in verdict.tolerated)}"
    all_found = replace(NO_FINDINGS, findings=verdict.findings, counts=verdict.counts, tolerated=verdict.tolerated)
    for finding in found:
        all_found = all_found.with_refusal(finding, reason)
    return refuse(all_found, rows=verdict.rows + verdict.refused + verdict.collapsed)


def _one(dataset: Dataset, path: Path) -> LocatedFile:
    if not path.exists():
        raise QueryError("There is no such file", next_step="check its path", file=path)
    landing, absolute = dataset.directory.absolute(), path.absolute()
    root = landing if absolute.is_relative_to(landing) else absolute.parent
    return LocatedFile(plain(path), root, str(absolute.relative_to(root)))


def _in_directory(dataset: Dataset, directory: Path) -> list[LocatedFile]:
    accepts = name_filter(dataset)
    listing = scan(os.fsencode(directory.absolute()), accepts, recursive=dataset.recursive)
    if listing.problem is not None or not listing.files:
        where = "also in directories in it" if dataset.recursive else "and in no directory in it"
        raise QueryError(
            f"The directory has no file that the dataset takes ({listing.problem or 'its pattern says which'})",
            next_step=f"name the files, or another directory: {_patterns(dataset)} is looked for, {where}",
            directory=directory,
        )
    paths = sorted(os.fsdecode(path) for path in listing.files)
    return [LocatedFile(plain(directory / path), directory.absolute(), path) for path in paths]


def _batches(dataset: Dataset, files: Sequence[LocatedFile]) -> Iterator[list[LocatedFile]]:
    batch: list[LocatedFile] = []
    size_bytes = 0
    for file in files:
        more = (file.root / file.path).stat().st_size if (file.root / file.path).exists() else 0
        if batch and (size_bytes + more > _TOGETHER_BYTES or len(batch) >= _TOGETHER_FILES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(file)
        size_bytes += more
    if batch:
        yield batch


def _check(dataset: Dataset, files: Sequence[LocatedFile]) -> Mapping[str, Verdict]:
    accepts = name_filter(dataset)
    verdicts, reads = dict[str, Verdict](), list[FileContent]()
    for file in files:
        found = _read(dataset, file) if accepts(Path(file.path).name) else _other_name(dataset, file)
        if isinstance(found, Verdict):
            verdicts[file.path] = found
        else:
            reads.append(found)
    while reads:
        together = deliveries_in(dataset, reads)
        checked = check_files(dataset, together.files)
        checked = with_archives(checked, together.archives.values(), together.refused)
        verdicts |= {os.fsdecode(path): verdict for path, verdict in checked.verdicts.items()}
        reads = [read for read in reads if read.landed.path in together.waiting]
    return verdicts


def _read(dataset: Dataset, file: LocatedFile) -> FileContent | Verdict:
    path = os.fsencode(file.path)
    own = find_signature(dataset.root, path)
    if own is None:
        return _refusal("reading", file.name, "a regular file that can be read")
    signature = with_manifest(dataset, dataset.root, path, own)
    found = read_or_refuse(dataset, SettledFile(path, signature))
    return found if isinstance(found, FileContent) else _refusal("reading", found, "a file that can be read")


def _other_name(dataset: Dataset, file: LocatedFile) -> Verdict:
    expected = f"a name that matches {_patterns(dataset)}, and no temporary one: a session leaves others alone"
    if dataset.archives is None and Zip().takes(Path(file.path).name):
        expected += "; archives=Zip() takes archives of such files"
    return _refusal("pattern", Path(file.path).name, expected)


def _patterns(dataset: Dataset) -> str:
    return dataset.all_patterns + (f" or {dataset.archives.pattern}" if dataset.archives is not None else "")


def _refusal(rule: str, raw: str, expected: str) -> Verdict:
    finding = Finding(rule, raw=shorten(raw), expected=expected)
    return refuse(NO_FINDINGS.with_refusal(finding, f"{rule}: expected {expected}, got {plain(finding.raw)}"))
