"""Which lines of a text are its header, and which stand above it and below the rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flows.inference.marks import Marks, modal_width, split_line

_HEAD_LINES = 200
"""Lines among which a header is looked for."""
_TAIL_LINES = 50
"""Lines that may stand below the rows."""
_NUMBER = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d.,:'/\-\s\u00a0]*\s?[%)]?[^\w\s]?-?(\s?[A-Z]{3})?")
_TOTAL = re.compile(
    r"\W*(grand[ -]?total|sub[ -]?total|total|totals|sum|summe|gesamt|gesamtsumme|insgesamt|ergebnis|saldo|somme|"
    r"totaal|totale|suma|balance|end|ende|eof|trailer|rows|records|count|anzahl)\b.*",
    re.IGNORECASE,
)
"""Words with which people begin the line below the rows."""
_SENTENCE = re.compile(r"[^\W\d_]{2,}.*(?:\s.*\S|:)")
"""Several words, as no row of several cells is that was cut off."""
_YEAR = re.compile(r"(?:19|20)\d\d")
_RULE = re.compile(r"[^\w\s]{3,}|_{3,}")
"""A line of signs, as one draws it below a table."""
_COMMENT = re.compile(r"\s*(#|//)")


@dataclass(frozen=True)
class Layout:
    """What the lines of a text are.

    Args:
        header: the texts of the header's cells; None where the first line is a row already.
        width: cells of a row.
        above: lines above the header, after one that names the delimiter.
        below: lines below the rows that are none, blank ones left out.
        last: the last line above these that is not blank.
        sep_line: whether the first line names the delimiter.
        blank: whether there are blank lines among the rows.
        comment: how lines among the rows begin that are none.
        trailing: whether rows end with a delimiter.
    """

    header: tuple[str, ...] | None
    width: int
    above: int
    below: tuple[str, ...]
    last: str
    sep_line: bool
    blank: bool
    comment: str | None
    trailing: bool

    @property
    def names(self) -> tuple[str, ...] | None:
        """The texts of the header as they are compared; None where there is none."""
        return None if self.header is None else tuple(map(header_text, self.header))


def find_layout(text: str, marks: Marks) -> Layout | None:
    """The layout of a text, None where it has no rows of one width."""
    lines = text.splitlines() if "\r" not in text else text.replace("\r\n", "\n").split("\n")
    sep_line = bool(lines) and re.fullmatch("sep=.+", lines[0]) is not None
    lines = lines[1:] if sep_line else lines
    lines = list(_records(lines, marks.quote)) if marks.multiline and marks.quote is not None else lines
    comment = _comment(lines, marks)
    head = [_cells(line, marks, comment) for line in lines[:_HEAD_LINES]]
    width = modal_width([cells for cells in head if cells])
    start = next((place for place, cells in enumerate(head) if _fits(cells, width)), None)
    if start is None:
        return None
    first = head[start]
    trailing = _is_trailing(head[start:], width)
    if trailing and start and len(head[start - 1]) == width - 1 and is_header(head[start - 1]):
        start, first = start - 1, head[start - 1]  # the header alone does not end with a delimiter
    names = first[:-1] if trailing and first[-1] == "" else first
    header = tuple(names) if is_header(names) else None
    if header is None and (any(head[:start]) or not any(map(_NUMBER.fullmatch, names))):
        return None  # neither names, one of which is empty or there twice, nor values; or lines above that are no rows
    rows = lines[start + (header is not None) :]
    below = _below(rows, width, marks)
    kept = rows[: len(rows) - len(below)]
    return Layout(
        header=header,
        width=width - trailing,
        above=start if header is not None else 0,
        below=tuple(line for line in below if line.strip()),
        last=next((line for line in reversed(kept) if line.strip()), ""),
        sep_line=sep_line,
        blank=any(not line.strip() for line in kept[:-1]),
        comment=comment if comment is not None and any(line.startswith(comment) for line in kept) else None,
        trailing=trailing,
    )


def _records(lines: Iterable[str], quote: str) -> Iterator[str]:
    """Lines, of which those that a quoted cell goes over are one."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if sum(each.count(quote) for each in held) % 2 == 0:
            yield "\n".join(held)
            held = []
    yield from held


