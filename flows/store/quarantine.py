"""Refused files and rows, byte for byte, with their findings."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.model.files import allocated_bytes, shown
from flows.model.findings import Finding, Verdict
from flows.runtime.clock import now_utc
from flows.store.atomic_write import folder_before, make_inside, private_name, put_folder, remove_partials
from flows.store.disk import room_for

REPORT = "report.json"
REFUSED = "refused"
ANNOUNCED = "announced"
_PIECE_BYTES = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptVersion:
    """What is kept of one version.

    Args:
        size_bytes: what it takes on the disk.
        at_s: when it was written, in seconds since 1970.
        has_bytes: whether the refused bytes are still there, beside the report.
        announced_s: when people were warned that it will go; None where they were not.
    """

    size_bytes: int
    at_s: float
    has_bytes: bool
    announced_s: float | None = None


class Quarantine:
    """One folder per version that has findings: `report.json`, and what was refused.

    `refused` holds the header and the refused lines as they stand in the file, or, where the whole file was
    refused, all of its bytes as they were read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._kept: dict[str, dict[int, KeptVersion]] = {}
        self._sizes_bytes: dict[str, int] = {}
        self._first_look = threading.Lock()

    def folder(self, dataset: str, version: int) -> Path:
        """Where a version's report and refused rows are."""
        return self.directory / dataset / f"{version:08d}"

    def write(self, dataset: str, version: int, path: bytes, verdict: Verdict, refused: bytes | None) -> Path:
        """Keep what was refused of a file, and why. Writing it again replaces it.

        Args:
            dataset: the dataset's name.
            version: the version's id.
            path: the file's path in the landing directory.
            verdict: the findings.
            refused: the refused bytes; None where they are not known: those that are kept already stay, if there are
                any (a file that was too large to be read has none).

        Raises:
            DiskFull: there is no room; nothing has changed.
            OSError: it cannot be written; nothing has changed.
        """
        folder = self.folder(dataset, version)
        text = _report_text(dataset, version, path, verdict)
        if refused is None and (folder / REFUSED).exists():
            refused = (folder / REFUSED).read_bytes()
        self.kept(dataset)
        with room_for("refused rows", self.directory, len(text) + len(refused or b"")), private_name(folder) as partial:
            make_inside(self.directory.parent, self.directory.name, dataset, partial.name)
            (partial / REPORT).write_bytes(text)
            if refused is not None:
                write_sparsely(partial / REFUSED, refused)
            put_folder(partial, folder)
        self._refresh(dataset, version)
        return folder

    def kept(self, dataset: str) -> dict[int, KeptVersion]:
        """Version → what is kept of it. To be changed by this class alone; any thread may ask."""
        if dataset not in self._kept:
            with self._first_look:  # else one that looks for long would forget what another has written meanwhile
                if dataset not in self._kept:
                    self._kept[dataset] = self._look(dataset)
        return self._kept[dataset]

    def _look(self, dataset: str) -> dict[int, KeptVersion]:
        folders = (self.directory / dataset).glob("[0-9]*")
        found = {int(folder.name): _kept_in(folder) for folder in folders if folder.name.isdecimal()}
        self._sizes_bytes[dataset] = sum(kept.size_bytes for kept in found.values())
        return found

    def size_bytes(self, dataset: str) -> int:
        """What is kept of a dataset takes so much room."""
        self.kept(dataset)
        return self._sizes_bytes[dataset]

    def announce(self, dataset: str, version: int, *, at_s: float) -> None:
        """Remember that people were warned that a version's bytes will go; on a full disk they are warned again."""
        with suppress(OSError):
            marker = self.folder(dataset, version) / ANNOUNCED
            marker.touch()
            os.utime(marker, (at_s, at_s))
            self._refresh(dataset, version)

    def free_bytes(self, dataset: str, version: int) -> None:
        """Remove the refused bytes of a version; its report stays."""
        try:
            (self.folder(dataset, version) / REFUSED).unlink(missing_ok=True)
        except OSError as error:
            log.warning("what was refused of version %s cannot be removed: %s", version, error)
        self._refresh(dataset, version)

    def remove(self, dataset: str, version: int) -> None:
        """Remove all that is kept of a version; what cannot be removed is tried again at the next sweep."""
        folder = self.folder(dataset, version)
        try:
            for place in (folder, folder_before(folder)):
                if place.exists():
                    shutil.rmtree(place)
        except OSError as error:
            log.warning("what is kept of version %s cannot be removed: %s", version, error)
        self._refresh(dataset, version)

    def _refresh(self, dataset: str, version: int) -> None:
        kept, folder = self.kept(dataset), self.folder(dataset, version)
        before = kept.pop(version, None)
        self._sizes_bytes[dataset] -= before.size_bytes if before is not None else 0
        if folder.exists():
            kept[version] = _kept_in(folder)
            self._sizes_bytes[dataset] += kept[version].size_bytes

    def remove_partial(self) -> None:
        """Remove what a crash left half written; for the owner, at its start."""
        for dataset in self.directory.iterdir():
            remove_partials(dataset)

    def report(self, dataset: str, version: int) -> dict[str, Any] | None:
        """A version's report, or None if it has none."""
        folder = self.folder(dataset, version)
        for place in (folder, folder_before(folder), folder):  # it may be replaced between the two looks
            with suppress(FileNotFoundError):
                return _read(place / REPORT)
        return None

    def refused_file(self, dataset: str, version: int) -> bytes | None:
        """The bytes of a file of which all was refused; None where that is not so, or they are not kept any more."""
        report = self.report(dataset, version)
        if report is None or report.get("accepted", True):
            return None
        with suppress(OSError):
            return (self.folder(dataset, version) / REFUSED).read_bytes()
        return None

    def findings(self, dataset: str, version: int) -> list[Finding]:
        """A version's findings."""
        report = self.report(dataset, version)
        return [Finding(**finding) for finding in report["findings"]] if report else []


