"""What lies in a landing directory, as one scan saw it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from flows.errors import plain
from flows.landing.identity import DirectoryIdentity
from flows.model.files import Signature, shown
from flows.text.plural import counted

_SHOWN_BYTES = 300
_SLASH = ord("/")


@dataclass(frozen=True)
class Beside:
    """Files that lie there and that the pattern leaves out; those that are temporary by their names do not count.

    Args:
        count: how many.
        example: the path of the first that was seen.
    """

    count: int
    example: bytes

    def words(self, pattern: str) -> str:
        """In a sentence."""
        return f"{counted(self.count, 'file')} beside the pattern {plain(pattern)}, such as {shown(self.example)}"


@dataclass(frozen=True)
class Listing:
    """One look at a landing directory.

    Args:
        files: path relative to the root → signature.
        problem: why nothing can be seen, in words; None otherwise. What is missing then is unknown, not deleted.
        unseen: parts of it that could not be seen, and why: a path, or a directory with a slash at its end (`b""` is
            all of it). What is missing there is unknown.
        identities: which directory the root is (`b""`), and which those below it are where something is mounted, each
            relative to the root and with a slash at its end.
        refused: paths that are left out for a reason that people should know.
        linked: files among them that wait for other names of theirs to go, and why.
        unknown: known files in such parts of which nothing can be told at all.
        too_deep: whether directories in it lie deeper than any is searched.
        beside: files that are none of the dataset's; None where there are none.
        absent: whether there is no such directory. One that is there later may be another one that was given the
            same numbers.
    """

    files: Mapping[bytes, Signature] = field(default_factory=dict)
    problem: str | None = None
    identities: Mapping[bytes, DirectoryIdentity] = field(default_factory=dict)
    refused: Mapping[bytes, str] = field(default_factory=dict)
    linked: Mapping[bytes, str] = field(default_factory=dict)
    unseen: Mapping[bytes, str] = field(default_factory=dict)
    unknown: Set[bytes] = frozenset()
    too_deep: bool = False
    beside: Beside | None = None
    absent: bool = False

    def lacks(self, path: bytes) -> bool:
        """Whether a known file is not there, as far as that was seen."""
        return self.problem is None and path not in self.files and path not in self.unknown

    def is_unseen(self, path: bytes) -> bool:
        """Whether a path belongs to a part that could not be seen."""
        if not self.unseen:
            return False
        ends = (position + 1 for position, byte in enumerate(path) if byte == _SLASH)
        return any(path[:end] in self.unseen for end in (0, *ends, len(path)))

    def gap(self) -> str | None:
        """The first of the parts that could not be seen, and why, in words; None where there is none."""
        if not self.unseen:
            return None
        part = min(self.unseen)
        where = shown(part.rstrip(b"/")[:_SHOWN_BYTES])
        subject = (f"{where} in it" if part.endswith(b"/") else where) if part else "the directory"
        return f"{subject} {self.unseen[part]}{', and others' if len(self.unseen) > 1 else ''}"
