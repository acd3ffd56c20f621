"""What lies in a landing directory, without reading any file."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate

from flows.core.dataset import Dataset
from flows.core.files import Signature

_TEMPORARY = re.compile(
    rb"^[.~#]|~$|#$|\.(part|partial|tmp|temp|crdownload|download|filepart|swp|swx|bak|writing|inprogress|_copying_|!ut)$",
    re.IGNORECASE,
)
"""Names that copy tools and editors give to unfinished files."""


@dataclass
class Listing:
    """One look at a landing directory.

    Args:
        files: path relative to the root → signature.
        problem: why the look is incomplete, in words; None when it is whole. What is missing from an
            incomplete listing is unknown, not deleted.
        root: device and inode of the directory; None when it does not exist.
        refused: paths that are left out for a reason that people should know.
    """

    files: dict[bytes, Signature] = field(default_factory=dict)
    problem: str | None = None
    root: tuple[int, int] | None = None
    refused: dict[bytes, str] = field(default_factory=dict)


def name_filter(dataset: Dataset) -> Callable[[bytes], bool]:
    """Whether a file name is one of the dataset's: it matches the pattern and is no temporary name."""
    matches = re.compile(translate(dataset.pattern).encode()).match
    companions = tuple(suffix.encode() for suffix in (dataset.marker, dataset.manifest) if suffix)

    def accepts(name: bytes) -> bool:
        return bool(matches(name)) and not _TEMPORARY.search(name) and not name.endswith(companions or (b"\0",))

    return accepts


def scan(root: bytes, accepts: Callable[[bytes], bool], *, recursive: bool) -> Listing:
    """List the files of a landing directory with their signatures."""
    listing = Listing()
    try:
        status = os.stat(root)
        listing.root = (status.st_dev, status.st_ino)
        _scan_into(listing, root, b"", accepts, recursive)
    except FileNotFoundError:
        listing.problem = "the directory does not exist"
    except OSError as error:
        listing.problem = f"the directory cannot be read ({error.strerror})"
    return listing


def look(root: bytes, path: bytes) -> Signature | str | None:
    """The signature of one file; the reason why it is refused; or None when it is not there.

    Raises:
        OSError: the file system cannot say.
    """
    full = os.path.join(root, path)
    try:
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


def _scan_into(listing: Listing, root: bytes, below: bytes, accepts: Callable[[bytes], bool], recursive: bool) -> None:
    with os.scandir(os.path.join(root, below)) as entries:
        for entry in entries:
            path = os.path.join(below, entry.name)
            if recursive and entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(b"."):
                    _scan_into(listing, root, path, accepts, recursive)
            elif accepts(entry.name):
                _add(listing, root, path, entry)


def _add(listing: Listing, root: bytes, path: bytes, entry: os.DirEntry[bytes]) -> None:
    try:
        if entry.is_file(follow_symlinks=False):
            listing.files[path] = Signature.of(entry.stat(follow_symlinks=False))
            return
        found = look(root, path)
    except FileNotFoundError:
        return
    except OSError as error:
        listing.problem = f"a file cannot be looked at ({error.strerror})"
        return
    if isinstance(found, str):
        listing.refused[path] = found
    elif found is not None:
        listing.files[path] = found


def _inside(root: bytes, link: bytes) -> bool:
    real_root, target = os.path.realpath(root), os.path.realpath(link)
    return target.startswith(real_root + b"/")
