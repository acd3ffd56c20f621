"""What the files of a dataset may take: on the disk, in memory, in the quarantine."""

from __future__ import annotations

from dataclasses import dataclass

from flows.model.declaration import require

LEAST_QUARANTINE_DAYS = 30
"""Refused bytes that lie nowhere else are kept so long in any case: a month's close finds them."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the files of a dataset may take.

    Args:
        file_bytes: a larger file, also after decompression, is quarantined before it is read; so is an archive whose
            members are larger together.
        read_memory_bytes: most memory that its files may take while they are read, all of a batch together; None takes
            a third of what this machine or container has. A file that needs more is quarantined before it is tried.
        quarantine_bytes: how much of what was refused is kept; by default two of the largest files. Bytes that lie
            nowhere else go last, and not within 30 days.
        quarantine_days: how long it is kept, 30 or more; by default a quarter, as backups are.
    """

    file_bytes: int = 1 << 30
    read_memory_bytes: int | None = None
    quarantine_bytes: int = 2 << 30
    quarantine_days: int = 90

    def __post_init__(self) -> None:
        _check_least("file_bytes", self.file_bytes, 1, "a positive number of bytes")
        _check_least("read_memory_bytes", self.read_memory_bytes, 1, "a positive number of bytes")
        _check_least("quarantine_bytes", self.quarantine_bytes, 0, "0 or more bytes")
        _check_least("quarantine_days", self.quarantine_days, LEAST_QUARANTINE_DAYS, f"{LEAST_QUARANTINE_DAYS} or more")


def _check_least(name: str, value: int | None, least: int, expected: str) -> None:
    require(value is None or value >= least, f"limits.{name}", expected, value)
