"""How a connection shows itself: its datasets, and how new they are."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_COLUMNS = ("dataset", "rows", "last loaded", "waiting", "stale")


def _cells(status: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{each['rows']:,}",
            each["last_loaded_utc"] or "never",
            f"{each['waiting']:,}",
            f"{each['stale']:,}",
        )
        for name, each in status["datasets"].items()
    ]


def text_of(url: str, status: Mapping[str, Any]) -> str:
    """In lines."""
    lines = (f"  {', '.join(f'{what} {cell}' for what, cell in zip(_COLUMNS, row, strict=True))}"
             for row in _cells(status))  # fmt: skip
    return "\n".join([f"Cubefeed at {url}", *lines])


def html_of(url: str, status: Mapping[str, Any]) -> str:
    """As a notebook shows it."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in _cells(status))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<p>Cubefeed at <a href='{escape(url)}'>{escape(url)}</a></p><table><tr>{head}</tr>{body}</table>"
