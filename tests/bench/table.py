"""The result as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows with a target, in Markdown; one that was not measured says why."""
    lines = ["| what | measured | target |", "|---|---|---|"]
    lines += [f"| {row['what']} | {_measured(row)} | {_target(row)} |" for row in rows if row["target"] is not None]
    return "\n".join(lines) + "\n"


def put_into_page(page: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the table between its two marks."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    replace_text(page, f"{before}{BEGIN}\n{table(rows)}{END}{after}")


def replace_text(file: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written; what was there is left.
    """
    complete = file.with_name(f".{file.name}.new")
    try:
        complete.write_text(text, encoding="utf-8")
        complete.replace(file)
    finally:
        complete.unlink(missing_ok=True)


def _measured(row: dict[str, Any]) -> str:
    if row["ours"] is None:
        return str(row["note"]).replace("|", "\\|")
    if row["ratio"] is None:
        return f"{row['ours']:.2g} {row['unit']}"
    return f"{row['ratio']:.2g} × {row['peer']}"


def _target(row: dict[str, Any]) -> str:
    at_most = f"≤ {row['target']:.2g}" + ("" if row["peer"] else f" {row['unit']}")
    return f"{at_most}, missed" if row["met"] is False else at_most