def header_text(cell: str) -> str:
    """The text of a header's cell as it is compared, blanks around it left out."""
    return unicodedata.normalize("NFC", cell.strip())


def footer_patterns(lines: Sequence[str]) -> tuple[str, ...]:
    """Regular expressions for lines below the rows, in which each number may be another one."""
    return tuple(dict.fromkeys(_pattern(line) for line in lines))


def total_word(line: str) -> str | None:
    """The word with which a line begins that sums rows up, with the signs before it; None where it is no such line."""
    found = re.match(r"\W*[^\W\d_]+", line)
    return found[0] if found is not None and _TOTAL.match(line) else None


def _pattern(line: str) -> str:
    word = total_word(line)
    if word is not None:
        return f"{escaped(line[: len(word) + 1])}.*"
    return re.sub(r"\d+", r"\\d+", escaped(line))


def escaped(text: str) -> str:
    """A text as a regular expression, as people write it."""
    return re.sub(r"\\([ ;,:#&~'/=-])", r"\1", re.escape(text))


def _cells(line: str, marks: Marks, comment: str | None) -> list[str]:
    """The cells of a line; none where it is blank or a comment."""
    if not line.strip() or (comment is not None and line.startswith(comment)):
        return []
    return split_line(line, marks)


def _fits(cells: Sequence[str], width: int) -> bool:
    """Whether a line may be the header or a row: as wide as rows, or a cell less where these end with a delimiter."""
    named = [cell for cell in cells if cell.strip()]
    return len(cells) == width and (len(named) >= width - 1 or any(map(_NUMBER.fullmatch, named)))


def _is_trailing(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the last cell of all rows is empty, and has no name."""
    even = [row for row in rows if len(row) == width]
    return width > 2 and len(even) > 1 and all(row[-1] == "" for row in even)


def is_header(cells: Sequence[str]) -> bool:
    """Whether cells are names: none is empty, none is there twice, and none is a number, or several are years in their
    order."""
    names = [cell.strip() for cell in cells]
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    years = (
        len(numbers) > 1 and all(map(_YEAR.fullmatch, numbers)) and numbers in (sorted(numbers), sorted(numbers)[::-1])
    )
    return all(names) and len(set(names)) == len(names) and (not numbers or (years and len(numbers) < len(names)))


def _below(rows: Sequence[str], width: int, marks: Marks) -> list[str]:
    """The lines at the end that are no rows."""
    found, firsts = 0, [split_line(line, marks)[0] for line in rows[:_HEAD_LINES][:-1] if line.strip()]
    numbered = are_numbers(firsts)
    for place in range(1, min(len(rows), _TAIL_LINES) + 1):
        line = rows[-place]
        cells = split_line(line, marks) if line.strip() else []
        if is_total(cells, width, numbered=numbered) or (len(cells) == 1 < width and is_remark(line)):
            found = place
        elif cells:
            break
    return list(rows[len(rows) - found :])


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether cells are numbers, and there are some."""
    return bool(cells) and all(map(_NUMBER.fullmatch, cells))


def is_remark(line: str) -> bool:
    """Whether a line of one cell is no row."""
    return _SENTENCE.search(line) is not None or _RULE.fullmatch(line.strip()) is not None


def is_total(cells: Sequence[str], width: int, *, numbered: bool) -> bool:
    """Whether a line sums rows up: it begins with such a word, and is shorter than they are, or leaves cells empty, or
    all of them begin with numbers."""
    named = [cell for cell in cells if cell.strip()]
    short = len(named) < len(cells) or len(cells) < width or numbered
    return short and bool(named) and _TOTAL.fullmatch(named[0]) is not None


def _comment(lines: Sequence[str], marks: Marks) -> str | None:
    """How lines begin that are comments: as wide as no row."""
    head = [line for line in lines[:_HEAD_LINES] if line.strip()]
    width = modal_width([split_line(line, marks) for line in head])
    marked = [(line, found[1]) for line in head if (found := _COMMENT.match(line))]
    begins = {begin for _, begin in marked}
    as_wide = any(len(split_line(line, marks)) == width for line, _ in marked)
    return min(begins) if len(begins) == 1 and not as_wide else None
