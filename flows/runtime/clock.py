"""Times as the ledger writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> str:
    """The time now, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
