"""Compressed bodies, known by their first bytes whatever the file's name says."""

from __future__ import annotations

import bz2
import lzma
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Literal, Self

import pyarrow as pa

from flows.landing.packed_end import BZIP2, GZIP, XZ, ZSTD, is_packed
from flows.reading.refusal import FileRefused

MAX_RATIO = 1_000
"""Bytes that each byte of a compressed file may hold. Deliveries hold 3 to 100; gzip cannot hold more than 1,032, while
88 KB of zstd can hold a gigabyte."""
FREE_BYTES = 16 << 20
"""So many may come out of any file: a small one of equal rows is compressed further than all others, at little cost."""
_PIECE_BYTES = 1 << 20
type Codec = Literal["gzip", "zstd", "bz2", "xz"]
_CODECS: dict[bytes, Codec] = {GZIP: "gzip", ZSTD: "zstd", BZIP2: "bz2", XZ: "xz"}
_EXPECTED = "text, perhaps as gzip, zstd, bzip2 or xz"
_XZ_BYTES = 128 << 20
"""What the dictionary of an xz file may take in memory: twice what the strongest level needs."""
_TAR, _TAR_PLACE = b"ustar", 257
_ZIP_WAYS = "; archives=Zip() takes archives, format=Excel() reads workbooks"
_BINARIES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PK\x05\x06": "an empty zip archive",
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


def unpack(body: bytes, max_bytes: int, room_bytes: int = sys.maxsize) -> bytes:
    """The body decompressed, if it is gzip, zstd, bzip2 or xz, of any number of members, frames or streams.

    It stops at the limit: no more than that is ever in memory. The time grows with the bytes that go in and come out.

    Args:
        body: the file's bytes.
        max_bytes: a larger text is refused.
        room_bytes: a larger one is not read to its end; whoever asks has to refuse it.

    Raises:
        FileRefused: `compression`, `size` or `ratio` (after decompression), or `binary` (another format).
    """
    if is_packed(body):
        codec = next(name for magic, name in _CODECS.items() if body.startswith(magic))
        body = _decompress(body, codec, max_bytes, room_bytes)
        if is_packed(body):
            raise FileRefused("binary", raw="compressed twice", expected=_EXPECTED)
    if (name := name_binary(body)) is not None:
        raise FileRefused("binary", raw=name, expected=_EXPECTED + (_ZIP_WAYS if _is_zip(body) else ""))
    return body


def _is_zip(body: bytes) -> bool:
    return body.startswith(b"PK")


def name_binary(body: bytes) -> str | None:
    """What a body is by its first bytes, if it is no text."""
    if body.startswith(_TAR, _TAR_PLACE):
        return f"{_TAR!r}: a tar archive"
    names = (f"{magic!r}: {meaning}" for magic, meaning in _BINARIES.items() if body.startswith(magic))
    return next(names, None)


def check_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a body that is larger than the dataset allows."""
    if size_bytes > max_bytes:
        raise size_refused(f"more than {max_bytes} bytes", max_bytes)


def check_ratio(packed_bytes: int, unpacked_bytes: int) -> None:
    """Refuse a body that is packed further than any delivery is."""
    fits = _fitting_bytes(packed_bytes)
    if unpacked_bytes > fits:
        expected = f"at most {FREE_BYTES} bytes or {MAX_RATIO} times its own; deliver it as text, or in smaller files"
        raise FileRefused("ratio", raw=f"{packed_bytes} bytes that unpack to more than {fits}", expected=expected)


def _fitting_bytes(packed_bytes: int) -> int:
    return max(FREE_BYTES, MAX_RATIO * packed_bytes)


def size_refused(raw: str, max_bytes: int) -> FileRefused:
    """The refusal of a file that is larger than the dataset allows."""
    expected = f"at most {max_bytes} bytes; split the file, or raise the dataset's limits.file_bytes"
    return FileRefused("size", raw=raw, expected=expected)


class _Streams:
    """The text of streams that stand one behind the other in a file, piece by piece."""

    def __init__(self, body: bytes, begin: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]) -> None:
        self._rest, self._begin, self._stream = body, begin, begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def read(self, size: int) -> bytes:
        """So many bytes or fewer; none at the end."""
        while True:
            if self._stream.eof:
                self._rest, self._stream = self._stream.unused_data.lstrip(b"\0"), self._begin()
                if not self._rest:
                    return b""
            if self._stream.needs_input and not self._rest:
                raise EOFError("the file ends before its text does")
            piece, self._rest = self._stream.decompress(self._rest, size), b""
            if piece:
                return piece


def _stream(body: bytes, codec: Codec) -> _Streams | pa.CompressedInputStream:
    match codec:
        case "gzip" | "zstd":
            return pa.CompressedInputStream(pa.BufferReader(body), codec)
        case "bz2":
            return _Streams(body, bz2.BZ2Decompressor)
        case "xz":
            return _Streams(body, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_XZ_BYTES))


def _decompress(body: bytes, codec: Codec, max_bytes: int, room_bytes: int) -> bytes:
    limit = min(max_bytes, _fitting_bytes(len(body)), room_bytes)
    text = BytesIO()  # which gives its bytes away without copying them
    try:
        with _stream(body, codec) as stream:
            while text.tell() <= limit and (piece := stream.read(min(_PIECE_BYTES, limit + 1 - text.tell()))):
                text.write(piece)
    except (OSError, EOFError, lzma.LZMAError) as error:
        expected = f"complete {codec} streams and nothing else"
        raise FileRefused("compression", raw=str(error), expected=expected) from None
    check_size(text.tell(), max_bytes)
    check_ratio(len(body), text.tell())
    return text.getvalue()
