"""The secret of the Prefect server that `up` starts: who holds it can have this account run code."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from flows.errors import NotRunning, StateError
from flows.store.atomic_write import private_name
from flows.store.state_directory import StateDirectory

USER = "cubefeed"
_BYTES = 32


def prefect_secret(file: Path) -> str:
    """What Prefect's basic authentication asks for, `user:password`; made when there is none yet.

    Raises:
        StateError: others can read the file, or it holds something else.
    """
    if not file.is_symlink() and not file.exists():
        _make(file)
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _wrong(file, f"it cannot be read ({error.strerror})") from error
    with os.fdopen(opened) as secret:
        status = os.fstat(secret.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _wrong(file, "it is no file")
        if status.st_mode & 0o077:
            raise StateError(
                "Others may read the secret of the Prefect server",
                next_step=f"chmod 600 {file}, or remove it",
                file=file,
            )
        text = secret.read(1000).strip()
    user, _, password = text.partition(":")
    if user != USER or len(password) < _BYTES:
        raise _wrong(file, "it holds something else")
    return text


def known_secret(state: Path) -> str:
    """The secret of an installation that was started once.

    Raises:
        NotRunning: there is none: it has never started a Prefect server.
        StateError: it cannot be used.
    """
    file = StateDirectory(state).prefect_secret
    if not file.exists():
        raise NotRunning(
            "There is no Prefect server of this state directory",
            next_step="start one with: cubefeed up, or name another --state",
            state=state,
        )
    return prefect_secret(file)


def _make(file: Path) -> None:
    """Write a new one at once, under a private name first; one that somebody else has made meanwhile stays."""
    with private_name(file) as partial:
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(opened, "w") as secret:
            secret.write(f"{USER}:{secrets.token_urlsafe(_BYTES)}\n")
            secret.flush()
            os.fsync(secret.fileno())
        with suppress(FileExistsError):
            os.link(partial, file)


def _wrong(file: Path, why: str) -> StateError:
    return StateError(
        f"The secret of the Prefect server cannot be used: {why}",
        next_step=f"remove {file}; the next start makes another",
        file=file,
    )
