"""The sample files, as they lie there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.errors import QueryError
from flows.inference.archives import is_archive, members_of
from flows.inference.large_files import read_parts
from flows.landing.names import is_temporary
from flows.landing.packed_end import is_packed
from flows.model.limits import Limits
from flows.reading.decompression import name_binary, unpack
from flows.reading.refusal import FileRefused

_HEAD_BYTES = 512
_BY_HAND = "leave it out, or declare its dataset by hand"
PARQUET = b"PAR1"
"""How Parquet files begin."""
UNDERSTOOD_BYTES = 256 << 20
"""So much is understood from: of larger files parts, which are verified as a whole with the declaration."""
_LEAST_BYTES = 256 << 10
"""So much of each file at least."""


@dataclass(frozen=True)
class Sample:
    """A file, or a member of an archive.

    Args:
        file: where it lies; of a member, as if its archive were a directory.
        path: its path in what becomes the landing directory.
        body: its bytes, decompressed.
        modified_s: when it was last written, seconds since 1970.
        whole: whether these are all of its bytes.
        archive: of which it is a member; None where it is a file.
    """

    file: Path
    path: str
    body: bytes
    modified_s: float
    whole: bool = True
    archive: Path | None = None


@dataclass(frozen=True)
class Samples:
    """All files that were named.

    Args:
        landing: the directory that becomes the landing directory.
        recursive: whether some lie in directories in it.
        files: in the order of their paths.
    """

    landing: Path
    recursive: bool
    files: tuple[Path, ...]

    @property
    def archives(self) -> list[Path]:
        """Those that are archives."""
        return [file for file in self.files if is_archive(file)]


def find_samples(named: Sequence[Path]) -> Samples:
    """The files that are meant.

    Raises:
        QueryError: there are none.
    """
    files = sorted({file.absolute() for path in named for file in _files_of(path)})
    if not files:
        raise QueryError(
            "There is no file to understand", next_step="name files, or a directory that has some", got=named[0]
        )
    landing = named[0].absolute() if len(named) == 1 and named[0].is_dir() else _common_directory(files)
    return Samples(landing, any(file.parent != landing for file in files), tuple(files))


def read_samples(samples: Samples) -> Iterator[Sample]:
    """The files one after the other, as far as they are needed to understand them.

    Raises:
        QueryError: one is no text, nor a text that was compressed.
        OSError: one cannot be read.
    """
    room_bytes = UNDERSTOOD_BYTES
    found = {file: file.stat() for file in samples.files}
    few = sum(each.st_size for each in found.values()) <= UNDERSTOOD_BYTES
    most_bytes = max(UNDERSTOOD_BYTES // len(found), _LEAST_BYTES)
    for file, stat in found.items():
        if is_archive(file):
            members = [_member(samples, file, name, body, stat.st_mtime) for name, body in members_of(file)]
            room_bytes -= sum(len(each.body) for each in members)
            yield from members
            continue
        parts = None if few or stat.st_size <= most_bytes or _is_binary(file) else read_parts(file, most_bytes)
        body = _opened(file, file.read_bytes()) if parts is None else parts
        if len(body) > room_bytes and room_bytes < UNDERSTOOD_BYTES:
            return
        room_bytes -= len(body)
        yield Sample(file, str(file.relative_to(samples.landing)), body, stat.st_mtime, whole=parts is None)


def is_workbook(body: bytes) -> bool:
    """Whether it is a workbook (.xlsx): a zip archive that has one."""
    return body.startswith(b"PK\x03\x04") and b"xl/workbook.xml" in body


def _is_binary(file: Path) -> bool:
    """Whether a file is no text, or a compressed one."""
    with file.open("rb") as body:
        head = body.read(_HEAD_BYTES)
    return is_packed(head) or name_binary(head) is not None


def _member(samples: Samples, archive: Path, name: str, body: bytes, modified_s: float) -> Sample:
    file = archive / name
    return Sample(file, str(file.relative_to(samples.landing)), _opened(file, body), modified_s, archive=archive)


def _opened(file: Path, body: bytes) -> bytes:
    """The bytes of a file, decompressed."""
    if body.startswith(PARQUET) or is_workbook(body):
        return body
    try:
        return unpack(body, Limits().file_bytes)
    except FileRefused as refused:
        found = refused.finding
        raise QueryError(
            "The file is of no format that is understood by itself",
            next_step="name it like an archive: x.zip" if body.startswith(b"PK") else _BY_HAND,
            file=file,
            got=found.raw,
            expected=found.expected,
        ) from None


def _files_of(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if not path.exists():
            raise QueryError("There is no such file", next_step="check its path", file=path)
        yield path
        return
    for directory, below, names in path.walk():
        below[:] = sorted(each for each in below if not each.startswith("."))
        yield from (directory / name for name in names if not is_temporary(name) and (directory / name).is_file())


def _common_directory(files: Sequence[Path]) -> Path:
    directory = files[0].parent
    while not all(file.is_relative_to(directory) for file in files):
        directory = directory.parent
    return directory
