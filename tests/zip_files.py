"""Zip archives for tests: written as most programs do, and as none should."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

type Member = tuple[str | zipfile.ZipInfo, bytes]


def zipped(members: Mapping[str, bytes] | Sequence[Member], *, stored: bool = False) -> bytes:
    """An archive of these members; their times are always the same."""
    listed = list(members.items()) if isinstance(members, Mapping) else list(members)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, body in listed:
            archive.writestr(_info(name) if isinstance(name, str) else name, body, archive.compression)
    return written.getvalue()


def encrypted(body: bytes) -> bytes:
    """The same archive, as if its members had a password."""
    changed = bytearray(body)
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = changed.find(magic)
        while start >= 0:
            changed[start + place] |= 1
            start = changed.find(magic, start + 1)
    return bytes(changed)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o100644 << 16
    return info
