"""Text from files, made harmless in what it is put into."""

from __future__ import annotations

import html
import re

from flows.errors import plain

_PUNCTUATION = re.compile(r"[\\`*_{}\[\]#|~!@$]|:(?=/)")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def markup(text: object) -> str:
    """Text safe in HTML, between tags and in quoted attributes."""
    return html.escape(plain(text), quote=True)


def markdown(text: object) -> str:
    """Text safe in markdown, in a table's cell too: it makes no markup, no HTML and no link, also none by itself."""
    safe = _PUNCTUATION.sub(r"\\\g<0>", plain("" if text is None else text))
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?i)\b(www)\.", r"\1\\.", safe)


def formula(text: str) -> str:
    """Text that a spreadsheet shows and does not compute.

    Only for text columns of report downloads: people open those in a spreadsheet. Quarantined files are kept byte for
    byte, and what commands print with `--format csv` is read by programs: both stay as they are. Numbers do too, or
    `-3` would become a text.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text
