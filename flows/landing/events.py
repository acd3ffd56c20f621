"""Wakes the inbox when something happens in a landing directory. The only file that imports watchdog.

Events are hints: they may be late, doubled or lost, and network mounts deliver none. The listing is the truth.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.utils import platform

from flows.settings import Observer as ObserverChoice

log = logging.getLogger(__name__)

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
_SILENT_MOUNTS = (
    "nfs", "cifs", "smb", "ncp", "afs", "ceph", "gluster", "lustre",
    "9p", "virtiofs", "fuse", "fakeowner", "vboxsf", "drvfs",
)  # fmt: skip
"""File system types whose remote changes raise no inotify events."""

_ALL_MOVES = {"generate_full_events": True} if platform.is_linux() else {}
"""A file that is renamed into the directory from elsewhere is then told as moved, from ""; it is complete. By default
it looks like one that was only just created."""


class Hint(Enum):
    """What an event says of a file's content."""

    COMPLETE = "closed after writing, or renamed into place"
    OPEN = "written to and not closed yet"
    UNKNOWN = "there may be something new"


class DirectoryEvents(NamedTuple):
    """What happened in a landing directory.

    Args:
        hints: relative path → what the last event says of it.
        relist: directories in it came or went, so that the events do not tell all.
        broken: events were lost or no more will come; what listened has to be replaced.
        replaced: the landing directory itself was removed or moved.
    """

    hints: Mapping[bytes, Hint] = MappingProxyType({})
    relist: bool = False
    broken: bool = False
    replaced: bool = False


class Watcher:
    """Collects the events of one landing directory.

    Args:
        root: the landing directory, which must exist; it may be a symbolic link.
        recursive: whether directories inside it are watched too.
        wake: called, from another thread, when there is something to look at.

    Raises:
        OSError: the system has no more to watch with.
    """

    def __init__(self, root: bytes, *, recursive: bool, wake: Callable[[], None]) -> None:
        self._root = os.path.realpath(root)  # watchdog would watch the link itself
        self._recursive = recursive
        self._wake = wake
        self._lock = threading.Lock()
        self._hints: dict[bytes, Hint] = {}
        self._relist = False
        self._broken = self._replaced = False
        self._alarm = _OverflowAlarm(self._overflowed)
        self._observer: BaseObserver = Observer(**_ALL_MOVES)
        self._observer.schedule(
            _Handler(self._note), os.fsdecode(self._root), recursive=recursive, event_filter=_EVENTS
        )

    def start(self) -> None:
        """Begin to listen; events from before are not seen.

        Raises:
            OSError: the directory cannot be watched.
        """
        logging.getLogger("watchdog.observers").addHandler(self._alarm)
        # of a new directory that it finds twice, by its event and by looking into the one above
        warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
        try:
            self._observer.start()
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """End the observer's threads."""
        logging.getLogger("watchdog.observers").removeHandler(self._alarm)
        self._observer.stop()  # one that never started has a thread too
        if self._observer.is_alive():
            self._observer.join(timeout=5)

    def has_events(self) -> bool:
        """Whether there is something to drain."""
        return bool(self._hints) or self._relist or self._broken or not self._is_alive()

    def drain(self) -> DirectoryEvents:
        """What happened since the last call."""
        with self._lock:
            events = DirectoryEvents(self._hints, self._relist, self._broken or not self._is_alive(), self._replaced)
            self._hints, self._relist, self._broken, self._replaced = {}, False, False, False
        return events

    def _is_alive(self) -> bool:
        """Whether all threads between the kernel and this object still run; an exception ends them silently."""
        reader = getattr(self._observer, "_inotify_fd", self._observer)
        return all(thread.is_alive() for thread in (reader, self._observer, *self._observer.emitters))

    def _note(self, path: str | bytes, hint: Hint | None) -> None:
        full = os.fsencode(path)
        with self._lock:
            if full == self._root:
                self._broken = self._replaced = True
            elif hint is not None:
                self._hints[full[len(self._root) + 1 :]] = hint
            else:
                self._relist = self._relist or self._recursive
        if hint is not Hint.OPEN:  # nothing is complete by being written to, and large copies write very often
            self._wake()

    def _overflowed(self) -> None:
        with self._lock:
            self._broken = True
        self._wake()


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[str | bytes, Hint | None], None]) -> None:
        self._note = note

    def dispatch(self, event: FileSystemEvent) -> None:
        match event:
            case FileMovedEvent():
                if event.src_path:
                    self._note(event.src_path, Hint.UNKNOWN)
                if event.dest_path:
                    self._note(event.dest_path, Hint.COMPLETE)
            case FileClosedEvent():
                self._note(event.src_path, Hint.COMPLETE)
            case FileModifiedEvent():
                self._note(event.src_path, Hint.OPEN)
            case FileCreatedEvent() | FileDeletedEvent():
                self._note(event.src_path, Hint.UNKNOWN)
            case _:
                self._note(event.src_path, None)


class _OverflowAlarm(logging.Handler):
    """Watchdog only logs that the kernel's queue overflowed; this turns the warning into a rescan."""

    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(level=logging.WARNING)
        self._overflowed = overflowed

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._overflowed()


def choose_observer(choice: ObserverChoice, root: Path) -> tuple[Literal["native", "polling"], str]:
    """Which observer fits a directory, and why, in words."""
    if choice != "auto":
        return choice, "as asked for"
    kind = file_system_kind(root)
    if kind is not None and kind.startswith(_SILENT_MOUNTS):
        return "polling", f"{kind} mounts do not report what others write"
    return "native", f"the file system ({kind or 'unknown'}) reports changes"


def file_system_kind(root: Path) -> str | None:
    """The type of the file system that holds a directory, from /proc/mounts; None where there is none."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    real = str(root.resolve())
    found = ("", "")
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1] or None
