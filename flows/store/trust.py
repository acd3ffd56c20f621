"""What in a state directory may be trusted: what only its user can have put there, under whatever name it lies."""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from errno import ENOTDIR
from pathlib import Path

from flows.errors import StateError
from flows.runtime.permissions import ROOT, is_ours, others_write

PRIVATE = 0o077
"""The umask under which everything here is made: what was loaded is for the user of the session alone."""
AS_THAT_USER = "do this as that user, or name another one with --state"


def require_trusted(root: Path) -> None:
    """Look at a state directory, if there is one, and at what lies in it: before it became private somebody else may
    have put something there.

    Raises:
        StateError: others may look into it, or something in it is a link, another user's, or can be written by others.
    """
    try:
        require_private(root)
        with os.scandir(root) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # a live process takes its own away
                    _require_own(root, Path(entry.path), entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(root, error) from None


def require_private(root: Path) -> None:
    """Look at the directory alone.

    Raises:
        StateError: it is another user's, or open to others.
        OSError: it is not there, or cannot be seen.
    """
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR))
    if not is_ours(status):  # nor does root tell its secrets to who holds the lock there
        raise untrusted(root, "belongs to another user", AS_THAT_USER)
    if status.st_mode & PRIVATE:
        raise StateError(
            "Others may look into the state directory, which holds what was loaded and a secret",
            next_step=f"chmod 700 {shlex.quote(str(root))}, or name another one with --state",
            state=root,
        )


def own_text(file: Path, most_bytes: int) -> str:
    """What a file in a state directory says, which is no link, no pipe and nobody else's.

    Raises:
        StateError: it is another user's, or others can write it.
        ValueError: it is no file, or holds no text.
        OSError: it is not there, is a link, or cannot be read.
    """
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(file)
        _require_own(file.parent, file, status)
        return opened.read(most_bytes).decode()


def untrusted(root: Path, what: str, next_step: str) -> StateError:
    """The error of a state directory that others have, or had, their hands in."""
    return StateError(f"The state directory {what}", next_step=next_step, state=root)


def unreadable(root: Path, error: OSError) -> StateError:
    """The error of a state directory that the system does not let this user read."""
    return StateError(
        f"The state directory cannot be read ({error.strerror})",
        next_step="permit that for this user, or name another one with --state",
        state=root,
    )


def _require_own(root: Path, path: Path, status: os.stat_result) -> None:
    name, typed = path.name, shlex.quote(str(path))
    if stat.S_ISLNK(status.st_mode):
        remedy = f"rm {typed}; what should lie elsewhere can be mounted in its place"
        raise untrusted(root, f"holds a link, {name}, and none is followed there", remedy)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise untrusted(root, f"holds {name}, which is neither a file nor a directory", f"rm {typed}")
    if status.st_uid not in (root.stat().st_uid, ROOT):
        raise untrusted(root, f"holds {name}, which is another user's", f"see what it is, then rm -r {typed}")
    if others_write(status):
        remedy = f"see that all in it is yours, then chmod -R go= {shlex.quote(str(root))}"
        raise untrusted(root, f"holds {name}, which others can write", remedy)
