"""What lies in a landing directory, without reading any file."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import translate
from io import BytesIO
from itertools import chain, islice
from typing import NamedTuple
from unicodedata import normalize

from flows.core.dataset import Dataset
from flows.core.files import Signature, shown
from flows.landing.mount import note_progress

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

_ENTRIES = 1000
_SHOWN_BYTES = 300
_NO_DIRECTORY = "the directory does not exist"
_PIECE_BYTES = 1 << 20
"""After so much a slow mount is seen to make progress."""


class Identity(NamedTuple):
    """Which directory a directory is, until the next boot."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity in a stat result; both numbers are cut to what SQLite's integers hold."""
        return cls(status.st_dev & (2**63 - 1), status.st_ino & (2**63 - 1))


@dataclass
class Listing:
    """One look at a landing directory.

    Args:
        files: path relative to the root → signature.
        problem: why the look is incomplete, in words; None when it is whole. What is missing from an
            incomplete listing is unknown, not deleted.
        volumes: which directory the root is (`b""`), and which those below it are where something is mounted, each
            relative to the root and with a slash at its end.
        refused: paths that are left out for a reason that people should know.
        absent: whether there is no such directory. One that is there later may be another one that was given the
            same numbers.
    """

    files: dict[bytes, Signature] = field(default_factory=dict)
    problem: str | None = None
    volumes: dict[bytes, Identity] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    absent: bool = False


def name_filter(dataset: Dataset) -> Callable[[bytes], bool]:
    """Whether a file name is one of the dataset's: it matches the pattern and is no temporary name.

    Pattern and name are compared as text in one normal form: which of the two forms a name has on the disk
    depends on the system that wrote it.
    """
    matches = re.compile(translate(normalize("NFC", dataset.pattern))).match
    companions = tuple(suffix.encode() for suffix in (dataset.marker, dataset.manifest) if suffix)

    def accepts(name: bytes) -> bool:
        text = os.fsdecode(name)
        if not text.isascii():
            text = normalize("NFC", text)
        return bool(matches(text)) and not _TEMPORARY(text) and not name.endswith(companions or (b"\0",))

    return accepts


def scan(root: bytes, accepts: Callable[[bytes], bool], *, recursive: bool) -> Listing:
    """List the files of a landing directory with their signatures."""
    listing = Listing()
    try:
        status = os.stat(root)
        if not stat.S_ISDIR(status.st_mode):
            listing.problem, listing.absent = "a file is in its place", True
            return listing
    except FileNotFoundError:
        listing.absent = True
        listing.problem = "the directory is a link that leads nowhere" if _is_link(root) else _NO_DIRECTORY
        return listing
    except (OSError, ValueError) as error:
        listing.problem = f"the directory cannot be read ({reason_of(error)})"
        return listing
    listing.volumes[b""] = Identity.of(status)
    directories = [(b"", status.st_dev)]
    while directories:
        below, device = directories.pop()
        directories += _scan_directory(listing, root, below, device, accepts, recursive)
    return listing


def reason_of(error: OSError | ValueError) -> str:
    """What the system says, without the path, which is said where the problem is."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def look(root: bytes, path: bytes) -> Signature | str | None:
    """The signature of one file; the reason why it is refused; or None when it is not there.

    Raises:
        OSError: the file system cannot say.
    """
    full = os.path.join(root, path)
    above = os.path.dirname(path)
    try:
        if above and os.path.realpath(os.path.dirname(full)) != os.path.join(os.path.realpath(root), above):
            return None  # a directory on the way is a link, which no listing follows
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            if not _inside(root, full):
                return "the link leads out of the landing directory"
            status = os.stat(full)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    if stat.S_ISDIR(status.st_mode):
        return None
    return Signature.of(status) if stat.S_ISREG(status.st_mode) else "it is not a regular file"


@contextmanager
def open_landed(root: bytes, path: bytes) -> Iterator[tuple[int, Signature]]:
    """Open what `look` accepts and nothing else: a link may have been turned elsewhere since the look.

    Yields:
        The file's descriptor and its signature.
    Raises:
        OSError: it cannot be read, or is not what `look` sees.
    """
    file = open_at_once(os.path.join(root, path))
    try:
        signature = Signature.of(os.fstat(file))
        found = look(root, path)
        if found != signature:
            raise OSError(errno.EPERM, found if isinstance(found, str) else "it changed while it was opened")
        yield file, signature
    finally:
        os.close(file)


def read_bytes(file: int, size: int) -> bytes:
    """So many bytes of a file, or fewer where it ends before."""
    body = os.read(file, min(size, _PIECE_BYTES))
    if len(body) == size:
        return body
    pieces = BytesIO()  # which gives its bytes away without copying them
    while body:
        note_progress()
        pieces.write(body)
        body = os.read(file, min(size - pieces.tell(), _PIECE_BYTES))
    return pieces.getvalue()


def open_at_once(file: bytes) -> int:
    """Open a file for reading; a pipe would wait for its writer otherwise."""
    return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _scan_directory(
    listing: Listing, root: bytes, below: bytes, device_above: int, accepts: Callable[[bytes], bool], recursive: bool
) -> list[tuple[bytes, int]]:
    """Add the files of one directory to the listing; returns the directories in it, and its device."""
    inner: list[bytes] = []
    directory = os.path.join(root, below) if below else root
    device = device_above
    try:
        if below:
            status = os.stat(directory)
            device = status.st_dev
            if device != device_above:
                listing.volumes[below + b"/"] = Identity.of(status)
        with os.scandir(directory) as entries:
            for first in entries:
                note_progress()
                for entry in chain((first,), islice(entries, _ENTRIES)):
                    path = os.path.join(below, entry.name)
                    if recursive and entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith(b"."):
                            inner.append(path)
                    elif accepts(entry.name):
                        _add(listing, root, path, entry)
    except OSError as error:
        went = below and error.errno in (errno.ENOENT, errno.ENOTDIR)
        if not went:
            which = f"{shown(below[:_SHOWN_BYTES])} in it" if below else "the directory"
            listing.problem = f"{which} cannot be read ({reason_of(error)})"
    return [(path, device) for path in inner]


def _add(listing: Listing, root: bytes, path: bytes, entry: os.DirEntry[bytes]) -> None:
    try:
        if entry.is_file(follow_symlinks=False):
            listing.files[path] = Signature.of(entry.stat(follow_symlinks=False))
            return
        found = look(root, path)
    except FileNotFoundError:
        return
    except OSError as error:
        listing.problem = f"{shown(path)} cannot be looked at ({reason_of(error)})"
        return
    if isinstance(found, str):
        listing.refused[path] = found
    elif found is not None:
        listing.files[path] = found


def _inside(root: bytes, link: bytes) -> bool:
    real_root, target = os.path.realpath(root), os.path.realpath(link)
    return target.startswith(real_root + b"/")


def _is_link(root: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(root).st_mode)
    except OSError:
        return False
