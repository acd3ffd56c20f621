"""The lines that may stand below the rows of a file, and what they say of these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flows.model.tolerances import Tolerance
from flows.model.trailer import ROWS, Trailer
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


class FooterLines:
    """The lines that a dataset's files may have below their rows.

    Args:
        footer: as it is declared.
        unit: what a line of such a file is called.
    """

    def __init__(self, footer: Sequence[str | Trailer], unit: str = "line") -> None:
        self._unit = unit
        lines = [re.compile(each) for each in footer if isinstance(each, str)]
        self._trailers = {re.compile(each.pattern): each for each in footer if isinstance(each, Trailer)}
        self._all = (*lines, *self._trailers)

    def __bool__(self) -> bool:
        return bool(self._all)

    def takes(self, raw: str) -> bool:
        """Whether a line is one of them."""
        return any(each.fullmatch(raw) for each in self._all)

    def trailers(self, lines: Sequence[tuple[int, str]]) -> tuple[TrailerLine, ...]:
        """What the lines below the rows, each with its number, say of these.

        Raises:
            FileRefused: a trailer is missing, or stands there twice.
        """
        return tuple(self._read_trailers(lines))

    def tolerated(self, lines: Sequence[tuple[int, str]]) -> tuple[Tolerance, ...]:
        """The lines as what was let pass."""
        if not lines:
            return ()
        first, raw = next(each for each in lines if each[1].strip())
        words = f"{counted(len(lines), f'footer {self._unit}')} left out, {self._unit} {first}"
        return (Tolerance("footer", words, len(lines), raw),)

    def _read_trailers(self, lines: Sequence[tuple[int, str]]) -> Iterator[TrailerLine]:
        for pattern, trailer in self._trailers.items():
            fitting = [(number, found) for number, raw in lines if (found := pattern.fullmatch(raw))]
            if len(fitting) != 1:
                line, raw = (fitting[1][0], fitting[1][1][0]) if fitting else (None, f"no such {self._unit}")
                expected = f"one {self._unit} that matches {pattern.pattern}"
                raise FileRefused("trailer", line=line, raw=raw, expected=expected)
            number, found = fitting[0]
            says = {group: value or "" for group, value in found.groupdict().items()}
            sums = {column: says[group] for group, column in trailer.columns.items()}
            yield TrailerLine(number, found[0], says.get(ROWS) if ROWS not in trailer.sums else None, sums)
