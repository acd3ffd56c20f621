"""Checksums of the files that are kept."""

from __future__ import annotations

import hashlib
from io import BufferedRandom, BufferedReader
from pathlib import Path


def checksum(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as opened:
        return checksum_of(opened)


def checksum_of(opened: BufferedReader | BufferedRandom) -> str:
    """The sha256 of what an open file holds from here on."""
    return hashlib.file_digest(opened, "sha256").hexdigest()
