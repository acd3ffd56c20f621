"""Text files with a delimiter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import ClassVar, Literal

from flows.model.declaration import require, wrong
from flows.model.formats.cell_text import Cells, CellText, Side
from flows.model.formats.end import End
from flows.model.header import Header, Preamble, check_header
from flows.model.numbers import PLAIN_NUMBERS, Numbers
from flows.model.time_forms import FIRST_YEAR
from flows.model.trailer import FooterLine, Trailer, check_footer, trailers_of

_FIRST_OPTIONS = frozenset(
    ("delimiter", "decimal", "encoding", "date_format", "datetime_format", "nulls", "true", "false", "multiline")
)
"""Those that are in every fingerprint, whatever they are: it is written on disks."""


_DECLARED_HEADER = Header()


@dataclass(frozen=True)
class Csv:
    """How the files' text is read. All of it is part of a dataset's fingerprint: where it changes, what was loaded is
    derived anew.

    What a file has of what is allowed here beyond plain rows is counted, and shown with the file.

    Args:
        delimiter: the text between fields, mostly one character.
        decimal: `.` or `,`.
        encoding: a Python codec name, or several that are tried in this order, strictly. A UTF-8 byte order mark is
            accepted and left out.
        date_format: strftime format of Date columns, or several, each of which may be that of a value:
            `("%d.%m.%Y", "%Y-%m-%d")`. A value that two of them read differently is a finding, so that 03/04/2024 is
            never chosen. Names of months may have any case; without a day (`%Y-%m`) it is the first of the month; a
            time of day in it has to be midnight, and is left out.
        datetime_format: the same of Datetime columns. `%f` is six digits of a second, `%.f` a point and one to nine, or
            neither; a value with more than the column holds is a finding. Columns with a time zone may have `%z` at its
            end, for `Z` and offsets such as `+01:00`.
        nulls: cell texts that mean "no value", in every column that `columns` says nothing else of; one that may not be
            null refuses them.
        true: cell texts that mean true in a Bool column.
        false: cell texts that mean false in a Bool column.
        multiline: whether quoted fields may hold line ends. When False a line end inside quotes is a
            finding, since a stray quote looks the same.
        quote: the character around fields, doubled where it stands for itself; None where no character has that
            meaning.
        escape: the character that takes the next one's meaning, in place of doubled quotes; None if there is none.
        comment: how lines begin that are no rows; None if there are none.
        sep_line: whether the first line may name the delimiter, as `sep=;` does for Excel.
        header: what the line above the rows has to be; None where the files have none and the columns come in the
            declared order.
        preamble: how many lines stand above the header, or `"header"`: all above the first one that is the header.
        footer: what stands below the rows: regular expressions, each of which matches a whole line, and `Trailer`s,
            whose groups are checked.
        blank_lines: `refuse` or `skip` lines without any text among the rows.
        padding: whether blanks and tabs at the ends of cells are left out.
        trailing_delimiter: whether each row ends with a delimiter; the header may end with one too.
        ambiguous: `earliest` or `latest`: which of two moments a local time means that the clocks of a column's zone
            have shown twice; None refuses it. One that they have never shown is always refused.
        numbers: what numbers may have besides digits: thousands separators, currencies, percent signs, other signs.
        first_year: the first of the hundred years that `%y` may mean; 1969 is what Python takes: 69 is 1969, 68 is
            2068.
        columns: a column → what is otherwise in its cells.

    A German price list with American dates in one column:

        Csv(
            delimiter=";",
            decimal=",",
            numbers=Numbers(thousands=".", currency=("€",)),
            date_format="%d.%m.%Y",
            columns={"Ordered": Cells(date_format="%m/%d/%Y"), "Rate": Cells(numbers=Numbers(percent="share"))},
        )
    """

    end: ClassVar[End] = "text"
    pattern: ClassVar[str] = "*.csv"

    delimiter: str = ","
    decimal: str = "."
    encoding: str | tuple[str, ...] = "utf-8"
    date_format: str | tuple[str, ...] = "%Y-%m-%d"
    datetime_format: str | tuple[str, ...] = "%Y-%m-%d %H:%M:%S"
    nulls: tuple[str, ...] = ("",)
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    multiline: bool = False
    quote: str | None = '"'
    escape: str | None = None
    comment: str | None = None
    sep_line: bool = False
    header: Header | None = _DECLARED_HEADER
    preamble: Preamble = 0
    footer: tuple[FooterLine, ...] = ()
    blank_lines: Literal["refuse", "skip"] = "refuse"
    padding: bool = False
    trailing_delimiter: bool = False
    ambiguous: Side | None = None
    numbers: Numbers = PLAIN_NUMBERS
    first_year: int = FIRST_YEAR
    columns: Mapping[str, Cells] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        self._check_marks()
        self._check_layout()
        require(
            self.decimal in (".", ",") and self.decimal != self.delimiter,
            "format.decimal",
            "`.` or `,`, and not the delimiter",
            self.decimal,
        )
        for codec in self.encodings:
            try:
                "".encode(codec)  # unlike codecs.lookup it also refuses codecs that give no text
            except LookupError:
                raise wrong("format.encoding", "a codec that Python knows, such as utf-8", codec) from None
        require(bool(self.encodings), "format.encoding", "at least one codec", self.encoding)
        _ = self.cells  # which checks the rest

    def _check_marks(self) -> None:
        marks = [mark for mark in (self.quote, self.escape) if mark is not None]
        for mark in marks:
            usable = len(mark) == 1 and mark.isascii() and mark not in "\r\n\0"
            require(usable, "format.quote and format.escape", "one ASCII character, no line end", mark)
        require(len(set(marks)) == len(marks), "format.escape", "another character than format.quote", self.escape)
        held = not set(self.delimiter) & {*marks, "\r", "\n", "\0"}
        require(
            bool(self.delimiter) and held,
            "format.delimiter",
            "text without quotes, escapes and line ends",
            self.delimiter,
        )
        require(self.comment != "", "format.comment", "a text such as #, or None", self.comment)
        plain = not (self.multiline and self.comment is not None)
        require(plain, "format.comment", "None where format.multiline lets cells hold lines", self.comment)

    def _check_layout(self) -> None:
        check_header(self.header, self.preamble, "lines")
        check_footer(self.footer)
        choices = ("refuse", "skip")
        require(self.blank_lines in choices, "format.blank_lines", "one of refuse, skip", self.blank_lines)

    @property
    def trailers(self) -> tuple[Trailer, ...]:
        """What is checked of what stands below the rows."""
        return trailers_of(self.footer)

    @property
    def encodings(self) -> tuple[str, ...]:
        """The codecs to try, in order."""
        return (self.encoding,) if isinstance(self.encoding, str) else self.encoding

    @property
    def fingerprint(self) -> str:
        """All that decides how a text is read; an option that came later is named where it is no default."""
        plain = Csv()
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        chosen = {n: v for n, v in given.items() if n in _FIRST_OPTIONS or v != getattr(plain, n)}
        if self.columns:
            chosen["columns"] = dict(sorted(self.columns.items()))
        if any(form.is_read_anew for form in self.cells.forms):
            chosen["time_forms"] = 2
        return f"Csv({', '.join(f'{name}={value!r}' for name, value in chosen.items())})"

    @cached_property
    def cells(self) -> CellText:
        """How the text of cells is read."""
        return CellText(
            decimal=self.decimal,
            numbers=self.numbers,
            date_format=self.date_format,
            datetime_format=self.datetime_format,
            ambiguous=self.ambiguous,
            first_year=self.first_year,
            nulls=self.nulls,
            true=self.true,
            false=self.false,
            columns=self.columns,
        )
