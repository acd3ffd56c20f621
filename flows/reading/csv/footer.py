"""What stands below the rows of a text file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flows.model.formats import Csv
from flows.model.tolerances import Tolerance
from flows.reading.byte_checks import count_lines
from flows.reading.csv.dialect import Dialect
from flows.reading.footer_lines import MAX_FOOTER, FooterLines, TrailerLine


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
        self._footer = FooterLines(csv.footer)

    def find(self, text: bytes, top: int, line: int) -> Footer:
        """The footer of a text, from its last line up to the first one that is none.

        Args:
            text: the text.
            top: where its rows begin.
            line: the physical line of that.

        Raises:
            FileRefused: a trailer is missing, or stands there twice.
        """
        if not self._footer:
            return Footer(len(text))
        found = list(self._from_below(text, top))
        if not any(raw.strip() for _, raw in found):
            found = []
        start = found[-1][0] if found else len(text)
        number = line + count_lines(text[top:start]) if found else line
        lines = [(number + place, raw) for place, (_, raw) in enumerate(reversed(found))]
        return Footer(start, self._footer.trailers(lines), self._footer.tolerated(lines))

    def _from_below(self, text: bytes, top: int) -> Iterator[tuple[int, str]]:
        """The lines at the end that are none of the rows, the last one first, each with its place."""
        end, count = len(text), 0
        while end > top and count < MAX_FOOTER:
            start = max(text.rfind(b"\n", top, end - 1) + 1, top)
            raw = self._dialect.outer(text[start:end].decode(errors="replace").rstrip("\r\n"))
            if raw.strip() and not self._footer.takes(raw):
                return
            yield start, raw
            end, count = start, count + 1
