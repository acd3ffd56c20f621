"""Segments that are damaged are made again; what an earlier declaration has written is derived for the present one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from flows.errors import LandingHangs
from flows.ingest.derivation import derive_segments, hidden_words
from flows.ingest.file_checks import check_files
from flows.ingest.former_digests import adopt_former_digests
from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, first_names, shown
from flows.model.findings import Verdict
from flows.model.tables import FILE, LINE, VERSION
from flows.reading.archive import DeliveryReader
from flows.reading.file_reader import FileContent
from flows.reading.refusal import is_too_costly
from flows.runtime.progress import show_progress
from flows.store.accepted_keys import require_accepted_keys
from flows.store.carried import footer_in_place_of
from flows.store.crashes import Crashes
from flows.store.derived import derived_segments
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.quarantine import Quarantine
from flows.store.segment_rows import read_segment
from flows.store.segments import Segments
from flows.store.upkeep import Content, Replacement, contents_in, note_fingerprint, replace_segments
from flows.text.plural import counted

log = logging.getLogger(__name__)

SHOWN = 5
THREADS = 2


@dataclass
class RepairReport:
    """What was done for one dataset."""

    changed: bool = False
    damaged: list[str] = field(default_factory=list)
    remade: int = 0
    derived: int = 0
    hidden: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def words(self) -> list[str]:
        """What people should know, one sentence each."""
        sentences = [f"segment {what}" for what in self.damaged]
        if self.changed:
            sentences.append("the declaration changed since the last start; refused files are judged anew")
        if self.remade:
            sentences.append(f"{counted(self.remade, 'version')} made again from the files")
        if self.derived:
            sentences.append(
                f"{counted(self.derived, 'version')} shown as declared now; what was first written of them stays, and "
                "cubefeed reload reads again what lies there"
            )
        sentences += self.hidden
        if self.stale:
            sentences.append(
                f"{counted(len(self.stale), 'file')} stale: in the cube, though the declaration would refuse what was "
                f"loaded: {first_names(self.stale, SHOWN)}"
            )
        if self.refused:
            sentences.append(f"{counted(len(self.refused), 'version')} refused now: {first_names(self.refused, SHOWN)}")
        if self.lost:
            sentences.append(
                f"{counted(len(self.lost), 'version')} lost, since the files are gone too: "
                f"{first_names(self.lost, SHOWN)}. "
                "Put the files back into the landing directory and they are loaded again"
            )
        return sentences


class SegmentRepair:
    """Makes damaged segments again: from the landing files where they still are."""

    def __init__(self, ledger: Ledger, segments: Segments, quarantine: Quarantine, crashes: Crashes) -> None:
        self._ledger = ledger
        self._segments = segments
        self._quarantine = quarantine
        self._crashes = crashes

    def repair(self, dataset: Dataset, mount: MountThread) -> RepairReport:
        """At a start: repair all live segments of a dataset, each in one ledger transaction, and say what was done.

        Raises:
            DeclarationError: the key is another one than before, and nobody has accepted that.
            Exception: the declaration cannot work on what is loaded. What was repaired before stays so, and the
                rest is tried again at the next start.
        """
        adopt_former_digests(dataset, self._ledger, mount, self._crashes)
        done = RepairReport(changed=note_fingerprint(self._ledger, dataset.name, dataset.fingerprint))
        require_accepted_keys(self._ledger, dataset)
        return self._repair(dataset, done, mount)

    def repair_damaged(self, dataset: Dataset, mount: MountThread) -> RepairReport:
        """While the session is live: repair the damaged segments. The cube has to be rebuilt where there were any.

        To be called in the thread that writes the cube; see `repair` for what it may raise.
        """
        return self._repair(dataset, RepairReport(), mount)

    def _repair(self, dataset: Dataset, done: RepairReport, mount: MountThread) -> RepairReport:
        known = self._ledger.segments(dataset.name)
        live = [known[id] for id in self._ledger.live(dataset.name)]
        damages = []
        with ThreadPoolExecutor(THREADS) as threads:
            for damage in threads.map(self._segments.damaged, live):
                damages.append(damage)
                show_progress()
        for segment, damage in zip(live, damages, strict=True):
            show_progress()
            if damage is not None:
                done.damaged.append(f"{segment.file} cannot be used: {damage}")
                self._repair_segment(dataset, segment, done, mount)
        derivation = derive_segments(dataset, self._ledger, self._segments)
        done.derived, done.stale = derivation.versions, derivation.stale
        done.hidden = hidden_words(dataset, derivation.hidden)
        for sentence in done.words():
            log.warning("%s: %s", dataset.name, sentence)
        return done

    def _repair_segment(self, dataset: Dataset, segment: SegmentFacts, done: RepairReport, mount: MountThread) -> None:
        rows = contents_in(self._ledger, [segment.id])
        frames, checked, missing = self._from_files(dataset, rows, mount)
        done.remade += len(checked)
        replacement = Replacement([segment.id], None, checked, damaged=True)
        found = self._from_derived(dataset, segment, missing)
        if found is not None:
            frames.append(found)
        else:
            replacement.lost = {v.id: "its segment was damaged and its file is gone" for v in missing}
            done.lost += [shown(path) for version in missing for path in version.paths]
        for version in rows:
            if version.id not in checked:
                continue
            verdict = checked[version.id]
            if verdict.findings:
                self._quarantine.write(dataset.name, version.id, version.paths[0], verdict, None)
            if not verdict.accepted:
                done.refused += [f"{shown(path)} ({verdict.reason})" for path in version.paths]
        self._write(dataset, replacement, rows, frames)
        self._segments.set_aside(self._segments.path(segment))

    def _from_derived(self, dataset: Dataset, segment: SegmentFacts, missing: Sequence[Content]) -> pl.DataFrame | None:
        """The rows of what is nowhere else, as the present declaration has made them of the segment while it was
        whole; None where that was not, or is damaged too."""
        derived = derived_segments(self._ledger, dataset.name).get(segment.id)
        if derived is None or not missing or self._segments.damaged(derived) is not None:
            return None
        wanted = pl.Series([content.id for content in missing], dtype=pl.Int64)
        return read_segment(self._segments.path(derived)).filter(pl.col(VERSION).is_in(wanted.implode()))

    def _from_files(
        self, dataset: Dataset, contents: Sequence[Content], mount: MountThread
    ) -> tuple[list[pl.DataFrame], dict[int, Verdict], list[Content]]:
        """Rows and verdicts of the versions whose bytes still lie there, and the other versions.

        A file over which sessions have died is read alone, or not at all.
        """
        frames: list[pl.DataFrame] = []
        verdicts: dict[int, Verdict] = {}
        landed = [_landed(path, content) for content in contents for path in content.paths]
        for group in self._crashes.groups(dataset, landed):
            with self._crashes.hold(dataset, group, wait=False) as held:
                to_read = {each.path: each for each in held.to_read}
                left = [content for content in contents if content.id not in verdicts]
                rows_found, verdicts_found = _check_again(dataset, left, to_read, mount)
            frames += rows_found
            verdicts |= verdicts_found
        return frames, verdicts, [content for content in contents if content.id not in verdicts]

    def _write(
        self, dataset: Dataset, replacement: Replacement, rows: Sequence[Content], frames: list[pl.DataFrame]
    ) -> None:
        columns = [*dataset.row_schema.columns(), VERSION, LINE]
        refused = {id for id, verdict in replacement.checked.items() if not verdict.accepted}
        stay = [content.id for content in rows if content.id not in refused and content.id not in replacement.lost]
        kept = pl.concat([frame.select(columns) for frame in frames], how="vertical_relaxed") if frames else None
        found = dataset.no_rows.select(columns) if kept is None else kept.filter(pl.col(VERSION).is_in(stay))
        footer = footer_in_place_of(self._ledger, self._segments, dataset, replacement, contents=stay, origin="repair")
        replacement.new = self._segments.write(self._ledger.next_segment(), dataset.table, found, footer)
        with self._segments.until_staged(replacement.new):
            replace_segments(self._ledger, replacement)


def _landed(path: bytes, content: Content) -> SettledFile:
    """A file as far as the ledger's versions know it: nobody has looked how it is now."""
    return SettledFile(path, Signature(0, content.mtime_ns, 0, 0))