def _report_text(dataset: str, version: int, path: bytes, verdict: Verdict) -> bytes:
    report = {
        "dataset": dataset,
        "version": version,
        "file": shown(path),
        "at_utc": now_utc(),
        "accepted": verdict.accepted,
        "reason": verdict.reason,
        "rows": verdict.rows,
        "refused": verdict.refused,
        "counts": dict(verdict.counts),
        "findings": [asdict(finding) for finding in verdict.findings],
    }
    return (json.dumps(report, indent=1) + "\n").encode()


def write_sparsely(file: Path, body: bytes) -> None:
    """Write a new file with holes where nothing but zeros is: it takes no more room than a sparse file that it is a
    copy of."""
    zeros = bytes(_PIECE_BYTES)
    with memoryview(body) as view, file.open("xb", buffering=0) as opened:
        start = 0
        for end in range(_PIECE_BYTES, len(body) + _PIECE_BYTES, _PIECE_BYTES):
            piece = view[end - _PIECE_BYTES : end]
            if piece == zeros[: len(piece)]:
                _write_at(opened, view[start : end - _PIECE_BYTES], start)
                start = end
        _write_at(opened, view[start:], start)
        opened.truncate(len(body))


def _write_at(opened: io.FileIO, part: memoryview, start: int) -> None:
    opened.seek(start)
    while part:
        part = part[opened.write(part) :]


def _kept_in(folder: Path) -> KeptVersion:
    """What lies in a version's folder."""
    found: dict[str, os.stat_result] = {}
    for name in (REPORT, REFUSED, ANNOUNCED):
        with suppress(OSError):
            found[name] = (folder / name).lstat()
    report, announced = found.get(REPORT), found.get(ANNOUNCED)
    return KeptVersion(
        sum(map(allocated_bytes, found.values())),
        report.st_mtime if report is not None else 0.0,
        REFUSED in found,
        announced.st_mtime if announced is not None else None,
    )


def _read(report: Path) -> dict[str, Any]:
    """A report; one that a loss of power or somebody has spoilt says so, as its only finding."""
    try:
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        [Finding(**finding) for finding in found["findings"]]
    except (ValueError, TypeError, KeyError):
        torn = Finding("report", raw="a damaged report", expected="a whole one; cubefeed reload makes it again")
        return {"findings": [asdict(torn)]}
    return found
