"""Zip files, which workbooks and archives are: no member is unpacked before its size is known to be allowed.

Source: APPNOTE.TXT 4.3.7 (local file headers), 4.3.12 (the directory), 4.4.4 (flags).
"""

from __future__ import annotations

import io
import zipfile
import zlib

MAX_MEMBERS = 10_000
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER = b"PK\x03\x04"
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ZipDamaged(Exception):
    """A zip file is not whole, or not sound; in words."""


class ZipFile:
    """An opened zip file.

    Args:
        body: its bytes.

    Raises:
        ZipDamaged: it has no directory of what is in it, a broken one, or one of too many members.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        if (entries := body.count(_DIRECTORY_ENTRY)) > MAX_MEMBERS:  # before any of them takes memory
            raise ZipDamaged(f"{entries} members, {MAX_MEMBERS} at most may be in it")
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                self.members = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
            # No directory, or a broken one; a version of zip that Python does not know; a name that is no text. What
            # else zipfile may raise is none of these, and is said of the file as what it is.
            raise ZipDamaged(str(error)) from None
        self.size_bytes = sum(member.file_size for member in self.members)

    @property
    def is_encrypted(self) -> bool:
        """Whether some of it needs a password."""
        return any(member.flag_bits & _ENCRYPTED for member in self.members)

    @property
    def is_deflated(self) -> bool:
        """Whether all of it is stored or deflated, as nearly all zip files are."""
        return all(member.compress_type in _METHODS for member in self.members)

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """A member, no more of which is unpacked than it says to have.

        Raises:
            ZipDamaged: it is not as large as it says, or damaged.
        """
        header = self._body[member.header_offset : member.header_offset + _LOCAL_HEADER_BYTES]
        if not header.startswith(_LOCAL_HEADER):
            raise ZipDamaged(f"{member.filename} is not where the directory says")
        names = sum(int.from_bytes(header[place : place + 2], "little") for place in (26, 28))
        start = member.header_offset + _LOCAL_HEADER_BYTES + names
        packed = memoryview(self._body)[start : start + member.compress_size]
        text = bytes(packed) if member.compress_type == zipfile.ZIP_STORED else _inflate(member, packed)
        if len(text) != member.file_size:
            raise ZipDamaged(f"{member.filename} is not as large as it says")
        if zlib.crc32(text) != member.CRC:
            raise ZipDamaged(f"{member.filename} has another checksum than the directory says")
        return text


def _inflate(member: zipfile.ZipInfo, packed: memoryview) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.file_size + 1)
    except zlib.error as error:
        raise ZipDamaged(f"{member.filename}: {error}") from None
