"""Numbers and their nouns in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    """The verb of so many things in the past."""
    return "was" if number == 1 else "were"
