"""Which files were in hand when a process died, so that none of them ends every start for ever.

Some ends cannot be caught: an allocation that fails inside a library aborts, the kernel kills who takes too much
memory. So a session notes what it is about to read, and takes the note back once that is recorded; a note that lies
there at the next start says what was in hand.

    in hand at a death ──▶ at two in a row: read alone ──▶ alone in hand at the third or later: set aside

What is set aside is not read until it changes, its declaration does, or somebody asks for it. Deaths while nothing was
in hand count for nobody, and a session that was told to end takes its note back at once.

The note is written in its place and never synced: it has to outlive the process, not the machine, and it lies on the
way of every file. Torn or lost it says nothing, and the next death counts.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from flows.errors import DiskFull
from flows.model.dataset import Dataset
from flows.model.files import Landed, first_names, shown
from flows.runtime.progress import show_progress
from flows.store.disk import room_for
from flows.store.suspects import HeldFile, Key, Suspect, after_death, parse_held_file, suspects_in, write_suspects
from flows.text.plural import counted

log = logging.getLogger(__name__)

FEW = 100
"""So few suspects are saved whenever one of them turns out to be harmless."""
SAVE_S = 1.0
"""How often it is saved at most that files turned out to be harmless, while there are more than a few: they may be
thousands, one after the other."""
_BLOCK_BYTES = 4096
WAIT_S = 0.1
"""How often who waits for a turn shows that it still does."""
SHOWN = 5
"""Files that a message names."""


class _Hand(NamedTuple):
    """Files that were taken in hand together, and the line of the note that says so."""

    dataset: str
    landed: Sequence[Landed]
    text: bytes


class Crashes:
    """What a session has in hand, and which files earlier ones have died over. Any thread may use it.

    Args:
        directory: the state directory; None keeps nothing.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._note: int | None = None
        self._suspects: dict[Key, Suspect] = {}
        self._held: dict[int, _Hand] = {}
        self._alone: int | None = None
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
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with room_for("the note of what is in hand", self._directory, _BLOCK_BYTES):
            self._note = os.open(_note_file(self._directory), flags, 0o600)
        held = _parse_note(os.pread(self._note, os.fstat(self._note).st_size, 0))
        if held:
            self._suspects = after_death(self._suspects, held)
            self._log_death(held)
            write_suspects(self._directory, self._suspects.values())
        with room_for("the note of what is in hand", self._directory, _BLOCK_BYTES):
            os.pwrite(self._note, _framed(b"").ljust(_BLOCK_BYTES, b"\n"), 0)
        os.ftruncate(self._note, _BLOCK_BYTES)

    def close(self) -> None:
        """Nothing is taken in hand any more. What still is stays noted: the session has failed over it."""
        with self._changed:
            if self._note is not None:
                self._save()
                os.close(self._note)
            self._note = None

    def end(self, *, failed: bool) -> None:
        """The session ends, and nobody waits for a turn any more. Where it was told to, no file is to blame for
        whatever comes now."""
        with self._changed:
            self._ending = True
            if not failed and self._note is not None:
                os.pwrite(self._note, _framed(b""), 0)
                os.close(self._note)
                self._note = None
            self._changed.notify_all()

    def apart(self, dataset: Dataset, landed: Iterable[Landed]) -> set[bytes]:
        """Those of the files that are to be read, each with no other in hand."""
        if not self._suspects:
            return set()
        return {
            each.path
            for each in landed
            if (suspect := self._suspects.get((dataset.name, each.path))) is not None
            and suspect.is_read_alone
            and self.why_aside(dataset, each) is None
        }

    def why_aside(self, dataset: Dataset, landed: Landed) -> str | None:
        """Why a file that nobody asked for is not read; None where it is."""
        suspect = self._suspects.get((dataset.name, landed.path))
        if suspect is None or not suspect.aside or landed.mode != "arrival":
            return None
        return suspect.words if suspect.held == _held(dataset, landed) else None

    def suspects(self, dataset: str) -> dict[bytes, str]:
        """Path → why, of the files that are read alone or not at all."""
        suspects = list(self._suspects.values())
        return {each.held.path: each.words for each in suspects if each.held.dataset == dataset and each.is_read_alone}

    def take(self, number: int, dataset: Dataset, landed: Sequence[Landed], *, wait: bool = True) -> None:
        """Note that some files are about to be read, but for those that are set aside. A suspected one waits until
        nothing else is in hand, and others wait until it is not any more.

        Args:
            number: names them until they are recorded.
            dataset: whose files they are.
            landed: the files.
            wait: whether this thread may wait; not the one that records what others have in hand.
        """
        landed = [each for each in landed if self.why_aside(dataset, each) is None]
        if not landed:
            return
        alone = bool(self.apart(dataset, landed))
        with self._changed:
            while wait and not self._ending and (self._held if alone else self._alone is not None):
                show_progress()
                self._changed.wait(WAIT_S)
            self._held[number] = _Hand(dataset.name, landed, _note_text(dataset, landed))
            if alone:
                self._alone = number
            self._write_note()

    def put_down(self, number: int, harmless: Iterable[bytes] = ()) -> None:
        """These are not in hand any more; some of them were read and recorded, so that nobody died over them."""
        with self._changed:
            hand = self._held.pop(number, None)
            if hand is None:
                return
            if self._alone == number:
                self._alone = None
            self._write_note()
            if self._suspects:
                read = frozenset(harmless)
                self._drop((hand.dataset, each.path) for each in hand.landed if each.path in read)
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

    @contextmanager
    def holding(self, dataset: Dataset, landed: Sequence[Landed]) -> Iterator[None]:
        """Have files in hand while the block runs, in the thread that records what others have."""
        number = id(landed)
        self.take(number, dataset, landed, wait=False)
        try:
            yield
        finally:
            self.put_down(number)

    def _write_note(self) -> None:
        """What is in hand now; where it finds no room a death does not count."""
        if self._note is None:
            return
        with suppress(OSError):
            os.pwrite(self._note, _framed(b"".join(hand.text for hand in self._held.values())), 0)

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

    def _log_death(self, held: Sequence[HeldFile]) -> None:
        named = first_names([f"{each.dataset}: {shown(each.path)}" for each in held], SHOWN)
        log.warning("the session before died while it had %s in hand: %s", counted(len(held), "file"), named)
        for each in held if len(held) == 1 else ():
            suspect = self._suspects[each.key]
            if suspect.aside:
                log.warning("%s: %s is set aside: %s", each.dataset, shown(each.path), suspect.words)


def _held(dataset: Dataset, landed: Landed) -> HeldFile:
    return HeldFile(dataset.name, landed.path, dataset.fingerprint, landed.signature)


def _note_file(directory: Path) -> Path:
    return directory / "in-hand"


def _framed(text: bytes) -> bytes:
    """A note with its length, so that what was longer before can stay behind it: a file that neither grows nor shrinks
    makes no work for the syncs of others."""
    return b"%012d\n" % len(text) + text


def _note_text(dataset: Dataset, landed: Iterable[Landed]) -> bytes:
    """A line for files that are taken in hand together."""
    files = [(each.path.hex(), *each.signature) for each in landed]
    return json.dumps([dataset.name, dataset.fingerprint, files]).encode() + b"\n"


def _parse_note(text: bytes) -> list[HeldFile]:
    """What was in hand; nothing where that was not written to its end, for then nothing was read yet."""
    try:
        length, _, rest = text.partition(b"\n")
        groups = [json.loads(line) for line in rest[: int(length or 0)].splitlines()]
        return [
            parse_held_file(dataset, fingerprint, *each) for dataset, fingerprint, files in groups for each in files
        ]
    except (ValueError, TypeError):
        return []
