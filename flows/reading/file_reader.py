"""Reads a settled file once, and makes sure that it did not change meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import dataclass
from io import BytesIO

from flows.landing.file_clock import TICK_S
from flows.landing.manifest import MAX_BYTES, joined
from flows.landing.mount_thread import note_progress
from flows.landing.tree import open_regular_file, reason_of
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, allocated_bytes
from flows.model.lifecycle import Identity
from flows.reading.decompression import FREE_BYTES, size_refused
from flows.reading.refusal import FileRefused
from flows.validation.cost import Cost, TooCostly

GONE = "it is gone"
_PIECE_BYTES = 1 << 20
"""After so much a slow mount is seen to make progress."""
_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ELOOP)


@dataclass(frozen=True)
class FileContent:
    """The bytes of one file version.

    Args:
        landed: the file as it was claimed.
        signature: as it was while it was read, joined with that of its manifest.
        body: its bytes; None where it is larger than the dataset allows, or could not be read.
        identity: sha256 of the bytes, and the values that the path gives.
        manifest: the content of its manifest, where the dataset asks for one.
        failure: what was raised when it was read, if anything was.
        aside: why it was not read at all, if it was not.
        refused: why it was not read, where that was seen before.
    """

    landed: SettledFile
    signature: Signature
    body: bytes | None
    identity: Identity
    manifest: bytes | None = None
    failure: str | None = None
    aside: str | None = None
    refused: FileRefused | None = None

    @classmethod
    def without_body(cls, landed: SettledFile, *, failure: str | None = None, aside: str | None = None) -> FileContent:
        """A file whose bytes are not known, for one of these reasons."""
        return cls(landed, landed.signature, None, unknown_identity(landed.signature), failure=failure, aside=aside)


def unknown_identity(signature: Signature) -> Identity:
    """In place of an identity, of bytes that were not read."""
    return Identity(hashlib.sha256(repr(signature).encode()).digest())


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


def read_file(dataset: Dataset, landed: SettledFile, *, arrived: bool = False) -> FileContent | str:
    """Read a file; or say why it cannot be read now and must be looked at again.

    Args:
        dataset: whose file it is.
        landed: the file.
        arrived: whether it is read for the first time: with its manifest, and, unless somebody asked for it, only
            if it still looks as it did when it settled.
    """
    note_progress()
    try:
        with open_regular_file(dataset.root, landed.path) as (file, before):
            try:
                manifest, signature = _read_manifest(dataset, landed.path, before) if arrived else (None, before)
            except OSError as error:
                return f"its manifest cannot be read ({reason_of(error)})"
            if arrived and landed.mode != "arrival" and abs(_age_s(before)) < TICK_S:
                time.sleep(TICK_S)  # a write after the reading would look like the one before it
            if arrived and landed.mode == "arrival" and signature != landed.signature:
                return "it changed after it had settled"
            if (refused := _refusal(dataset, file, before.size_bytes)) is not None:
                return FileContent(landed, signature, None, unknown_identity(before), manifest, refused=refused)
            body = read_bytes(file, before.size_bytes)
            after = Signature.of(os.fstat(file))
    except OSError as error:
        return GONE if error.errno in _VANISHED else f"it cannot be read ({reason_of(error)})"
    if before != after or len(body) != before.size_bytes:
        return "it changed while it was read"
    identity = Identity(hashlib.sha256(body).digest(), dataset.path_values(landed.path))
    return FileContent(landed, signature, body, identity, manifest)


def _refusal(dataset: Dataset, file: int, size: int) -> FileRefused | None:
    """Why a file is not even read: what it would cost is known before."""
    if size > dataset.limits.file_bytes:
        return size_refused(str(size), dataset.limits.file_bytes)
    if size <= FREE_BYTES:
        return None
    try:
        Cost(dataset).check_size(size)
    except TooCostly as error:
        return FileRefused.too_costly(error)
    written = _written_bytes(file, size)
    if 2 * written >= size:
        return None
    expected = "a file at least half of which was written; deliver it whole, without holes"
    return FileRefused("holes", raw=f"{size} bytes, of which {written} were written", expected=expected)


def _written_bytes(file: int, size: int) -> int:
    """How many bytes of a file are no holes, or a number from half of them on.

    A hole takes no room on the disk and all of it in memory. What a file takes on the disk is a hint only: a file
    system that compresses, or that does not say, has no holes for that.
    """
    if 2 * allocated_bytes(os.fstat(file)) >= size:
        return size
    written = end = 0
    try:
        while end < size and 2 * written < size:
            start = os.lseek(file, end, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
            written += end - start
    except OSError as error:
        if error.errno != errno.ENXIO:  # a hole up to its end
            return size
    finally:
        os.lseek(file, 0, os.SEEK_SET)
    return written


def _age_s(signature: Signature) -> float:
    return time.time() - signature.ctime_ns / 1e9


def _read_manifest(dataset: Dataset, path: bytes, signature: Signature) -> tuple[bytes | None, Signature]:
    if dataset.completeness.manifest is None:
        return None, signature
    with open_regular_file(dataset.root, path + dataset.completeness.manifest.encode()) as (file, own):
        return read_bytes(file, MAX_BYTES), joined(signature, own)
