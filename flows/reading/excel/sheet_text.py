"""What a sheet's own text says that its reader passes over: failed formulas, those nobody has computed, far cells.

Source: ECMA-376, Part 1, 18.3.1.4 (cells): `t="e"` is an error, `f` a formula, `v` its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flows.reading.refusal import FileRefused

_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_REFERENCE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_ERROR = re.compile(rb"""\bt=["']e["']""")
_FORMULA_TEXT = re.compile(rb"""\bt=["']str["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?f>)", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v>(.*?)</(?:\w+:)?v>", re.DOTALL)
_ANY_REFERENCE = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_PLAIN_SHEET = re.compile(rb"<worksheet[\s>]")
_HEAD_BYTES = 1 << 12
"""The root element stands there; where its name has a prefix, those of the cells have it too."""
_MOST_COLUMNS = 1_000
BOX_CELLS = 1 << 20
"""So many cells are read whatever there is in them."""
_LEAST_FILLED = 100
"""Of the cells of a sheet's box at least one in so many has to be there: the reader makes all of them."""


@dataclass(frozen=True)
class FormulaFault:
    """A cell without the value that it should have.

    Args:
        row, column: counted from 0.
        rule: `formula_error`, or `formula` where nobody has computed it.
        raw: the error, or the formula.
    """

    row: int
    column: int
    rule: str
    raw: str


def read_sheet(xml: bytes) -> tuple[FormulaFault, ...]:
    """The cells of a sheet that have an error for a value, or a formula and none.

    Raises:
        FileRefused: cells lie so far from each other that to read the sheet takes far more than it has.
    """
    at_most = _box_at_most(xml)
    if at_most is None or at_most > BOX_CELLS:
        _check_box(xml, at_most)
    if at_most is None or b't="e"' in xml or b"<f" in xml:
        return tuple(_find_faults(xml))
    return ()


def _check_box(xml: bytes, at_most: int | None) -> None:
    cells = xml.count(b"<c ") + (xml.count(b":c ") if at_most is None else 0)
    allowed = max(BOX_CELLS, _LEAST_FILLED * cells)
    if at_most is not None and at_most <= allowed:
        return
    found = {(column_number(letters), int(row)) for letters, row in _ANY_REFERENCE.findall(xml)}
    columns, rows = max((column for column, _ in found), default=0) + 1, max((row for _, row in found), default=0)
    if columns * rows > allowed:
        raw = f"{cells:,} cells as far as column {column_letters(columns - 1)} and row {rows}"
        raise FileRefused("size", raw=raw, expected="cells that lie together; delete those far away")


def _box_at_most(xml: bytes) -> int | None:
    """More cells than these a sheet does not span, found without looking at each by itself; None where its cells are
    written in another way than programs do."""
    if _PLAIN_SHEET.search(xml[:_HEAD_BYTES]) is None:
        return None
    columns, digits, place = {b"A"}, 1, 0
    while (other := _cell_besides(columns, digits).search(xml, place)) is not None:
        if other[1] is None or len(columns) > _MOST_COLUMNS:
            return None
        columns.add(other[1])
        digits, place = max(digits, len(other[2])), other.start()
    widest = max(map(column_number, columns)) + 1
    return widest * int(10**digits)


def _cell_besides(columns: set[bytes], digits: int) -> re.Pattern[bytes]:
    """A cell that is in none of these columns, or in a row of more digits."""
    among = b"|".join(sorted(columns))
    return re.compile(rb'<c (?!r="(?:%s)[0-9]{1,%d}")(?:r="([A-Z]{1,3})([0-9]{1,7})")?' % (among, digits))


def _find_faults(xml: bytes) -> Iterator[FormulaFault]:
    for attributes, content in _CELL.findall(xml):
        place = _REFERENCE.search(attributes)
        if place is None:
            continue
        row, column = int(place[2]) - 1, column_number(place[1])
        value, formula = _VALUE.search(content), _FORMULA.search(content)
        if _ERROR.search(attributes):
            yield FormulaFault(row, column, "formula_error", value[1].decode(errors="replace") if value else "")
        elif formula is not None and (value is None or not value[1]) and not _FORMULA_TEXT.search(attributes):
            yield FormulaFault(row, column, "formula", f"={(formula[1] or b'').decode(errors='replace')}")


def column_number(letters: bytes) -> int:
    """A column counted from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


def column_letters(number: int) -> str:
    """The same back."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
