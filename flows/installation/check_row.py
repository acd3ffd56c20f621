"""What a check of `doctor` has found."""

from __future__ import annotations

from typing import Literal

Result = Literal["ok", "warn", "fail"]
Row = dict[str, str]


def check_row(check: str, result: Result, found: str, next_step: str = "") -> Row:
    """A row: the check, its result, what was found, and what to do next."""
    return {"check": check, "result": result, "found": found, "next": next_step}
