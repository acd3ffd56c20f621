r"""How the cells of a file are told apart, and how that is handed to parsers that take one ASCII character for it.

A delimiter of several characters, or of one that is not ASCII, is replaced by a separator that no text has (`\x1f`, of
old the separator of units) before the lines are looked at, and put back into the cells that hold it between quotes.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.reading.refusal import FileRefused

_SEPARATOR = "\x1f"


def csv_of(dataset: Dataset) -> Csv:
    """How the files of a dataset are written that this room reads."""
    form = dataset.first_format
    assert isinstance(form, Csv)
    return form


@dataclass(frozen=True)
class Dialect:
    """The marks of a dataset's files.

    Args:
        delimiter: as it stands in the files.
        inner_delimiter: the same for parsers.
        quote: around cells, if there is such a character.
        escape: before what it takes the meaning of, if there is such a character.
        multiline: whether quoted cells may hold line ends.
        trailing: whether rows end with a delimiter.
        padded: whether there may be blanks around cells, and so around quotes.
    """

    delimiter: str
    inner_delimiter: str
    quote: str | None
    escape: str | None
    multiline: bool
    trailing: bool
    padded: bool

    @classmethod
    def of(cls, csv: Csv) -> Dialect:
        """The dialect of a format."""
        simple = len(csv.delimiter) == 1 and csv.delimiter.isascii()
        inner = csv.delimiter if simple else _SEPARATOR
        trailing = csv.trailing_delimiter
        return cls(csv.delimiter, inner, csv.quote, csv.escape, csv.multiline, trailing, csv.padding)

    @property
    def translates(self) -> bool:
        """Whether the delimiter is replaced."""
        return self.inner_delimiter != self.delimiter

    def inner(self, text: bytes) -> bytes:
        """A text with the delimiter that parsers take.

        Raises:
            FileRefused: it holds that already.
        """
        if not self.translates:
            return text
        if (place := text.find(_SEPARATOR.encode())) >= 0:
            line = text.count(b"\n", 0, place) + 1
            raise FileRefused("delimiter", line=line, raw=_SEPARATOR, expected="text without the separator U+001F")
        mark, separator = self.delimiter.encode(), self.inner_delimiter.encode()
        found = text.replace(mark, separator)
        if _overlaps_itself(mark) and found != text[::-1].replace(mark[::-1], separator)[::-1]:
            raise self._doubtful(text, mark, separator)
        return found

    def _doubtful(self, text: bytes, mark: bytes, separator: bytes) -> FileRefused:
        """The refusal of a text in which a delimiter may begin at two places, as `||` does in `|||`."""
        number, line = next(
            (number, line)
            for number, line in enumerate(text.split(b"\n"), start=1)
            if line.replace(mark, separator) != line[::-1].replace(mark[::-1], separator)[::-1]
        )
        expected = f"delimiters {self.delimiter!r} that can begin at one place only"
        return FileRefused("delimiter", line=number, raw=line.decode().removesuffix("\r"), expected=expected)

    def outer(self, text: str) -> str:
        """The same back."""
        return text.replace(self.inner_delimiter, self.delimiter) if self.translates else text

    def outer_cell(self, name: str) -> pl.Expr:
        """The same of a column of texts."""
        return pl.col(name).str.replace_all(self.inner_delimiter, self.delimiter, literal=True)


def _overlaps_itself(mark: bytes) -> bool:
    """Whether a text may end as it begins."""
    return any(mark.startswith(mark[place:]) for place in range(1, len(mark)))
