"""What separates the cells of a text, and what may stand around them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|", ":", "||", "§", "^", "~", "\x1f", "\x01", "¦", " ")
"""Those that are tried, of equally good ones the first."""
_LINES = 500
"""Lines of a text that are looked at."""
_VALUE = re.compile(
    r"""[-+(]?[€$£]?\s?\d[\d.,'\s\u00a0]*\s?[%€$£)]?-?      # a number
    |\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T\s]+[\d:.,]+\S*)?     # a day, or a moment
    |[\d:]{4,12}(\.\d+)?                                     # a time of day
    |[^\W\d_][\w\s.\-&'/()#+@]*                              # a name
    """,
    re.VERBOSE,
)
"""How cells look that were cut at the right places."""
_QUOTED_LINE_END = re.compile(r'(?:^|[,;\t|])"[^"\r\n]*\r?\n[^"]*"(?=[,;\t|\r\n]|$)')


@dataclass(frozen=True)
class Marks:
    """How the cells of a text are written.

    Args:
        delimiter: between them.
        quote: around them.
        escape: before what it takes the meaning of.
        multiline: whether quoted cells may hold line ends.
    """

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    multiline: bool = False


def rank_delimiters(texts: Sequence[str], wanted: str | None) -> list[str]:
    """The delimiters that give rows of the same width, the best one first; one column where there is none.

    What is measured is how many lines have the most frequent width, and how many of their cells look like values.

    Source: G.J.J. van den Burg et al., "Wrangling messy CSV files by detecting row and type patterns", 2019.
    """
    if wanted is not None:
        return [wanted]
    named = {match[1] for text in texts if (match := re.match("sep=(.+?)\r?\n", text))}
    if named:
        return sorted(named)
    scored = [(_score(texts, each), place, each) for place, each in enumerate(DELIMITERS)]
    found = [each for score, _, each in sorted(scored, key=lambda one: (-one[0], one[1])) if score > 0]
    return found or [","]


def rank_marks(delimiter: str, texts: Sequence[str]) -> Iterator[Marks]:
    """The marks that may go with a delimiter, the simplest first."""
    yield Marks(delimiter)
    if any('"' in text for text in texts):
        if any('\\"' in text for text in texts):
            yield Marks(delimiter, escape="\\")
        if any(_QUOTED_LINE_END.search(text) for text in texts):
            yield Marks(delimiter, multiline=True)
        yield Marks(delimiter, quote=None)
    if any(text.count("'") > 1 for text in texts):
        yield Marks(delimiter, quote="'")


def split_line(line: str, marks: Marks) -> list[str]:
    """The cells of one line, as far as it can be cut."""
    if marks.quote is None or marks.quote not in line or len(marks.delimiter) > 1:
        return line.split(marks.delimiter)
    escape = marks.escape
    try:
        return next(
            csv.reader([line], delimiter=marks.delimiter, quotechar=marks.quote, escapechar=escape,
                       doublequote=escape is None), []
        )  # fmt: skip
    except csv.Error:
        return line.split(marks.delimiter)


def modal_width(rows: Sequence[Sequence[str]]) -> int:
    """The most frequent number of cells, of rows with several where there are such rows."""
    widths = Counter(len(row) for row in rows)
    several = {width: count for width, count in widths.items() if width > 1}
    return max(several or widths, key=lambda width: (widths[width], width), default=1)


def _score(texts: Sequence[str], delimiter: str) -> float:
    return sum(_score_text(text, delimiter) for text in texts) / max(len(texts), 1)


def _score_text(text: str, delimiter: str) -> float:
    lines = [line for line in text[: 1 << 20].splitlines()[:_LINES] if line.strip()]
    rows = [split_line(line, Marks(delimiter)) for line in lines]
    width = modal_width(rows)
    if width < 2:
        return 0.0
    even = [row for row in rows if len(row) == width]
    cells = [cell.strip() for row in even for cell in row]
    values = sum(not cell or _VALUE.fullmatch(cell) is not None for cell in cells)
    filled = sum(bool(cell) for cell in cells)
    return (len(even) / len(rows)) * (values / len(cells)) * float((filled / len(cells)) ** 0.1)
