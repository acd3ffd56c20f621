"""What lies in a landing directory, without reading any file."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import chain, islice
from typing import NamedTuple
from unicodedata import normalize

from flows.landing.mount_thread import note_progress
from flows.landing.tree import find, foreign_links, opened_directory, opened_root
from flows.model.dataset import Dataset
from flows.model.files import Signature, shown

_TEMPORARY = re.compile(
    r"[.~#].*|.*[~#]|.*\.("
    r"part|partial|tmp|temp|crdownload|opdownload|download|filepart|gstmp|aria2|swp|swx|bak|writing|inprogress"
    r"|_copying_|!ut|!qb|!sync|sb-[0-9a-f]{8}-\w{6})",
    re.IGNORECASE | re.DOTALL,
).fullmatch
"""Names that copy tools and editors give to unfinished files."""

TICK_S = 0.02
"""The grain of a file's times, which is up to 10 ms before Linux 6.13: two writes within it may look like one, so
that even a file said to be complete is read only after it."""

MAX_DEPTH = 32
"""Directories below each other that are searched: each is opened by way of those above it, and nobody sorts files
deeper. Ten thousand of them are made in a second."""
MAX_NAMES = 1_000_000
"""Names that one look takes in: so many files take about 5 s and 0.3 GB."""
_LONG_BYTES = 128
"""Names whose path is longer by so much count twice, and so on: they take the room of several."""

_ENTRIES = 1000
_SHOWN_BYTES = 300
_SLASH = ord("/")
_NO_DIRECTORY = "the directory does not exist"


class DirectoryIdentity(NamedTuple):
    """Which directory a directory is, until the next boot."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> DirectoryIdentity:
        """The identity in a stat result; both numbers are cut to what SQLite's integers hold."""
        return cls(status.st_dev & (2**63 - 1), status.st_ino & (2**63 - 1))

    @classmethod
    def at(cls, path: bytes) -> DirectoryIdentity | None:
        """The identity of the directory at a path; None where there is none to be seen."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return cls.of(status) if stat.S_ISDIR(status.st_mode) else None


@dataclass
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
        absent: whether there is no such directory. One that is there later may be another one that was given the
            same numbers.
    """

    files: dict[bytes, Signature] = field(default_factory=dict)
    problem: str | None = None
    identities: dict[bytes, DirectoryIdentity] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    linked: dict[bytes, str] = field(default_factory=dict)
    unseen: dict[bytes, str] = field(default_factory=dict)
    unknown: set[bytes] = field(default_factory=set)
    too_deep: bool = False
    absent: bool = False

    def lacks(self, path: bytes) -> bool:
        """Whether a known file is not there, as far as that was seen."""
        return self.problem is None and path not in self.files and path not in self.unknown

    def add(self, root: bytes, path: bytes, found: os.stat_result | str | None) -> None:
        """Take in what was found under a path.

        Raises:
            OSError: the landing directory cannot be looked at.
        """
        if isinstance(found, os.stat_result):
            if found.st_nlink > 1 and (waits_for := foreign_links(root, found)):
                self.linked[path] = waits_for
            self.files[path] = Signature.of(found)
        elif found is not None:
            self.refused[path] = found

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


def name_filter(dataset: Dataset) -> Callable[[str], bool]:
    """Whether a file name is one of the dataset's: it matches the pattern and is no temporary name.

    Pattern and name are compared as text in one normal form: which of the two forms a name has on the disk
    depends on the system that wrote it.
    """
    matches = re.compile(translate(normalize("NFC", dataset.pattern))).match
    companions = dataset.completeness.companions

    def accepts(name: str) -> bool:
        text = name if name.isascii() else normalize("NFC", name)
        return bool(matches(text)) and not _TEMPORARY(text) and not name.endswith(companions or ("\0",))

    return accepts


