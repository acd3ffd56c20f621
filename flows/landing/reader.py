"""Reads a settled file once, and makes sure that it did not change meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from dataclasses import dataclass

from flows.core.dataset import Dataset
from flows.core.files import Landed, Signature

_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ELOOP)


@dataclass(frozen=True)
class Read:
    """The bytes of one file version.

    Args:
        landed: the file as it was claimed.
        signature: as it was while it was read.
        body: its bytes; None where it is larger than the dataset allows.
        digest: sha256 of the bytes and of the values taken from the file's name.
    """

    landed: Landed
    signature: Signature
    body: bytes | None
    digest: bytes


def read_file(dataset: Dataset, landed: Landed) -> Read | str:
    """Read a file; or say why it cannot be read now and must be looked at again."""
    full = os.path.join(os.fsencode(dataset.directory.absolute()), landed.path)
    try:
        with open(full, "rb", buffering=0) as file:
            before = Signature.of(os.fstat(file.fileno()))
            if before.size_bytes > dataset.max_bytes:
                return Read(landed, before, None, hashlib.sha256(repr(before).encode()).digest())
            body = file.readall()
            after = Signature.of(os.fstat(file.fileno()))
    except OSError as error:
        return "it is gone" if error.errno in _VANISHED else f"it cannot be read ({error.strerror})"
    if before != after or len(body) != before.size_bytes:
        return "it changed while it was read"
    return Read(landed, before, body, _digest(dataset, landed.path, body))


def _digest(dataset: Dataset, path: bytes, body: bytes) -> bytes:
    digest = hashlib.sha256(body)
    if dataset.from_name:
        found = re.fullmatch(dataset.from_name, os.fsdecode(os.path.basename(path)))
        values = found.groupdict() if found else {}
        digest.update(b"\0" + repr(sorted(values.items())).encode("utf-8", "surrogateescape"))
    return digest.digest()
