"""Archives: what is in one is unpacked here, into files that are read as if they lay beside each other."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from flows.landing.names import MAX_DEPTH, NameFilter, is_hidden, member_filter
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, shown
from flows.model.lifecycle import Identity, Mode
from flows.reading.decompression import check_ratio, check_size, name_binary
from flows.reading.file_reader import FileContent, read_file
from flows.reading.refusal import FileRefused
from flows.reading.zip_file import ZipDamaged, ZipFile
from flows.validation.cost import Cost

MAX_NAME_BYTES = 1024
_UTF8_NAME = 0x800
_RULE = "archive"


@dataclass(frozen=True)
class Archive:
    """An archive, and what is in it.

    Args:
        file: the archive as it was read.
        members: the dataset's files in it, in the order of their names.
        left_out: the names of other files in it, which the dataset's pattern leaves out.
    """

    file: FileContent
    members: tuple[FileContent, ...]
    left_out: tuple[bytes, ...] = ()


def unpack_archive(dataset: Dataset, file: FileContent) -> Archive:
    """Unpack an archive: all of it, or nothing.

    Args:
        dataset: whose archive it is.
        file: as it was read.

    Raises:
        FileRefused: it is no archive, or none that may be unpacked.
        TooCostly: it does not fit into memory, whatever its members hold.
    """
    assert file.body is not None
    try:
        opened = ZipFile(file.body)
        taken, left_out = _members(opened, member_filter(dataset), dataset)
        _check_cost(dataset, file.body, taken)
        members = tuple(_member(dataset, file, name, opened.read(taken[name])) for name in sorted(taken))
    except ZipDamaged as error:
        raise _refused(name_binary(file.body) if not file.body.startswith(b"PK") else str(error)) from None
    return Archive(file, members, tuple(sorted(left_out)))


class DeliveryReader:
    """Reads files and members of archives again, as they lie there now. An archive is unpacked once for those of its
    members that are read one after the other.

    Args:
        dataset: whose.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._archive: bytes | None = None
        self._members: dict[bytes, FileContent] | str = {}

    def read(self, landed: SettledFile) -> FileContent | str:
        """Read one; or say why it cannot be read now."""
        archive = self._dataset.archive_of(landed.path)
        if archive is None:
            return read_file(self._dataset, landed)
        if archive != self._archive:
            self._archive, self._members = archive, self._unpack(replace(landed, path=archive))
        if isinstance(self._members, str):
            return self._members
        return self._members.get(landed.path, "its archive has it no more")

    def _unpack(self, landed: SettledFile) -> dict[bytes, FileContent] | str:
        file = read_file(self._dataset, landed)
        if isinstance(file, str) or file.body is None:
            return file if isinstance(file, str) else "its archive is larger than it may be"
        try:
            return {each.landed.path: each for each in unpack_archive(self._dataset, file).members}
        except FileRefused as refused:
            return f"its archive is refused ({refused.reason})"


def _members(
    opened: ZipFile, accepts: NameFilter, dataset: Dataset
) -> tuple[dict[bytes, zipfile.ZipInfo], list[bytes]]:
    """The members that are the dataset's files, by their names, and the names of the others."""
    if opened.is_encrypted:
        raise FileRefused("encrypted", raw="members with a password", expected="an archive without one")
    if not opened.is_deflated:
        raise _refused("members in another compression than deflate")
    taken: dict[bytes, zipfile.ZipInfo] = {}
    left_out: list[bytes] = []
    seen: set[bytes] = set()
    for name, member in _files(opened):
        if name in seen:
            raise _refused(f"two members of the name {shown(name)}")
        seen.add(name)
        base = os.fsdecode(os.path.basename(name))
        if dataset.is_archive(name):
            raise FileRefused(_RULE, raw=f"an archive in it: {shown(name)}", expected="files and no archives in it")
        if is_hidden(name, recursive=True):
            continue
        if accepts(base):
            taken[name] = member
        elif accepts.leaves_out(base):
            left_out.append(name)
    if not taken:
        raise _refused(
            f"no file that the dataset takes; {len(left_out)} others, such as {shown(left_out[0])}"
            if left_out
            else "no file in it",
            f"members that match {dataset.all_patterns}",
        )
    return taken, left_out


def _files(opened: ZipFile) -> Iterator[tuple[bytes, zipfile.ZipInfo]]:
    """The members that are files, each with the name that it says; none may lead out of its archive."""
    for member in opened.members:
        name = _name(member)
        if member.is_dir():
            continue
        parts = name.replace(b"\\", b"/").split(b"/")
        if not {b"", b".", b".."}.isdisjoint(parts) or b"\0" in name or parts[0].endswith(b":"):
            raise _refused(f"a member of the name {shown(name[:MAX_NAME_BYTES])}", "names of files below it")
        if len(parts) > MAX_DEPTH + 1:
            raise _refused(f"a member that lies {len(parts) - 1} directories deep", f"{MAX_DEPTH} at most")
        if len(name) > MAX_NAME_BYTES:
            raise _refused(f"a member with a name of {len(name)} bytes", f"{MAX_NAME_BYTES} at most")
        kind = member.external_attr >> 16
        if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
            raise _refused(f"a member that is no regular file: {shown(name)}", "files and nothing else in it")
        yield name, member


def _name(member: zipfile.ZipInfo) -> bytes:
    """The name of a member as bytes: where it does not say that it is UTF-8 it often is all the same."""
    name: str = member.orig_filename
    if not member.flag_bits & _UTF8_NAME:
        try:
            written = name.encode("cp437")
            written.decode()
        except UnicodeError:
            pass
        else:
            return written
    return name.encode(errors="surrogateescape")


def _check_cost(dataset: Dataset, body: bytes, taken: dict[bytes, zipfile.ZipInfo]) -> None:
    size_bytes = sum(member.file_size for member in taken.values())
    check_size(size_bytes, dataset.limits.file_bytes)
    check_ratio(len(body), size_bytes)
    Cost(dataset).check_size(size_bytes)


def _member(dataset: Dataset, file: FileContent, name: bytes, body: bytes) -> FileContent:
    path = file.landed.path + b"/" + name
    signature = _signature(file.signature, name, len(body))
    identity = Identity(hashlib.sha256(body).digest(), dataset.path_values(path))
    return FileContent(SettledFile(path, signature, _mode(file.landed, path)), signature, body, identity)


def _signature(archive: Signature, name: bytes, size_bytes: int) -> Signature:
    """A member's: it changes with its archive, and goes along where that is renamed."""
    digest = hashlib.sha256(archive.inode.to_bytes(8, "big") + name).digest()
    return archive._replace(size_bytes=size_bytes, inode=(int.from_bytes(digest[:8], "big") >> 1) | 1)


def _mode(archive: SettledFile, path: bytes) -> Mode:
    return archive.mode if not archive.members or path in archive.members else "arrival"


def _refused(raw: str | None, expected: str = "a whole zip archive, of files and nothing else") -> FileRefused:
    return FileRefused(_RULE, raw=raw or "no archive", expected=expected)
