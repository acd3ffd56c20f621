"""Whether a compressed file is there up to its end, as its own format says."""

from __future__ import annotations

import os
import zlib

GZIP, ZSTD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
"""How such files begin."""
PACKED = (GZIP, ZSTD, BZIP2, XZ)
_PIECE_BYTES = 1 << 20
_GZIP_BYTES = 64 << 20
"""Nothing but the whole text says where gzip ends: in a larger file it is not looked for."""
_ZSTD_BLOCKS = 100_000
_ZSTD_SKIPPED = 0x184D2A5
_ZSTD_DICTIONARY = (0, 1, 2, 4)
_ZSTD_SIZE = (0, 2, 4, 8)
_BZIP2_END = 0x177245385090
_XZ_FOOTER_BYTES = 12


def is_packed(body: bytes) -> bool:
    """Whether a file begins like one that is compressed."""
    return body.startswith(PACKED)


def has_packed_end(file: int, size: int, head: bytes) -> bool:
    """Whether an opened file has its end; one that is damaged has no other to wait for.

    Args:
        file: a compressed one.
        size: how many bytes it has.
        head: the first of them.
    """
    if head.startswith(GZIP):
        return size > _GZIP_BYTES or _ends_gzip(file)
    if head.startswith(ZSTD):
        return _ends_zstd(file, size)
    if head.startswith(BZIP2):
        return _ends_bzip2(os.pread(file, 11, max(size - 11, 0)))
    return _ends_xz(os.pread(file, _PIECE_BYTES, max(size - _PIECE_BYTES, 0)))


def _ends_gzip(file: int) -> bool:
    """Each member ends where its own stream says, and then there is another one or nothing.

    Source: RFC 1952, 2.2.
    """
    place, member, rest = 0, zlib.decompressobj(16 + zlib.MAX_WBITS), b""
    while rest := rest or os.pread(file, _PIECE_BYTES, place):
        place += 0 if member.unconsumed_tail or member.unused_data else len(rest)
        try:
            member.decompress(rest, _PIECE_BYTES)
        except zlib.error:
            return True
        rest = member.unconsumed_tail
        if member.eof:
            rest, member = member.unused_data, zlib.decompressobj(16 + zlib.MAX_WBITS)
            rest = rest or os.pread(file, _PIECE_BYTES, place)
            if not rest:
                return True
    return False


def _ends_zstd(file: int, size: int) -> bool:
    """The blocks of each frame say how long they are, and which is the last.

    Source: RFC 8878, 3.1.
    """
    place = blocks = 0
    while place < size:
        head = os.pread(file, 8, place)
        if head[:4] != ZSTD:
            if int.from_bytes(head[:4], "little") >> 4 != _ZSTD_SKIPPED:
                return len(head) >= 4
            place += 8 + int.from_bytes(head[4:], "little")
            continue
        if len(head) < 5:
            return False
        flags = head[4]
        single = flags >> 5 & 1
        place += 5 + (not single) + _ZSTD_DICTIONARY[flags & 3] + (_ZSTD_SIZE[flags >> 6] or single)
        last = False
        while not last:
            block = int.from_bytes(os.pread(file, 3, place), "little")
            last, blocks = bool(block & 1), blocks + 1
            place += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
            if place > size or blocks > _ZSTD_BLOCKS:
                return place <= size
        place += 4 * (flags >> 2 & 1)
    return place == size


def _ends_bzip2(tail: bytes) -> bool:
    """The last block is followed by a sign of its own and a sum, at any bit. Source: bzip2, `compress.c`."""
    bits = int.from_bytes(tail)
    return any(bits >> (32 + shift) & ((1 << 48) - 1) == _BZIP2_END for shift in range(8))


def _ends_xz(tail: bytes) -> bool:
    """A stream ends with a footer, perhaps with zeros behind it. Source: the .xz file format, 2.1.2 and 2.2."""
    footer = tail.rstrip(b"\0")[-_XZ_FOOTER_BYTES:]
    right = len(footer) == _XZ_FOOTER_BYTES and footer.endswith(b"YZ")
    return right and zlib.crc32(footer[4:10]) == int.from_bytes(footer[:4], "little")
