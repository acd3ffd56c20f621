"""Looks at a landing directory, without reading any file."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Set
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from flows.landing.identity import DirectoryIdentity
from flows.landing.listing import Beside, Listing
from flows.landing.mount_thread import note_progress
from flows.landing.names import MAX_DEPTH, NameFilter, is_too_deep
from flows.landing.tree import (
    RefusedFile,
    RegularFile,
    find_file,
    foreign_links,
    opened_directory,
    opened_root,
    reason_of,
)
from flows.model.files import Signature

MAX_NAMES = 1_000_000
"""Names that one look takes in: so many files take about 5 s and 0.3 GB."""
_LONG_BYTES = 128
"""Names whose path is longer by so much count twice, and so on: they take the room of several."""


_ENTRIES = 1000
_NO_ARCHIVE = "it is a directory with the name of an archive; rename it, and what is in it is looked at"
_NO_DIRECTORY = "the directory does not exist"


@dataclass
class SeenFiles:
    """What a scan has seen of the files so far; the fields are those of a `Listing`."""

    root: bytes
    files: dict[bytes, Signature] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    linked: dict[bytes, str] = field(default_factory=dict)

    def add(self, path: bytes, status: os.stat_result) -> None:
        """Take in the status of a regular file.

        Raises:
            OSError: the landing directory cannot be looked at.
        """
        if status.st_nlink > 1 and (waits_for := foreign_links(self.root, status)):
            self.linked[path] = waits_for
        self.files[path] = Signature.of(status)

    def find(self, path: bytes) -> None:
        """Look under a path, and take in what lies there.

        Raises:
            OSError: the file system cannot say.
        """
        match find_file(self.root, path):
            case RegularFile(status):
                self.add(path, status)
            case RefusedFile(reason):
                self.refused[path] = reason
            case None:
                pass


def scan(root: bytes, accepts: NameFilter, *, recursive: bool) -> Listing:
    """List the files of a landing directory with their signatures, those of upper directories first."""
    seen, absent = None, False
    try:
        with opened_root(root) as top:
            seen = _Scan(root, top, accepts, recursive=recursive)
            seen.run()
            return seen.listing()
    except FileNotFoundError:
        problem, absent = ("the directory is a link that leads nowhere" if _is_link(root) else _NO_DIRECTORY), True
    except NotADirectoryError:
        problem, absent = "a file is in its place", True
    except (OSError, ValueError) as error:
        problem = f"the directory cannot be read ({reason_of(error)})"
    return replace(seen.listing() if seen is not None else Listing(), problem=problem, absent=absent)


def search_unseen(root: bytes, listing: Listing, known: Set[bytes]) -> Listing:
    """Look one by one at the known files in parts of the directory that could not be seen, and add them to the
    listing."""
    if not listing.unseen:
        return listing
    seen = SeenFiles(root, dict(listing.files), dict(listing.refused), dict(listing.linked))
    unknown: set[bytes] = set()
    silent: set[bytes] = set()  # directories where the file system does not even say that; each look may take long
    for path in known - listing.files.keys():
        directory = os.path.dirname(path)
        if not listing.is_unseen(path):
            continue
        if directory not in silent:
            note_progress()
            try:
                seen.find(path)
                continue
            except OSError:
                silent.add(directory)
        unknown.add(path)
    return replace(listing, files=seen.files, refused=seen.refused, linked=seen.linked, unknown=frozenset(unknown))


class _Scan:
    """One look at a whole landing directory.

    Args:
        root: the landing directory.
        top: its descriptor.
        accepts: as in `name_filter`.
        recursive: whether directories in it are searched too.
    """

    def __init__(self, root: bytes, top: int, accepts: NameFilter, *, recursive: bool) -> None:
        self._seen = SeenFiles(root)
        self._unseen: dict[bytes, str] = {}
        self._too_deep = False
        self._beside, self._example = 0, b""
        self._top = top
        self._accepts = accepts
        self._recursive = recursive
        self._names = 0
        status = os.fstat(top)
        self._directories = deque([(b"", status.st_dev)])
        self._identities = {b"": DirectoryIdentity.of(status)}

    def run(self) -> None:
        """List one directory after the other.

        Raises:
            OSError: the topmost cannot be read.
        """
        while self._directories and self._names <= MAX_NAMES:
            self._try_list(*self._directories.popleft())
        if self._names > MAX_NAMES:
            self._unseen[b""] = (
                f"has more than {MAX_NAMES:,} names in it, and the others are only seen where events name them; "
                "move away what is loaded and no longer needed"
            )

    def listing(self) -> Listing:
        """What was seen so far."""
        seen = self._seen
        return Listing(
            files=seen.files,
            identities=self._identities,
            refused=seen.refused,
            linked=seen.linked,
            unseen=self._unseen,
            too_deep=self._too_deep,
            beside=Beside(self._beside, self._example) if self._beside else None,
        )

    def _try_list(self, below: bytes, device_above: int) -> None:
        try:
            self._list(below, device_above)
        except OSError as error:
            if not below:
                raise
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._unseen[below + b"/"] = f"cannot be read ({reason_of(error)})"

    def _list(self, below: bytes, device_above: int) -> None:
        """Add the files of one directory to the listing, and the directories in it to those that are to be listed."""
        prefix = below + b"/" if below else b""
        weight = 1 + len(prefix) // _LONG_BYTES
        with opened_directory(self._top, below) as directory:
            status = os.fstat(directory)
            if status.st_dev != device_above:
                self._identities[prefix] = DirectoryIdentity.of(status)
            with os.scandir(directory) as entries:
                for first in entries:
                    note_progress()
                    for entry in chain((first,), islice(entries, _ENTRIES - 1)):
                        self._names += weight
                        if self._recursive and entry.is_dir(follow_symlinks=False):
                            if self._accepts.is_archive(entry.name):
                                self._seen.refused[prefix + os.fsencode(entry.name)] = _NO_ARCHIVE
                            elif not entry.name.startswith("."):
                                self._put_off(prefix + os.fsencode(entry.name), status.st_dev)
                        elif self._accepts(entry.name):
                            self._add(prefix + os.fsencode(entry.name), entry)
                        elif self._accepts.leaves_out(entry.name) and entry.is_file(follow_symlinks=False):
                            self._beside += 1
                            self._example = self._example or prefix + os.fsencode(entry.name)
                    if self._names > MAX_NAMES:
                        return

    def _put_off(self, directory: bytes, device_above: int) -> None:
        """List this one too, after those that lie as deep."""
        if is_too_deep(directory + b"/"):
            self._too_deep = True
            self._unseen[directory + b"/"] = (
                f"lies more than {MAX_DEPTH} directories deep, where none is searched; move up what is in it"
            )
        else:
            self._directories.append((directory, device_above))

    def _add(self, path: bytes, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_file(follow_symlinks=False):
                self._seen.add(path, entry.stat(follow_symlinks=False))
            else:
                self._seen.find(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._unseen[path] = f"cannot be looked at ({reason_of(error)})"


def _is_link(root: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(root).st_mode)
    except OSError:
        return False
