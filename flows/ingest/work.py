"""What flows from stage to stage: work, what the checks made of it, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from flows.ingest.checked_files import CheckedFiles
from flows.model.business_day import DayChange
from flows.model.files import SettledFile, Signature
from flows.model.findings import Finding
from flows.reading.file_reader import FileContent
from flows.runtime.clock import now_utc
from flows.store.crashes import HeldFiles
from flows.store.requests import Request

NAMED = 50
"""Files of one batch, and refused ones, that a log names: 100,000 lines would hold up the session for a minute. The
ledger has them all."""


@dataclass(frozen=True)
class Work:
    """What to do next for one dataset.

    Args:
        dataset: its name.
        landed: settled files, in the order of their times.
        gone: files that are no longer there.
        missing: files that seem to be missing, though perhaps not for good.
        unload: files whose rows leave the cube by request.
        request: the request that this answers.
        more: whether it is a part, and other parts of the same request follow.
        fill: whether the dataset's table has to be filled again first of all.
    """

    dataset: str
    landed: tuple[SettledFile, ...] = ()
    gone: tuple[bytes, ...] = ()
    missing: tuple[bytes, ...] = ()
    unload: tuple[bytes, ...] = ()
    request: Request | None = None
    more: bool = False
    fill: bool = False
    detected_utc: str = field(default_factory=now_utc)

    def parts(self, *, max_files: int, max_bytes: int, apart: Set[bytes] = frozenset()) -> list[Work]:
        """The same in several pieces, each bounded as a batch is; what is gone leaves with the last.

        Args:
            max_files: of a piece.
            max_bytes: of a piece.
            apart: files that are to be alone in theirs.
        """
        pieces: list[list[SettledFile]] = [[]]
        size = 0
        for landed in self.landed:
            size += landed.signature.size_bytes
            full = len(pieces[-1]) == max_files or size > max_bytes
            if pieces[-1] and (full or landed.path in apart or pieces[-1][-1].path in apart):
                pieces.append([])
                size = landed.signature.size_bytes
            pieces[-1].append(landed)
        missing = (*self.missing, *self.gone)
        first = [replace(self, landed=tuple(piece), gone=(), missing=missing, more=True) for piece in pieces[:-1]]
        return [*first, replace(self, landed=tuple(pieces[-1]))]

    def cut(self, left: Set[bytes]) -> tuple[Work, Work | None]:
        """The same without these files, and the work that they are; what is gone leaves with them."""
        if not left:
            return self, None
        missing = (*self.missing, *self.gone)
        taken = tuple(landed for landed in self.landed if landed.path not in left)
        rest = replace(self, landed=tuple(landed for landed in self.landed if landed.path in left))
        return replace(self, landed=taken, gone=(), missing=missing, more=True), rest

    def again(self, paths: Set[bytes]) -> Work:
        """These of its files once more, which nobody has asked for."""
        landed = tuple(each for each in self.landed if each.path in paths)
        return Work(self.dataset, landed, detected_utc=self.detected_utc)

    @property
    def claimed(self) -> list[bytes]:
        """The files that are not offered again until they are judged or released."""
        return [*(landed.path for landed in self.landed), *self.gone]

    @property
    def size_bytes(self) -> int:
        return sum(landed.signature.size_bytes for landed in self.landed)

    @property
    def detection_s(self) -> tuple[float, ...]:
        """Per file, from its last change to its detection; 0 where the file's clock is ahead."""
        detected = datetime.fromisoformat(self.detected_utc).timestamp()
        return tuple(max(detected - landed.signature.mtime_ns / 1e9, 0.0) for landed in self.landed)


@dataclass(frozen=True)
class CheckedBatch:
    """What the checks made of a piece of work.

    Args:
        work: the work.
        reads: path → the bytes read, of the files that could be read, and of the members of archives.
        checked: what came of the files whose bytes would be accepted, as far as the ledger said when they were read.
        unread: path → why the file has to be looked at again.
        held: the files in hand, until the work is recorded.
        rest: the files that did not fit into memory beside these, to be worked on next.
    """

    work: Work
    reads: Mapping[bytes, FileContent]
    checked: CheckedFiles
    unread: Mapping[bytes, str]
    held: HeldFiles
    rest: Work | None = None

    @property
    def signatures(self) -> dict[bytes, Signature]:
        return {path: read.signature for path, read in self.reads.items()}

    @property
    def file_signatures(self) -> dict[bytes, Signature]:
        """The same of what lies in the landing directory by itself."""
        paths = {landed.path for landed in self.work.landed}
        return {path: read.signature for path, read in self.reads.items() if path in paths}

    def without(self, paths: Set[bytes]) -> CheckedBatch:
        """The same without these files, and members of archives."""
        if not paths:
            return self
        landed = tuple(each for each in self.work.landed if each.path not in paths)
        reads = {path: read for path, read in self.reads.items() if path not in paths}
        return replace(self, work=replace(self.work, landed=landed), reads=reads)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file; `warning` is what people should know of it, though it was accepted, and `tolerated` what
    was let pass in it because the format says so."""

    file: str
    state: str
    rows: int = 0
    refused: int = 0
    findings: int = 0
    first_finding: Finding | None = None
    reason: str | None = None
    version: int | None = None
    warning: str | None = None
    tolerated: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one piece of work, or would become of it; `problem` is why its dataset cannot load now, and `days`
    are the business days that have become something else, which the ledger has already."""

    dataset: str
    files: tuple[FileOutcome, ...] = ()
    rows: int = 0
    batch: int | None = None
    took_s: float = 0.0
    at_utc: str = field(default_factory=now_utc)
    detection_s: tuple[float, ...] = ()
    request: int | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    dry_run: bool = False
    days: tuple[DayChange, ...] = ()

    def named(self) -> tuple[list[FileOutcome], int]:
        """The files that a log names, and how many more there are: the first ones, and the first that were refused
        or have a warning."""
        chosen = sorted({*range(min(NAMED, len(self.files))), *self._first_wrong()})
        return [self.files[index] for index in chosen], len(self.files) - len(chosen)

    def _first_wrong(self) -> list[int]:
        wrong = (index for index, file in enumerate(self.files) if file.state == "quarantined" or file.warning)
        return list(islice(wrong, NAMED))

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        return tuple(file for file in self.files if file.state == "quarantined")

    @property
    def unread(self) -> tuple[FileOutcome, ...]:
        return tuple(file for file in self.files if file.state == "detected")
