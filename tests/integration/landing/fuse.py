"""A real mount whose server stops answering when a test says so: a directory, passed through FUSE, read only.

It speaks the kernel's protocol itself (linux/fuse.h), as much of it as listing and reading take, so that nothing has to
be installed. It needs the right to mount.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, INIT = 1, 2, 3, 14, 15, 18, 26
OPENDIR, READDIR, RELEASEDIR, BATCH_FORGET = 27, 28, 29, 42
_HEADER = struct.Struct("<IIQQIIIHH")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("<6Q10I")
_NOSUID, _NODEV, _DETACH = 2, 4, 2


class Fuse:
    """Answers for one directory without directories in it, from a thread of its own.

    Args:
        device: /dev/fuse, opened for this mount.
        behind: the directory that is passed through.
    """

    def __init__(self, device: int, behind: Path) -> None:
        self.touched = threading.Event()
        self._answering = threading.Event()
        self._answering.set()
        self._device = device
        self._behind = behind
        self._names: dict[int, str] = {1: "."}
        self._thread = threading.Thread(target=self._serve, name="fuse")
        self._thread.start()

    def stop_answering(self) -> None:
        """From now on every call that needs an answer hangs; `message` is set once there is one."""
        self.touched.clear()
        self._answering.clear()

    def answer(self) -> None:
        """Answer again, first what was message meanwhile."""
        self._answering.set()

    def join(self) -> None:
        """Wait for the thread, once the mount is gone."""
        self.answer()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        answers: dict[int, Callable[[int, bytes], bytes]] = {
            INIT: self._init,
            LOOKUP: self._lookup,
            GETATTR: lambda node, _: struct.pack("<QII", 0, 0, 0) + self._attributes(node),
            OPEN: lambda node, _: struct.pack("<QII", 0, 1, 0),  # read past the page cache
            OPENDIR: lambda node, _: struct.pack("<QII", 0, 0, 0),
            READ: self._read,
            READDIR: self._list,
            RELEASE: lambda node, _: b"",
            RELEASEDIR: lambda node, _: b"",
        }
        while True:
            try:
                message = os.read(self._device, 1 << 21)
            except OSError:
                message = b""
            if not message:  # unmounted
                return
            _, operation, unique, node, *_ = _HEADER.unpack_from(message)
            if operation in (FORGET, BATCH_FORGET):
                continue
            if not self._answering.is_set():
                self.touched.set()
                self._answering.wait()
            error, answer = 0, b""
            try:
                if operation not in answers:
                    raise OSError(errno.ENOSYS, "")
                answer = answers[operation](node, message[_HEADER.size :])
            except OSError as failed:
                error = failed.errno or errno.EIO
            with contextlib.suppress(OSError):  # nobody waits for it any more
                os.write(self._device, struct.pack("<IiQ", 16 + len(answer), -error, unique) + answer)

    def _init(self, _: int, body: bytes) -> bytes:
        _, minor, readahead, _ = struct.unpack_from("<IIII", body)
        return _INIT_OUT.pack(7, min(minor, 31), readahead, 0, 12, 10, 1 << 17, 1, 32, 0, 0)

    def _lookup(self, _: int, name: bytes) -> bytes:
        text = os.fsdecode(name.rstrip(b"\0"))
        node = (self._behind / text).lstat().st_ino
        self._names[node] = text
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _attributes(self, node: int) -> bytes:
        found = (self._behind / self._names[node]).lstat()
        times = [divmod(at, 10**9) for at in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        return _ATTRIBUTES.pack(
            found.st_ino,
            found.st_size,
            found.st_blocks,
            *(seconds for seconds, _ in times),
            *(rest for _, rest in times),
            found.st_mode,
            found.st_nlink,
            found.st_uid,
            found.st_gid,
            0,
            4096,
            0,
        )

    def _read(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        return (self._behind / self._names[node]).read_bytes()[offset : offset + size]

    def _list(self, _: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        found = b""
        for number, entry in enumerate(sorted(os.scandir(self._behind), key=lambda each: each.name), start=1):
            name = os.fsencode(entry.name)
            record = struct.pack("<QQII", entry.inode(), number, len(name), 8) + name
            record += b"\0" * (-len(record) % 8)
            if number > offset and len(found) + len(record) <= size:
                found += record
        return found


@contextmanager
def fuse(behind: Path, at: Path) -> Iterator[Fuse]:
    """Mount a directory at another one; the test is skipped where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"there is no FUSE here: {error}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    if libc.mount(b"cubefeed-test", os.fsencode(at), b"fuse", _NOSUID | _NODEV, options):
        os.close(device)
        pytest.skip(f"nothing can be mounted here: {os.strerror(ctypes.get_errno())}")
    server = Fuse(device, behind)
    try:
        yield server
    finally:
        libc.umount2(os.fsencode(at), _DETACH)
        _abort(device)
        server.join()
        os.close(device)


def _abort(device: int) -> None:
    """Free what still hangs: with the mount gone, the server's own end is the last."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, device, inheritable=False)
    os.close(null)
