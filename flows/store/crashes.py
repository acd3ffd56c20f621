"""Which files were in hand when a process died, so that none of them ends every start for ever.

Some ends cannot be caught: an allocation that fails inside a library aborts, the kernel kills who takes too much
memory. So a session notes what it is about to read, and takes the note back once that is recorded; a note that lies
there at the next start names what was in hand.

    in hand at a death ──▶ at two in a row: read alone ──▶ alone in hand at the third or later: set aside

What is set aside is not read until it changes, its declaration does, or somebody asks for it. Deaths while nothing was
in hand count for nobody, and a session that is ended on purpose takes its note back at once.

Whoever reads files of a dataset has to hold them (`Crashes.hold`), and reads those that it is handed back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from flows.errors import DiskFull
from flows.model.dataset import Dataset
from flows.model.files import SettledFile
from flows.runtime.progress import show_progress
from flows.store.reading_note import ReadingNote, note_line
from flows.store.suspects import HeldFile, Key, Suspect, after_death, log_death, suspects_in, write_suspects

FEW = 100
"""So few suspects are saved whenever one of them turns out to be harmless."""
SAVE_S = 1.0
"""How often it is saved at most that files turned out to be harmless, while there are more than a few: they may be
thousands, one after the other."""
WAIT_S = 0.1
"""How often who waits for a turn shows that it still does."""


class HeldFiles:
    """Files that one thread has in hand, until they are released; as a context, until the block ends.

    Args:
        crashes: where they are noted.
        dataset: whose files they are.
        to_read: the files that are to be read.
        aside: those that are not, each with why.
        alone: whether nothing else may be in hand meanwhile.
    """

    def __init__(
        self,
        crashes: Crashes,
        dataset: Dataset,
        to_read: Sequence[SettledFile],
        aside: Sequence[tuple[SettledFile, str]],
        *,
        alone: bool,
    ) -> None:
        self._crashes = crashes
        self.dataset = dataset
        self.to_read = to_read
        self.aside = aside
        self.alone = alone
        self.line = note_line(dataset, to_read)

    def keep(self, files: Iterable[SettledFile]) -> None:
        """Only these are still in hand."""
        kept = {each.path for each in files}
        if any(each.path not in kept for each in self.to_read):
            self.to_read = [each for each in self.to_read if each.path in kept]
            self.line = note_line(self.dataset, self.to_read)
            self._crashes.note_again()

    def release(self, recorded: Iterable[bytes] = ()) -> None:
        """They are not in hand any more; some of them were read and recorded, so that nobody died over them."""
        self._crashes.release(self, recorded)

    def __enter__(self) -> HeldFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Crashes:
    """What a session has in hand, and which files earlier ones have died over. Any thread may use it.

    Args:
        directory: the state directory; None keeps nothing.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._note: ReadingNote | None = None
        self._suspects: dict[Key, Suspect] = {}
        self._held: dict[int, HeldFiles] = {}
        self._ending = False
        self._saved_at = 0.0
        self._changed = threading.Condition()

    def open(self) -> None:
        """Read what the sessions before have left, and count a death where the last one had files in hand.

        Raises:
            OSError: the note cannot be opened.
            DiskFull: there is no room for the note, or for what is known of the death.
        """
        if self._directory is None:
            return
        self._suspects = {suspect.held.key: suspect for suspect in suspects_in(self._directory)}
        self._note = ReadingNote(self._directory)
        held = self._note.files()
        if held:
            self._suspects = after_death(self._suspects, held)
            log_death(self._suspects, held)
            write_suspects(self._directory, self._suspects.values())
        self._note.begin()

    def close(self) -> None:
        """Nothing is taken in hand any more. What still is stays noted: the session has failed over it."""
        with self._changed:
            if self._note is not None:
                self._save()
                self._note.close()
            self._note = None

    def end(self, *, failed: bool) -> None:
        """The session ends, and nobody waits for a turn any more. Where it ends on purpose, no file is to blame for
        whatever comes now."""
        with self._changed:
            self._ending = True
            if not failed and self._note is not None:
                self._note.clear()
                self._note.close()
                self._note = None
            self._changed.notify_all()

    def hold(
        self, dataset: Dataset, files: Iterable[SettledFile], *, wait: bool = True, without_suspects: bool = False
    ) -> HeldFiles:
        """Note that files are about to be read, but for those that are set aside. A suspected one waits until nothing
        else is in hand, and others wait until it is not any more.

        Args:
            dataset: whose files they are.
            files: the files; one that is in `to_read_alone` has to come without others.
            wait: whether this thread may wait; not the one that records what others have in hand.
            without_suspects: leave out all files that sessions have died over.

        Returns:
            The files that are to be read, which are in hand until they are released.
        """
        files = list(files)
        left_out = self.suspects(dataset.name) if without_suspects else {}
        why = [left_out.get(each.path) or self._why_aside(dataset, each) for each in files]
        aside = [(each, words) for each, words in zip(files, why, strict=True) if words is not None]
        to_read = [each for each, words in zip(files, why, strict=True) if words is None]
        held = HeldFiles(self, dataset, to_read, aside, alone=bool(self.to_read_alone(dataset, to_read)))
        if to_read:
            with self._changed:
                while wait and not self._ending and self._has_to_wait(held):
                    show_progress()
                    self._changed.wait(WAIT_S)
                self._held[id(held)] = held
                self._write_note()
        return held

    def groups(self, dataset: Dataset, files: Sequence[SettledFile]) -> list[list[SettledFile]]:
        """Files in groups that may be in hand together: each that is to be read alone by itself, after the others."""
        alone = self.to_read_alone(dataset, files)
        together = [each for each in files if each.path not in alone]
        return [group for group in (together, *([each] for each in files if each.path in alone)) if group]

    def to_read_alone(self, dataset: Dataset, files: Iterable[SettledFile]) -> set[bytes]:
        """The paths of those of the files that are to be read, each with no other in hand."""
        if not self._suspects:
            return set()
        return {
            each.path
            for each in files
            if (suspect := self._suspects.get((dataset.name, each.path))) is not None
            and suspect.is_read_alone
            and self._why_aside(dataset, each) is None
        }

    def suspects(self, dataset: str) -> dict[bytes, str]:
        """Path → why, of the files that are read alone or not at all."""
        suspects = list(self._suspects.values())
        return {each.held.path: each.words for each in suspects if each.held.dataset == dataset and each.is_read_alone}

    def note_again(self) -> None:
        """Note what is in hand, since files in hand have changed; see `HeldFiles.keep`."""
        with self._changed:
            self._write_note()

    def release(self, held: HeldFiles, recorded: Iterable[bytes]) -> None:
        """Take the note of some files back; see `HeldFiles.release`."""
        with self._changed:
            if self._held.pop(id(held), None) is None:
                return
            self._write_note()
            if self._suspects:
                read = frozenset(recorded)
                self._drop((held.dataset.name, each.path) for each in held.to_read if each.path in read)
            self._changed.notify_all()

    def forget(self, dataset: str, gone: Iterable[bytes]) -> None:
        """These files are not there any more."""
        with self._changed:
            if self._suspects:
                self._drop((dataset, path) for path in gone)

    def forget_absent(self, dataset: str, waiting: Container[bytes]) -> None:
        """All that lies there and is not recorded yet waits: no other file is to be read alone."""
        with self._changed:
            keys = [key for key, suspect in self._suspects.items() if key[0] == dataset and not suspect.aside]
            self._drop(key for key in keys if key[1] not in waiting)

    def _why_aside(self, dataset: Dataset, landed: SettledFile) -> str | None:
        """Why a file that nobody asked for is not read; None where it is."""
        suspect = self._suspects.get((dataset.name, landed.path))
        if suspect is None or not suspect.aside or landed.mode != "arrival":
            return None
        same = suspect.held == HeldFile(dataset.name, landed.path, dataset.fingerprint, landed.signature)
        return suspect.words if same else None

    def _has_to_wait(self, held: HeldFiles) -> bool:
        return bool(self._held) if held.alone else any(other.alone for other in self._held.values())

    def _write_note(self) -> None:
        if self._note is not None:
            self._note.write(held.line for held in self._held.values())

    def _drop(self, keys: Iterable[Key]) -> None:
        known = [key for key in keys if self._suspects.pop(key, None) is not None]
        if known and (len(self._suspects) < FEW or time.monotonic() - self._saved_at > SAVE_S):
            self._save()

    def _save(self) -> None:
        """What is suspected; where it finds no room it is as it was before."""
        if self._directory is None:
            return
        self._saved_at = time.monotonic()
        with suppress(OSError, DiskFull):
            write_suspects(self._directory, self._suspects.values())
