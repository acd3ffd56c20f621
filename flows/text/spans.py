"""Spans of time in words."""

from __future__ import annotations

_UNITS = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"))


def lasted(seconds: float) -> str:
    """How long something took, in its two largest units: `8 s`, `2 min 5 s`, `1 day 3 h`."""
    left = max(round(seconds), 0)
    words: list[tuple[int, str]] = []
    for length, unit in _UNITS:
        number, left = divmod(left, length)
        if number or words:
            words.append((number, f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''}"))
    return " ".join(text for number, text in words[:2] if number) or "less than a second"
