"""The note of the files that a session is reading, by which the next one knows what was in hand at a death.

It is written in its place and never synced: it has to outlive the process, not the machine, and it lies on the way of
every file. Torn or lost it names no file, and the next death counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from flows.model.dataset import Dataset
from flows.model.files import SettledFile
from flows.store.disk import room_for
from flows.store.suspects import HeldFile, parse_held_file

_BLOCK_BYTES = 4096
_WHAT = "the note of what is in hand"


class ReadingNote:
    """The open note of a state directory, which nobody else writes."""

    def __init__(self, directory: Path) -> None:
        """Open the note, or make it.

        Raises:
            OSError: it cannot be opened.
            DiskFull: there is no room for it.
        """
        self._directory = directory
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with room_for(_WHAT, directory, _BLOCK_BYTES):
            self._file = os.open(directory / "in-hand", flags, 0o600)

    def files(self) -> list[HeldFile]:
        """What the session before had in hand when it ended."""
        return _parse(os.pread(self._file, os.fstat(self._file).st_size, 0))

    def begin(self) -> None:
        """Nothing is in hand yet; from here on a note takes no more room, where it is no longer than usual.

        Raises:
            DiskFull: there is no room for it.
        """
        with room_for(_WHAT, self._directory, _BLOCK_BYTES):
            os.pwrite(self._file, _framed(b"").ljust(_BLOCK_BYTES, b"\n"), 0)
        os.ftruncate(self._file, _BLOCK_BYTES)

    def write(self, lines: Iterable[bytes]) -> None:
        """Note what is in hand now, as lines of `note_line`; where that finds no room a death does not count."""
        with suppress(OSError):
            os.pwrite(self._file, _framed(b"".join(lines)), 0)

    def clear(self) -> None:
        """Note that nothing is in hand.

        Raises:
            OSError: it cannot be written.
        """
        os.pwrite(self._file, _framed(b""), 0)

    def close(self) -> None:
        """Close the file; what is noted stays."""
        os.close(self._file)


def note_line(dataset: Dataset, landed: Iterable[SettledFile]) -> bytes:
    """The line of the note for files that are taken in hand together."""
    files = [(each.path.hex(), *each.signature) for each in landed]
    return json.dumps([dataset.name, dataset.fingerprint, files]).encode() + b"\n"


def _framed(text: bytes) -> bytes:
    """A note with its length, so that what was longer before can stay behind it: a file that neither grows nor shrinks
    makes no work for the syncs of others."""
    return b"%012d\n" % len(text) + text


def _parse(text: bytes) -> list[HeldFile]:
    """What was in hand; nothing where that was not written to its end, for then nothing was read yet."""
    try:
        length, _, rest = text.partition(b"\n")
        groups = [json.loads(line) for line in rest[: int(length or 0)].splitlines()]
        return [
            parse_held_file(dataset, fingerprint, *each) for dataset, fingerprint, files in groups for each in files
        ]
    except (ValueError, TypeError):
        return []
