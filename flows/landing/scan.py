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
from unicodedata import normalize

from flows.core.dataset import Dataset
from flows.core.files import Signature, shown

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


@dataclass
class Listing:
    """One look at a landing directory.

    Args:
        files: path relative to the root → signature.
        problem: why the look is incomplete, in words; None when it is whole. What is missing from an
            incomplete listing is unknown, not deleted.
        root: device and inode of the directory; None when it does not exist.
        refused: paths that are left out for a reason that people should know.
        devices: directory relative to the root → its device; the root's is that of `b""`.
    """

    files: dict[bytes, Signature] = field(default_factory=dict)
    problem: str | None = None
    root: tuple[int, int] | None = None
    refused: dict[bytes, str] = field(default_factory=dict)
    devices: dict[bytes, int] = field(default_factory=dict)


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
    except FileNotFoundError:
        listing.problem = "the directory does not exist"
        return listing
    except OSError as error:
        listing.problem = f"the directory cannot be read ({error.strerror})"
        return listing
    listing.root = (status.st_dev, status.st_ino)
    directories = [b""]
    while directories:
        directories += _scan_directory(listing, root, directories.pop(), accepts, recursive)
    return listing


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
    body = os.read(file, size)
    while len(body) < size and (more := os.read(file, size - len(body))):
        body += more
    return body


def open_at_once(file: bytes) -> int:
    """Open a file for reading; a pipe would wait for its writer otherwise."""
    return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _scan_directory(
    listing: Listing, root: bytes, below: bytes, accepts: Callable[[bytes], bool], recursive: bool
) -> list[bytes]:
    """Add the files of one directory to the listing; returns the directories in it."""
    inner: list[bytes] = []
    directory = os.path.join(root, below) if below else root
    try:
        listing.devices[below] = os.stat(directory).st_dev
        with os.scandir(directory) as entries:
            for entry in entries:
                path = os.path.join(below, entry.name)
                if recursive and entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(b"."):
                        inner.append(path)
                elif accepts(entry.name):
                    _add(listing, root, path, entry)
    except OSError as error:
        went = below and error.errno in (errno.ENOENT, errno.ENOTDIR)
        if not went:
            which = f"{shown(below)} in it" if below else "the directory"
            listing.problem = f"{which} cannot be read ({error.strerror})"
    return inner


def _add(listing: Listing, root: bytes, path: bytes, entry: os.DirEntry[bytes]) -> None:
    try:
        if entry.is_file(follow_symlinks=False):
            listing.files[path] = Signature.of(entry.stat(follow_symlinks=False))
            return
        found = look(root, path)
    except FileNotFoundError:
        return
    except OSError as error:
        listing.problem = f"{shown(path)} cannot be looked at ({error.strerror})"
        return
    if isinstance(found, str):
        listing.refused[path] = found
    elif found is not None:
        listing.files[path] = found


def _inside(root: bytes, link: bytes) -> bool:
    real_root, target = os.path.realpath(root), os.path.realpath(link)
    return target.startswith(real_root + b"/")
