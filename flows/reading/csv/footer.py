"""What stands below the rows of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flows.model.formats import Csv
from flows.model.tolerances import Tolerance
from flows.model.trailer import ROWS, Trailer
from flows.reading.byte_checks import count_lines
from flows.reading.csv.dialect import Dialect
from flows.reading.refusal import FileRefused
from flows.text.plural import counted

MAX_FOOTER = 1_000
"""Lines that may stand below the rows."""


@dataclass(frozen=True)
class TrailerLine:
    """What a line below the rows says of them.

    Args:
        line: its physical line.
        raw: its text.
        rows: how many there are; None where it does not say.
        sums: column → what all of its values are together.
    """

    line: int
    raw: str
    rows: str | None
    sums: Mapping[str, str]


@dataclass(frozen=True)
class Footer:
    """What stands below the rows.

    Args:
        start: where it begins in the text.
        trailers: what its lines say of the rows.
        tolerated: its lines.
    """

    start: int
    trailers: tuple[TrailerLine, ...] = ()
    tolerated: tuple[Tolerance, ...] = ()


class FooterRules:
    """What may stand below the rows of a dataset's files."""

    def __init__(self, csv: Csv, dialect: Dialect) -> None:
        self._dialect = dialect
        self._lines = [re.compile(each) for each in csv.footer if isinstance(each, str)]
        self._trailers = {re.compile(each.pattern): each for each in csv.footer if isinstance(each, Trailer)}

    def find(self, text: bytes, top: int, line: int) -> Footer:
        """The footer of a text, from its last line up to the first one that is none.

        Args:
            text: the text.
            top: where its rows begin.
            line: the physical line of that.

        Raises:
            FileRefused: a trailer is missing, or stands there twice.
        """
        if not (self._lines or self._trailers):
            return Footer(len(text))
        found = list(self._from_below(text, top))
        if not any(raw.strip() for _, raw in found):
            found = []
        start = found[-1][0] if found else len(text)
        number = line + count_lines(text[top:start]) if found else line
        lines = [(number + place, raw) for place, (_, raw) in enumerate(reversed(found))]
        trailers = tuple(self._read_trailers(lines))
        return Footer(start, trailers, tuple(_tolerated(lines)))

    def _from_below(self, text: bytes, top: int) -> Iterator[tuple[int, str]]:
        """The lines at the end that are none of the rows, the last one first, each with its place."""
        end, count = len(text), 0
        while end > top and count < MAX_FOOTER:
            start = max(text.rfind(b"\n", top, end - 1) + 1, top)
            raw = self._dialect.outer(text[start:end].decode(errors="replace").rstrip("\r\n"))
            if raw.strip() and not any(each.fullmatch(raw) for each in (*self._lines, *self._trailers)):
                return
            yield start, raw
            end, count = start, count + 1

    def _read_trailers(self, lines: list[tuple[int, str]]) -> Iterator[TrailerLine]:
        for pattern, trailer in self._trailers.items():
            fitting = [(number, found) for number, raw in lines if (found := pattern.fullmatch(raw))]
            if len(fitting) != 1:
                line, raw = (fitting[1][0], fitting[1][1][0]) if fitting else (None, "no such line")
                raise FileRefused("trailer", line=line, raw=raw, expected=f"one line that matches {pattern.pattern}")
            number, found = fitting[0]
            says = {group: value or "" for group, value in found.groupdict().items()}
            sums = {column: says[group] for group, column in trailer.columns.items()}
            yield TrailerLine(number, found[0], says.get(ROWS) if ROWS not in trailer.sums else None, sums)


def _tolerated(lines: list[tuple[int, str]]) -> Iterator[Tolerance]:
    if lines:
        first, raw = next(each for each in lines if each[1].strip())
        yield Tolerance("footer", f"{counted(len(lines), 'footer line')} left out, line {first}", len(lines), raw)
