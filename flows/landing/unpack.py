"""Compressed bodies, known by their first bytes whatever the file's name says."""

from __future__ import annotations

import zlib

import pyarrow as pa

from flows.landing.refusal import FileRefused

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BINARIES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PK\x05\x06": "an empty zip archive",
    b"\xfd7zXZ\x00": "an xz file",
    b"BZh": "a bzip2 file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"%PDF-": "a PDF",
    b"SQLite format 3\x00": "a SQLite database",
    b"\x7fELF": "a program",
    b"\x89PNG": "an image",
}


def unpack(body: bytes, max_bytes: int) -> bytes:
    """The body decompressed, if it is gzip or zstd.

    Raises:
        FileRefused: `compression`, `size` (after decompression), or `binary` (another format).
    """
    if body.startswith((_GZIP, _ZSTD)):
        body = _gunzip(body, max_bytes) if body.startswith(_GZIP) else _unzstd(body, max_bytes)
        if body.startswith((_GZIP, _ZSTD)):
            raise FileRefused("binary", raw="compressed twice", expected="text, gzip or zstd")
    for magic, meaning in _BINARIES.items():
        if body.startswith(magic):
            raise FileRefused("binary", raw=f"{magic!r}: {meaning}", expected="text, gzip or zstd")
    return body


def check_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a body that is larger than the dataset allows."""
    if size_bytes > max_bytes:
        raise FileRefused("size", raw=f"more than {max_bytes} bytes", expected=f"at most {max_bytes} bytes")


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    room, rest = max_bytes + 1, body
    while rest and room:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, room)
        except zlib.error as error:
            raise _broken("gzip", str(error)) from None
        parts.append(part)
        room -= len(part)
        if room and not member.eof:
            raise _broken("gzip", "the stream ends too early")
        rest = member.unused_data
    check_size(sum(map(len, parts)), max_bytes)
    return b"".join(parts)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            text: bytes = stream.read(max_bytes + 1)
    except OSError as error:
        raise _broken("zstd", str(error)) from None
    check_size(len(text), max_bytes)
    return text


def _broken(codec: str, told: str) -> FileRefused:
    return FileRefused("compression", raw=told, expected=f"complete {codec} streams and nothing else")