def scan(root: bytes, accepts: Callable[[str], bool], *, recursive: bool) -> Listing:
    """List the files of a landing directory with their signatures, those of upper directories first."""
    listing = Listing()
    try:
        with opened_root(root) as top:
            _Look(listing, root, top, accepts, recursive=recursive).take()
    except FileNotFoundError:
        listing.absent = True
        listing.problem = "the directory is a link that leads nowhere" if _is_link(root) else _NO_DIRECTORY
    except NotADirectoryError:
        listing.problem, listing.absent = "a file is in its place", True
    except (OSError, ValueError) as error:
        listing.problem = f"the directory cannot be read ({reason_of(error)})"
    return listing


def is_too_deep(path: bytes) -> bool:
    """Whether a file lies in a directory that is not searched."""
    return path.count(b"/") > MAX_DEPTH


def reason_of(error: OSError | ValueError) -> str:
    """What the system says, without the path, which is said where the problem is."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


class _Look:
    """One look at a whole landing directory.

    Args:
        listing: what was seen; it is added to.
        root: the landing directory.
        top: its descriptor.
        accepts: as in `name_filter`.
        recursive: whether directories in it are searched too.
    """

    def __init__(
        self, listing: Listing, root: bytes, top: int, accepts: Callable[[str], bool], *, recursive: bool
    ) -> None:
        self._listing = listing
        self._root = root
        self._top = top
        self._accepts = accepts
        self._recursive = recursive
        self._names = 0
        status = os.fstat(top)
        self._directories = deque([(b"", status.st_dev)])
        listing.identities[b""] = DirectoryIdentity.of(status)

    def take(self) -> None:
        """List one directory after the other.

        Raises:
            OSError: the topmost cannot be read.
        """
        while self._directories:
            below, device_above = self._directories.popleft()
            try:
                self._list(below, device_above)
            except OSError as error:
                if not below:
                    raise
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    self._listing.unseen[below + b"/"] = f"cannot be read ({reason_of(error)})"
            if self._names > MAX_NAMES:
                self._listing.unseen[b""] = (
                    f"has more than {MAX_NAMES:,} names in it, and the others are only seen where events name them; "
                    "move away what is loaded and no longer needed"
                )
                return

    def _list(self, below: bytes, device_above: int) -> None:
        """Add the files of one directory to the listing, and the directories in it to those that are to be listed."""
        prefix = below + b"/" if below else b""
        weight = 1 + len(prefix) // _LONG_BYTES
        with opened_directory(self._top, below) as directory:
            status = os.fstat(directory)
            if status.st_dev != device_above:
                self._listing.identities[prefix] = DirectoryIdentity.of(status)
            with os.scandir(directory) as entries:
                for first in entries:
                    note_progress()
                    for entry in chain((first,), islice(entries, _ENTRIES - 1)):
                        self._names += weight
                        if self._recursive and entry.is_dir(follow_symlinks=False):
                            if not entry.name.startswith("."):
                                self._put_off(prefix + os.fsencode(entry.name), status.st_dev)
                        elif self._accepts(entry.name):
                            self._add(prefix + os.fsencode(entry.name), entry)
                    if self._names > MAX_NAMES:
                        return

    def _put_off(self, directory: bytes, device_above: int) -> None:
        """List this one too, after those that lie as deep."""
        if is_too_deep(directory + b"/"):
            self._listing.too_deep = True
            self._listing.unseen[directory + b"/"] = (
                f"lies more than {MAX_DEPTH} directories deep, where none is searched; move up what is in it"
            )
        else:
            self._directories.append((directory, device_above))

    def _add(self, path: bytes, entry: os.DirEntry[str]) -> None:
        try:
            plain = entry.is_file(follow_symlinks=False)
            self._listing.add(self._root, path, entry.stat(follow_symlinks=False) if plain else find(self._root, path))
        except FileNotFoundError:
            return
        except OSError as error:
            self._listing.unseen[path] = f"cannot be looked at ({reason_of(error)})"


def _is_link(root: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(root).st_mode)
    except OSError:
        return False
