"""The one place where what lies in a landing directory is looked at and opened.

Whoever may write there may exchange a file or a directory for a symbolic link, or for something else, at any moment.
So nothing is reached by a path: each directory on the way is opened by its name in the one above, and none may be a
link. The landing directory itself may be one, since it is declared. A file may be a link to another one in the same
tree: the path to which it leads is opened in the same way, from the top.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from flows.model.files import Signature

_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
"""A descriptor to go on from, which needs no permission to read."""
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""A pipe would wait for its writer otherwise."""
_NO_NAMES = frozenset((b"", b".", b".."))
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What is not there, or is no directory of this tree (any more) on the way to it."""
MAX_STEPS = 128
"""Names that a link may lead through, those of the landing directory and of further links among them. From the deepest
directory that is searched up and down to another one it is about a hundred, while whoever makes ten thousand links,
each to the next, would have all of them followed from each."""
_LEADS_OUT = "the link leads out of the landing directory; deliver the file, or a copy"
_TOO_FAR = f"the link leads through more than {MAX_STEPS} names; deliver the file, or link to it straight"
_NOT_REGULAR = "it is not a regular file"


@contextmanager
def opened_root(root: bytes) -> Iterator[int]:
    """Go to a landing directory. Yields its descriptor, from which everything in it is opened.

    Raises:
        OSError: there is no such directory.
    """
    directory = os.open(root, _PATH_ONLY | _DIRECTORY)
    try:
        yield directory
    finally:
        os.close(directory)


@contextmanager
def opened_directory(root: int, below: bytes) -> Iterator[int]:
    """Open a directory of a tree (`b""` is the topmost) to list it. Yields its descriptor.

    Raises:
        OSError: it cannot be read, or it or one above it is no directory of this tree.
    """
    *above, name = below.split(b"/")
    with _descended(root, above) as directory:
        found = os.open(name or b".", os.O_RDONLY | os.O_NOFOLLOW | _DIRECTORY, dir_fd=directory)
    try:
        yield found
    finally:
        os.close(found)


class RegularFile(NamedTuple):
    """A file that may be loaded."""

    status: os.stat_result


class RefusedFile(NamedTuple):
    """Something that is not loaded, and why people should know of it."""

    reason: str


def find_file(root: bytes, path: bytes) -> RegularFile | RefusedFile | None:
    """What lies under a path, links followed as far as they may be; None when there is nothing to load.

    Raises:
        OSError: the file system cannot say.
    """
    try:
        status = _status(root, path)
        if stat.S_ISLNK(status.st_mode):
            status = _status(root, _target(root, path))
    except OSError as error:
        if error.errno in _GONE:
            return None
        if error.strerror in (_LEADS_OUT, _TOO_FAR):
            return RefusedFile(error.strerror)
        raise
    if stat.S_ISREG(status.st_mode):
        return RegularFile(status)
    no_file = stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)
    return None if no_file else RefusedFile(_NOT_REGULAR)


def find_signature(root: bytes, path: bytes) -> Signature | None:
    """The signature of a file that could be opened; None where there is none, or where it cannot be told."""
    try:
        match find_file(root, path):
            case RegularFile(status) if foreign_links(root, status) is None:
                return Signature.of(status)
            case RegularFile() | RefusedFile() | None:
                return None
    except OSError:
        return None


@contextmanager
def open_regular_file(root: bytes, path: bytes) -> Iterator[tuple[int, Signature]]:
    """Open a regular file of the tree, and nothing else, whatever is done to its name meanwhile.

    Yields:
        The file's descriptor and its signature.

    Raises:
        OSError: it cannot be read, is no such file, or waits for other names of it to go (see `foreign_links`).
    """
    file = _open(root, path)
    if file is None:
        file = _open(root, _target(root, path))
    if file is None:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EPERM, _NOT_REGULAR)
        if waits_for := foreign_links(root, status):
            raise OSError(errno.EPERM, f"it waits for {waits_for}")
        yield file, Signature.of(status)
    finally:
        os.close(file)


def foreign_links(root: bytes, status: os.stat_result) -> str | None:
    """What a file waits for that has other names, and neither our owner nor the landing directory's; None where it
    has not.

    Whoever may write into a directory may give any file a name there, where the system lets him; the contents of a
    third person's file are none of his. A producer who delivers by a link removes the other name soon.

    Raises:
        OSError: the landing directory cannot be looked at.
    """
    if status.st_nlink < 2 or status.st_uid == os.geteuid() or status.st_uid == os.stat(root).st_uid:
        return None
    return (
        f"its other names to go: it has {status.st_nlink:,} hard links, and belongs to user {status.st_uid}, who is "
        "neither the owner of the landing directory nor of this process; remove the others, or deliver a copy"
    )


def reason_of(error: OSError | ValueError) -> str:
    """What the system says, without the path, which is said where the problem is."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


@contextmanager
def _descended(root: int, names: Sequence[bytes]) -> Iterator[int]:
    """Go down from a directory by the names of those in it. Yields the last one's descriptor."""
    directory = root
    try:
        for name in names:
            if name in _NO_NAMES:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            inner = os.open(name, _PATH_ONLY | _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            if directory != root:
                os.close(directory)
            directory = inner
        yield directory
    finally:
        if directory != root:
            os.close(directory)


def _status(root: bytes, path: bytes) -> os.stat_result:
    """The status of what has this name, be it a link."""
    *above, name = path.split(b"/")
    if not above:
        return os.lstat(os.path.join(root, name))  # nothing lies between the declared path and the name
    with opened_root(root) as top, _descended(top, above) as directory:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)


def _open(root: bytes, path: bytes) -> int | None:
    """Open a file; None where it is a link. What opening may do something to, as to a device, is not opened."""
    *above, name = path.split(b"/")
    if not above:
        return _open_regular(os.path.join(root, name), None)
    with opened_root(root) as top, _descended(top, above) as directory:
        return _open_regular(name, directory)


def _open_regular(name: bytes, directory: int | None) -> int | None:
    mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EPERM, _NOT_REGULAR)
    return os.open(name, _FILE, dir_fd=directory)


def _target(root: bytes, path: bytes) -> bytes:
    """Where in the tree a link leads. That may have changed since: it is no more than a path to open from the top.

    Raises:
        PermissionError: it leads out of the tree, or through too much.
    """
    real_root = os.path.realpath(root)
    target = _resolved(real_root + b"/" + path)
    if target is None:
        raise PermissionError(errno.EPERM, _TOO_FAR)
    if not target.startswith(real_root.rstrip(b"/") + b"/"):
        raise PermissionError(errno.EPERM, _LEADS_OUT)
    return target[len(real_root.rstrip(b"/")) + 1 :]


def _resolved(path: bytes) -> bytes | None:
    """An absolute path without links; None where it goes through more names than MAX_STEPS."""
    ahead, real = path.split(b"/")[::-1], b""
    for _ in range(MAX_STEPS + 1):
        if not ahead:
            return real
        name = ahead.pop()
        if name in (b"", b"."):
            continue
        if name == b"..":
            real = real.rpartition(b"/")[0]
            continue
        step = real + b"/" + name
        try:
            link = os.readlink(step)
        except OSError:  # it is none, or not there, which is seen when it is opened
            real = step
            continue
        real = b"" if link.startswith(b"/") else real
        ahead.extend(reversed(link.split(b"/")))
    return None
