"""Text from files, made harmless in what it is put into: one function for each medium.

The terminal has `flows.errors.plain`, which all of these begin with, log lines have `flows.text.output.plain_logs`,
HTML the templates of `flows.web.templates`, and the live page's script a `plain` of its own. JSON is the form for
programs: it has every text exactly as it is.
"""

from __future__ import annotations

import re
from decimal import Decimal

from flows.errors import plain

_PUNCTUATION = re.compile(r"[\\`*{}\[\]#|~!@$]|:(?=/)|(?<![^\W_])_|_(?![^\W_])")
"""What makes markup somewhere. A `_` inside a word makes none (CommonMark 0.31, 6.2), and file names have many."""
_BLOCK = re.compile(r"\s*(?:\d{1,9}(?=[.)](?:\s|$))|(?=[-+=]))")
"""What at the beginning of a line makes it a list, a rule or the heading above it, up to the sign that does so."""
_TRIGGERS = "=+\\-@＝＋－＠"
COMPUTED = rf"[\s\"]*[{_TRIGGERS}]"
"""How a cell begins that a spreadsheet would compute, as a regular expression."""
_FORMULA = re.compile(rf"(?:^|(?<=;))(?={COMPUTED})")
"""Where a cell begins that a spreadsheet would compute. Many of them take a semicolon for the end of a cell, whatever
the file's separator is."""
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
"""A number, as a regular expression, in which letters are large or small."""
_NUMBER = re.compile(NUMBER, re.IGNORECASE)


def markdown(text: object) -> str:
    """Text safe in markdown, as a line or a table's cell: it makes no markup, no block, no HTML, and no link, also none
    by itself."""
    safe = plain("" if text is None else text).strip()
    begins = _BLOCK.match(safe)
    head, rest = (safe[: begins.end()], safe[begins.end() :]) if begins else ("", safe)
    rest = _PUNCTUATION.sub(r"\\\g<0>", rest)
    safe = f"{head}\\{rest}" if begins else rest
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?i)\b(www)\.", r"\1\\.", safe)


def code(text: object) -> str:
    """Text as code in a line of markdown, to be copied as it is."""
    safe = plain(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", safe)), default=0))
    edge = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{fence}{edge}{safe}{edge}{fence}"


def chat(text: object) -> str:
    """Text as a line of a message, whatever shows that: no link, no markup of a link, and nobody is called by it.

    Mail and chats read a text each in its own way, and none takes another's escapes: so what they all look for is
    broken, and stays readable.
    """
    safe = re.sub(r"(?<=\])(?=\()|(?<=:)(?=//)", " ", plain(text))
    return safe.translate({ord("<"): "‹", ord(">"): "›", ord("@"): "＠"})


def spreadsheet(value: object) -> object:
    """A cell of a CSV that a spreadsheet shows and does not compute; in front of what it would, there is a `'`.

    All CSV that this project writes is for people with a spreadsheet, and so is marked: what commands print with
    `--format csv` as much as a report's download. Numbers stay numbers, `-3` too. Programs read JSON, which has each
    text as it is; refused files are kept byte for byte.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    if value is None or isinstance(value, int | float):
        return value
    text = plain(f"{value:f}" if isinstance(value, Decimal) else value)
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)
