"""The state directory: what lies where, and the lock that says which process owns it."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from flows.errors import DiskFull, NotRunning, StateError
from flows.store.atomic_write import private_name, remove_partials, write_file
from flows.store.disk import room_for
from flows.store.hold import Hold
from flows.store.owner import End, Owner, as_process, is_alive, parse_owner
from flows.store.trust import AS_THAT_USER, own_text, require_private, require_trusted, unreadable, untrusted

ROOM_BYTES = 1_000_000
"""How much room a start takes before anything is loaded, about: the ledger's shared memory and log, its own name."""

LOCK_S = 0.5
"""How long a start waits for the lock: who looks for the owner holds it for a moment."""
OWNER_BYTES = 1 << 16
"""No owner says more of itself."""
END_BYTES = 1 << 20
"""Why a session ended is a message, which may name files."""
QUARANTINE = "quarantine"
"""The directory of what was refused, and of segments that were set aside."""


@dataclass(frozen=True)
class StateDirectory:
    """Where things are in a state directory."""

    root: Path

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def segments(self) -> Path:
        return self.root / "segments"

    @property
    def quarantine(self) -> Path:
        return self.root / QUARANTINE

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def prefect_secret(self) -> Path:
        return self.root / "prefect-secret"

    @property
    def owner_file(self) -> Path:
        return self.root / "owner.json"

    @property
    def remembers(self) -> bool:
        """Whether there is something here that only a ledger can have led to."""
        return any(self.segments.glob("*.parquet")) or any(self.backups.glob("ledger-*.db"))

    def create(self) -> None:
        """Make the directory, for its user only.

        Raises:
            StateError: it cannot be made or written, or it cannot be trusted.
        """
        with self._writable():
            self.root.mkdir(parents=True, exist_ok=True)
            if not any(self.root.iterdir()) and self.root.stat().st_uid == os.geteuid():
                self.root.chmod(0o700)
        if self.root.stat().st_uid != os.geteuid():
            raise untrusted(self.root, "belongs to another user", AS_THAT_USER)
        require_trusted(self.root)
        with self._writable(), private_name(self.root / "writable") as probe:
            probe.touch(exist_ok=False)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the lock. The kernel lets go of it when the process ends, however it ends.

        Raises:
            StateError: another process holds it; the message names its pid, and its host where that is another one. Or
                it cannot be taken.
        """
        lock = FileLock(self.lock_file)
        try:
            with self._writable():
                lock.acquire(timeout=LOCK_S, poll_interval=LOCK_S / 10)
        except Timeout:
            holder = self.holder()
            raise StateError(
                f"Another process keeps this cube live ({holder.process if holder else 'pid not yet known'})",
                next_step="use it, or stop it, or name another --state",
                state=self.root,
            ) from None
        hold = Hold.on(self.root, self.lock_file)
        with suppress(OSError):  # of one that was killed, perhaps on another host: it says nothing of this one
            self.owner_file.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(StateError):  # the directory is another's now, and so is what it says of its owner
                hold.require_ours()
                self.owner_file.unlink(missing_ok=True)
            lock.release()

    def announce(self, owner: Owner) -> None:
        """Write who owns the directory.

        Raises:
            StateError: it cannot be written.
        """
        text = json.dumps(asdict(as_process(owner))) + "\n"
        with self._writable():
            remove_partials(self.root, name=self.owner_file.name)
            write_file(self.owner_file, text, what="the name of the owner", durable=False)

    def owner(self) -> Owner | None:
        """Who owns the directory, as far as it said so; None when nobody alive on this host does.

        What a file says of it is believed while its process lives and the lock is held, in a directory where nobody
        else can have written it: the owner is sent tokens.

        Raises:
            StateError: this cannot be read, or cannot be trusted.
        """
        holder = self.holder()
        return holder if holder is not None and not holder.is_elsewhere else None

    def holder(self) -> Owner | None:
        """As `owner`, also one on another host that has the directory too, over a file system that shares its locks.
        Its process cannot be seen, and its address means nothing here.

        Raises:
            StateError: as `owner`.
        """
        try:
            require_private(self.root)
            owner = parse_owner(json.loads(own_text(self.owner_file, OWNER_BYTES)))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        except OSError as error:
            raise unreadable(self.root, error) from None
        return owner if (is_alive(owner) or owner.is_elsewhere) and self.is_held() else None

    def is_held(self) -> bool:
        """Whether a process holds the lock."""
        try:
            lock = os.open(self.lock_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # held; or locked in another way, where a file system knows none of this kind
            return True
        finally:
            os.close(lock)
        return False

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """What is written inside finds a directory that can be written, or the error says that it is none.

        Raises:
            StateError: it cannot be written; DiskFull where its disk is full.
        """
        try:
            with room_for("the state of this cube", self.root, ROOM_BYTES):
                yield
        except OSError as error:
            if isinstance(error, Timeout):
                raise
            raise StateError(
                f"The state directory cannot be written ({error.strerror})",
                next_step="permit that for this user, or name another one with --state",
                state=self.root,
            ) from error

    @property
    def end_file(self) -> Path:
        return self.root / "ended.json"

    def note_end(self, end: End) -> None:
        """Keep how a session ended by itself, for who finds nothing running; on a full disk that stays unsaid."""
        with suppress(OSError, DiskFull):
            write_file(self.end_file, json.dumps(asdict(end)) + "\n", what="how the session ended", durable=False)

    def forget_end(self) -> None:
        """A session is live again; that an earlier one has ended is no reason for this one to end."""
        with suppress(OSError):
            self.end_file.unlink(missing_ok=True)

    def last_end(self) -> End | None:
        """How the last session ended, where it did so by itself, none has been live since, and nobody else says so."""
        try:
            return End(**json.loads(own_text(self.end_file, END_BYTES)))
        except (StateError, OSError, ValueError, TypeError):
            return None

    def require_owner(self) -> Owner:
        """The live owner.

        Raises:
            NotRunning: there is none.
        """
        owner = self.owner()
        if owner is None:
            raise self._nothing_runs()
        return owner

    def _nothing_runs(self) -> NotRunning:
        """The error of who finds no session; where the last one did not end in order, it says how that ended."""
        holder = self.holder()
        if holder is not None and holder.is_elsewhere:
            return NotRunning(
                f"The session of this state directory runs elsewhere ({holder.process})",
                next_step="ask it there, or stop it there and start one here",
                state=self.root,
            )
        if self.is_held():
            return NotRunning(
                "A process holds this state directory, and has not said, or no longer says, where it answers",
                next_step="wait where it has only begun, see cubefeed doctor; where owner.json was removed, end that "
                f"process (fuser {shlex.quote(str(self.lock_file))} names it), and start again",
                state=self.root,
            )
        ended, first, end = "", "", self.last_end()
        if end is not None:
            ended, first = f"; the last session ended at {end.at_utc}: {end.why}", f"{end.next_step}; then "
        elif self.owner_file.exists():
            ended = "; the last session was killed"
        return NotRunning(
            f"Nothing is running on this state directory{ended}",
            next_step=f"{first}start it with cubefeed up or cubefeed watch, or name its --state",
            state=self.root,
        )
