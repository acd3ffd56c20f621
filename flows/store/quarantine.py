"""Refused files and rows, byte for byte, with their findings."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.core.clock import now_utc
from flows.core.files import shown
from flows.core.findings import Finding, Verdict
from flows.store.atomic import folder_before, make_inside, private_name, put_folder, remove_partials
from flows.store.disk import room_for

REPORT = "report.json"
REFUSED = "refused"


class Quarantine:
    """One folder per version that has findings: `report.json`, and what was refused.

    `refused` holds the header and the refused lines as they stand in the file, or, where the whole file was
    refused, all of its bytes as they were read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

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
        text = (json.dumps(report, indent=1) + "\n").encode()
        if refused is None and (folder / REFUSED).exists():
            refused = (folder / REFUSED).read_bytes()
        with room_for("refused rows", self.directory, len(text) + len(refused or b"")), private_name(folder) as partial:
            make_inside(self.directory.parent, self.directory.name, dataset, partial.name)
            (partial / REPORT).write_bytes(text)
            if refused is not None:
                (partial / REFUSED).write_bytes(refused)
            put_folder(partial, folder)
        return folder

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

    def findings(self, dataset: str, version: int) -> list[Finding]:
        """A version's findings."""
        report = self.report(dataset, version)
        return [Finding(**finding) for finding in report["findings"]] if report else []


def cut_lines(body: bytes, lines: Sequence[int]) -> bytes:
    """The header and the named physical lines of a file, as they stand in it."""
    all_lines = io.BytesIO(body).readlines()
    return b"".join([*all_lines[:1], *(all_lines[line - 1] for line in lines if 1 < line <= len(all_lines))])


def _read(report: Path) -> dict[str, Any]:
    """A report; one that a loss of power or somebody has spoilt says so, as its only finding."""
    try:
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        [Finding(**finding) for finding in found["findings"]]
    except (ValueError, TypeError, KeyError):
        torn = Finding("report", raw="a damaged report", expected="a whole one; cubefeed reload makes it again")
        return {"findings": [asdict(torn)]}
    return found
