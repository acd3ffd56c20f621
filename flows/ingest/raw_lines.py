"""Rows as they stand in their file, while that is there and still is what was loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flows.errors import LandingHangs
from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.reading.archive import DeliveryReader
from flows.reading.file_reader import GONE
from flows.reading.port import Source
from flows.reading.readers import reader_of
from flows.runtime.boundaries import FileFailed, Scope, boundary, describe
from flows.store.row_files import RowFile

MOST_PATHS = 3
"""Of a file that several paths show, so many are looked at."""
MOST_CHARS = 1 << 16
_UNKNOWN = Signature(0, 0, 0, 0)


@dataclass(frozen=True)
class RawLine:
    """What stands in a file at a row.

    Args:
        text: of the row, without its end; None where it is not to be had.
        missing: why not.
    """

    text: str | None = None
    missing: str | None = None


def raw_lines(
    dataset: Dataset,
    file: RowFile,
    lines: Iterable[int],
    *,
    reader: DeliveryReader,
    mount: MountThread,
    kept: bytes | None = None,
) -> dict[int, RawLine]:
    """Line → what stands there in a file, decompressed.

    Args:
        dataset: whose file it is.
        file: which.
        lines: those where its rows begin; the text of a row of several lines has all of them.
        reader: reads it.
        mount: where it is read.
        kept: its bytes, where they are kept elsewhere: what is read where it is not there any more.
    """
    why, wanted = "", sorted(set(lines))
    for path in file.paths[:MOST_PATHS]:
        body = _body(reader, path, file.digest, mount)
        if isinstance(body, bytes):
            return _texts(dataset.of_file(path), path, body, wanted)
        why = why or body
    if kept is not None:
        return _texts(dataset.of_file(file.paths[0]), file.paths[0], kept, wanted)
    return dict.fromkeys(wanted, RawLine(missing=why))


def _body(reader: DeliveryReader, path: bytes, digest: bytes, mount: MountThread) -> bytes | str:
    """The bytes of a file, or why they are not to be had."""
    try:
        with boundary(Scope.FILE):
            read = mount.call(lambda: reader.read(SettledFile(path, _UNKNOWN)))
    except FileFailed as failed:
        return failed.cause.what if isinstance(failed.cause, LandingHangs) else describe(failed.cause)
    if isinstance(read, str):
        return "gone: no path shows the file any more" if read == GONE else f"the file cannot be had now: {read}"
    if read.body is None:
        return "the declaration refuses a file of its size now"
    return read.body if read.identity.digest == digest else "gone: the file has other bytes now"


def _texts(dataset: Dataset, path: bytes, body: bytes, lines: Sequence[int]) -> dict[int, RawLine]:
    found = dict.fromkeys(lines, RawLine(missing="it has no such row as it is read now"))
    reader = reader_of(dataset)
    try:
        with boundary(Scope.FILE):
            opened = reader.open(Source(os.fsdecode(path), body))
            found |= {line: _shortened(text) for line, text in reader.raw(opened.body, lines)}
    except FileFailed as failed:
        why = f"it cannot be read as it is declared now: {describe(failed.cause)}"
        return dict.fromkeys(lines, RawLine(missing=why))
    return found


def _shortened(text: str) -> RawLine:
    if len(text) <= MOST_CHARS:
        return RawLine(text)
    return RawLine(missing=f"left out: it has {len(text):,} characters, and more than {MOST_CHARS:,} are not shown")
