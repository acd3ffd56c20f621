"""Refused rows of files that are no text, as people and programs can read them: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from flows.model.tables import LINE


def json_rows(rows: Iterable[tuple[int, Mapping[str, object]]]) -> bytes:
    """Rows with their numbers in the file as JSON lines; values that JSON has no word for are written as text."""
    texts = (json_row({LINE: line, **row}) for line, row in rows)
    return "".join(f"{text}\n" for text in texts).encode(errors="backslashreplace")


def json_row(row: Mapping[str, object]) -> str:
    """A row as JSON."""
    return json.dumps(row, default=str, ensure_ascii=False)
