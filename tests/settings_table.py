"""The README's table of settings, made of their declarations: python -m tests.settings_table writes it."""

from __future__ import annotations

import re

from flows.settings import variables
from tests.repository import ROOT

README = ROOT / "README.md"
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def make_table() -> str:
    """The table as the declarations have it."""
    rows = [f"| `{each.name}` |{each.default and f' {each.default}'} | {each.meaning} |" for each in variables()]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def find_table(text: str) -> str:
    """The table between the markers of a text."""
    (table,) = _TABLE.findall(text)
    return str(table)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(text.replace(find_table(text), make_table()), encoding="utf-8")
