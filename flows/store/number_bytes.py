"""Whole numbers of any size as few bytes: seven bits in each. A number is as it is or its distance from the one before,
whichever is shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def number_bytes(numbers: Iterable[int]) -> bytes:
    """The bytes of numbers, in this order."""
    found, before = bytearray(), 0
    for number in numbers:
        alone, beside = _unsigned(number) << 1, _unsigned(number - before) << 1 | 1
        left, before = min(alone, beside), number
        while left > 0x7F:
            found.append(left & 0x7F | 0x80)
            left >>= 7
        found.append(left)
    return bytes(found)


def numbers_in(found: bytes) -> Iterator[int]:
    """The numbers of such bytes.

    Raises:
        ValueError: the last one is cut off.
    """
    before = left = shift = 0
    for each in found:
        left |= (each & 0x7F) << shift
        shift += 7
        if each > 0x7F:
            continue
        number = _signed(left >> 1)
        before = before + number if left & 1 else number
        yield before
        left = shift = 0
    if shift:
        raise ValueError("a number is cut off")


def _unsigned(number: int) -> int:
    return number << 1 if number >= 0 else -(number << 1) - 1


def _signed(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1
