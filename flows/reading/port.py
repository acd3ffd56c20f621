"""What the readers of all formats have in common: a class that has all of it is a `Reader`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from flows.validation.raw_rows import RawRows


@dataclass(frozen=True)
class Source:
    """A file as it was read.

    Args:
        path: inside the landing directory; may hold surrogates. The dataset's `from_path` is matched against it.
        body: its bytes, perhaps compressed.
        opened: whether they are decompressed already, see `Reader.open`.
    """

    path: str
    body: bytes
    opened: bool = False


class Reader(Protocol):
    """Reads the files of one dataset. What is wrong with a file or a row is found, and raises nothing."""

    def open(self, source: Source) -> Source:
        """The file decompressed, so that what it costs to read it is known.

        Raises:
            FileRefused: it is too large, or of another format.
            TooCostly: it does not fit into memory, whatever it holds.
        """

    def needs_bytes(self, source: Source) -> int:
        """What a file, opened or not, takes of `Cost.free_bytes`: files that need less together fit in any case."""

    def worst_bytes(self, source: Source) -> int:
        """The memory that a file takes at most while it is read."""

    def parse(self, sources: Sequence[Source]) -> RawRows:
        """The rows of files, each judged as if it were alone.

        Returns:
            All rows that could be told without doubt; every other one, or its file, has a finding.

        Raises:
            TooCostly: one of them, or all together, would take more memory than there is room for.
        """

    def raw(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The rows of an opened file that begin in the named lines, with these: each as it stands there, without its
        end; a row that is no text, as text that says where it is. Lines that there are not are left out."""

    def cut(self, body: bytes, lines: Sequence[int]) -> bytes:
        """What stands in the named lines of an opened file, for the quarantine; with its header, if it has one."""