def _check_again(
    dataset: Dataset, contents: Sequence[Content], to_read: Mapping[bytes, SettledFile], mount: MountThread
) -> tuple[list[pl.DataFrame], dict[int, Verdict]]:
    """The rows and verdicts of the contents whose bytes lie at one of their paths.

    Where to read a file would cost too much now, that is no reason to take its rows away.
    """
    there: dict[int, FileContent] = {}
    reader = DeliveryReader(dataset)
    for content in contents:
        for path in content.paths:
            read = _read(reader, to_read[path], mount) if path in to_read else None
            if isinstance(read, FileContent) and read.identity == content.identity:
                there[content.id] = read
                break
    if not there:
        return [], {}
    checked = check_files(dataset, list(there.values()))
    ids = pl.Series(list(there), dtype=pl.Int64)
    rows_found = checked.rows.with_columns(ids.gather(checked.rows[FILE]).alias(VERSION))
    found = {id: checked.verdicts[read.landed.path] for id, read in there.items()}
    return [rows_found], {id: verdict for id, verdict in found.items() if not is_too_costly(verdict)}


def _read(reader: DeliveryReader, landed: SettledFile, mount: MountThread) -> FileContent | str:
    """Read a file that may be there; the segment does where the landing directory does not answer."""
    try:
        return mount.call(lambda: reader.read(landed))
    except LandingHangs as hanging:
        return str(hanging)
