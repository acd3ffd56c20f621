"""The long way through a file: each physical line is looked at, so that no quote can join or hide rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from flows.model.finding_frame import make_notes
from flows.model.formats import Csv
from flows.model.tables import LINE
from flows.model.tolerances import Tolerance
from flows.reading.csv.dialect import Dialect
from flows.text.plural import counted

_NO_QUOTE = "\0"
"""In place of a quote where there is none: no text has it."""


@dataclass(frozen=True)
class SplitText:
    """The rows of a file after the long way.

    Args:
        text: UTF-8, the sound rows, each ended by a line end.
        lines: the physical line where each of them starts.
        data_rows: how many rows were seen, those with notes included.
        notes: problems on single lines.
        tolerated: lines that are no rows.
    """

    text: bytes
    lines: pl.Series
    data_rows: int
    notes: pl.DataFrame
    tolerated: tuple[Tolerance, ...] = ()


class QuoteRules:
    """How quotes may stand in a line: a field is quoted whole or not at all, and quotes inside are doubled.

    Where there is an escape character they are asked of lines in which it and what it escapes are replaced.

    Args:
        dialect: the marks of the files.
    Source: RFC 4180, section 2.
    """

    def __init__(self, dialect: Dialect) -> None:
        d, q = re.escape(dialect.inner_delimiter), re.escape(dialect.quote or _NO_QUOTE)
        gap = _blanks(dialect) if dialect.padded else ""
        quoted, open_quoted = rf"{q}(?:[^{q}]|{q}{q})*{q}", rf"{q}(?:[^{q}]|{q}{q})*"
        fields = rf"(?:[^{q}{d}]*|{gap}{quoted}{gap})"
        bare, whole = rf"[^{q}{d}\r\n]*+", rf"{q}(?:[^{q}\r\n]|{q}{q})*+{q}"
        row = rf"(?:{whole}|{bare})(?:{d}(?:{whole}|{bare}))*+\r?\n"
        self._sound_rows = re.compile(f"(?:{row})*+".encode())
        self.quote = dialect.quote
        self._escape = dialect.escape
        self.multiline = dialect.multiline
        self.sound = rf"^{fields}(?:{d}{fields})*$"
        self.begins_quoted = rf"(?:^|{d}){gap}{q}"
        self.opens = rf"^(?:{fields}{d})*{gap}{open_quoted}$"
        self.stays_open = rf"^(?:[^{q}]|{q}{q})*(?:{q}{gap}(?:{d}{fields})*{d}{gap}{open_quoted})?$"
        self.closes = rf"^(?:[^{q}]|{q}{q})*{q}{gap}(?:{d}{fields})*$"
        self.inner_quoted = quoted
        self.escaped = rf"{re.escape(dialect.escape)}." if dialect.escape else None
        self.dangling = rf"{re.escape(dialect.escape)}(?:\n|$)" if dialect.escape else None
        self.padded_quotes = _padded_quotes(dialect) if dialect.quote and dialect.padded else None

    def stand_in(self, text: bytes) -> bool:
        """Whether there are quotes in a text, or escapes."""
        return any(mark is not None and mark.encode() in text for mark in (self.quote, self._escape))

    def are_sound(self, rows: bytes | memoryview) -> bool:
        """Whether at a glance each row of some has sound quotes, and no escapes."""
        return self._escape is None and self._sound_rows.fullmatch(rows) is not None


def _padded_quotes(dialect: Dialect) -> re.Pattern[str]:
    """A field of a sound line with the blanks around it, if it is quoted."""
    d, q, e = (re.escape(mark or "") for mark in (dialect.inner_delimiter, dialect.quote, dialect.escape))
    inside = rf"(?:[^{q}{e}]|{e}.)*" if e else rf"(?:[^{q}]|{q}{q})*"
    bare = rf"(?:[^{q}{d}{e}]|{e}.)*" if e else rf"[^{q}{d}]*"
    gap = _blanks(dialect)
    return re.compile(rf"(^|{d})(?:{gap}({q}{inside}{q}){gap}|({bare}))(?={d}|\Z)", re.DOTALL)


def _blanks(dialect: Dialect) -> str:
    """A pattern of the blanks around a quoted cell; a delimiter is none of them."""
    return " *" if dialect.inner_delimiter == "\t" else r"[ \t]*"


@dataclass(frozen=True)
class LineLayout:
    """What lines may be besides rows.

    Args:
        comment: how lines begin that are left out.
        skips_blanks: whether lines without any text are left out, or refused.
        blank: a pattern of such a line.
        trailing: what every row ends with besides, if anything.
    """

    comment: str | None
    skips_blanks: bool
    blank: str
    trailing: str | None

    @classmethod
    def of(cls, csv: Csv, dialect: Dialect) -> LineLayout:
        """The layout that a format declares."""
        d = dialect.inner_delimiter
        blank = rf"^[{re.escape(d)}\s]*$"
        return cls(csv.comment, csv.blank_lines == "skip", blank, d if csv.trailing_delimiter else None)

    def may_be_rows(self, rows: bytes) -> bool:
        """Whether no line of some can be a comment, or one to be left out."""
        comment = self.comment.encode() if self.comment is not None else None
        if comment is not None and (rows.startswith(comment) or b"\n" + comment in rows):
            return False
        return not (self.skips_blanks and re.search(f"(?m){self.blank}".encode(), rows))

    def without_trailing(self, rows: bytes | memoryview, count: int) -> bytes | memoryview | None:
        """So many rows without the delimiter at their ends; None where one has none."""
        if self.trailing is None:
            return rows
        mark, text = self.trailing.encode(), bytes(rows)
        if text.count(mark + b"\n") + text.count(mark + b"\r\n") != count:
            return None
        return text.replace(mark + b"\n", b"\n").replace(mark + b"\r\n", b"\r\n")


@dataclass
class Quotations:
    """Lines whose quotes do not pair up by themselves; lines count from 0 here.

    Args:
        stray: a quote where none may stand, which can concern no other line.
        spans: first and last line of a quoted field that goes over line ends.
        doubtful: from this line on nobody can say where rows begin; None if there is no such line.
    """

    stray: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    doubtful: int | None = None


def split_lines(text: str, rules: QuoteRules, layout: LineLayout, first_line: int) -> SplitText:
    """Split the text below a header into sound rows and notes on all other lines.

    Args:
        text: the rows, with the delimiter that parsers take.
        rules: how quotes may stand in them.
        layout: what else their lines may be.
        first_line: the physical line where the text begins.
    """
    lines, comments = _without_comments(_physical_lines(text, rules, first_line), layout)
    quotations = _find_quotations(lines, rules)
    lines = _mark_hurt(lines, quotations, rules)
    if rules.multiline and quotations.spans:
        lines = _join_spans(lines, quotations.spans, rules)
    lines = lines.with_columns(_fault(rules, layout).alias("rule"))
    lines, blanks = _without_blanks(lines, layout)
    kept = _rows(lines.filter(pl.col("rule").is_null()), rules, layout)
    joined = kept["raw"].str.join("\n").item() + "\n" if kept.height else ""
    faults = lines.filter(pl.col("rule").is_not_null())
    expected = pl.col("rule").replace_strict(_EXPECTED, return_dtype=pl.String)
    notes = make_notes(faults.drop("raw"), raw=pl.col("text"), expected=expected)
    return SplitText(joined.encode(), kept[LINE], lines.height, notes, (*comments, *blanks))


_EXPECTED = {
    "quote": "fields quoted whole, inner quotes doubled, closed on their line unless format.multiline",
    "escape": "a character after the escape",
    "delimiter": "a delimiter at the end of the row",
    "line_end": r"lines that end with \n or \r\n",
    "blank_line": "a row",
    "encoding": "no byte order mark inside the file",
}


def _physical_lines(text: str, rules: QuoteRules, first_line: int) -> pl.DataFrame:
    raw = pl.Series("raw", [text]).str.split("\n").explode()
    if not text or text.endswith("\n"):
        raw = raw.head(-1)
    number = pl.int_range(first_line, pl.len() + first_line, dtype=pl.UInt32).alias(LINE)
    return _with_text(pl.DataFrame([raw]).with_columns(number), rules)


def _with_text(lines: pl.DataFrame, rules: QuoteRules) -> pl.DataFrame:
    """Lines with their text, and the same without what is escaped, of which the quote rules are asked."""
    lines = lines.with_columns(pl.col("raw").str.strip_suffix("\r").alias("text"))
    text = pl.col("text")
    return lines.with_columns(masked=text if rules.escaped is None else text.str.replace_all(rules.escaped, "__"))


def _without_comments(lines: pl.DataFrame, layout: LineLayout) -> tuple[pl.DataFrame, tuple[Tolerance, ...]]:
    if layout.comment is None:
        return lines, ()
    is_comment = pl.col("text").str.starts_with(layout.comment)
    return lines.filter(~is_comment), _tolerated("comment", "comment", lines.filter(is_comment))


def _without_blanks(lines: pl.DataFrame, layout: LineLayout) -> tuple[pl.DataFrame, tuple[Tolerance, ...]]:
    if not layout.skips_blanks:
        return lines, ()
    is_blank = (pl.col("rule") == "blank_line").fill_null(False)
    return lines.filter(~is_blank), _tolerated("blank line", "blank line", lines.filter(is_blank))


def _tolerated(kind: str, noun: str, lines: pl.DataFrame) -> tuple[Tolerance, ...]:
    if lines.is_empty():
        return ()
    count, first, raw = lines.height, lines[LINE][0], str(lines["text"][0])
    return (Tolerance(kind, f"{counted(count, noun)} left out, the first on line {first}", count, raw or None),)


def _rows(kept: pl.DataFrame, rules: QuoteRules, layout: LineLayout) -> pl.DataFrame:
    """The sound lines as parsers take them: without the delimiter at their end, and without blanks around quotes."""
    if layout.trailing is not None:
        kept = kept.with_columns(pl.col("text").str.strip_suffix(layout.trailing)).with_columns(raw=pl.col("text"))
    if rules.padded_quotes is None or not kept["raw"].str.contains(rules.quote or "", literal=True).any():
        return kept
    cell = rules.padded_quotes
    trimmed = [cell.sub(r"\1\2\3", line) if (rules.quote or "") in line else line for line in kept["text"]]
    return kept.with_columns(pl.Series("raw", trimmed, pl.String))


def _find_quotations(lines: pl.DataFrame, rules: QuoteRules) -> Quotations:
    if rules.quote is None:
        return Quotations()
    text = pl.col("masked")
    quoted = lines.with_row_index("at").filter(text.str.contains(rules.quote, literal=True))
    quoted = quoted.with_columns(text.str.contains(rules.sound).alias("sound"))
    if quoted["sound"].all():
        return Quotations()
    facts = quoted.select(
        "at",
        "sound",
        odd=text.str.count_matches(rules.quote, literal=True) % 2 == 1,
        begins=text.str.contains(rules.begins_quoted),
        opens=text.str.contains(rules.opens),
        stays=text.str.contains(rules.stays_open),
        closes=text.str.contains(rules.closes),
    )
    return _walk(facts.iter_rows())


def _walk(quoted: Iterable[tuple[int, bool, bool, bool, bool, bool, bool]]) -> Quotations:
    """Follow the quotes from line to line; an odd number of them opens or closes a quotation.

    A line with an even number that is not sound may still have opened one. It counts as closed unless an
    odd line comes after it: then the two may be the ends of one quotation.
    """
    found = Quotations()
    start: int | None = None
    unclear: int | None = None
    for at, sound, odd, begins, opens, stays, closes in quoted:
        if start is not None:
            if odd and closes:
                found.spans.append((start, at))
                start = None
            elif odd or not stays:
                break
        elif odd and unclear is not None:
            start = unclear
            break
        elif odd and begins:
            start = at
            if not opens:
                break
        elif not sound:
            found.stray.append(at)
            unclear = at if begins and unclear is None else unclear
    found.doubtful = start
    return found


def _mark_hurt(lines: pl.DataFrame, quotations: Quotations, rules: QuoteRules) -> pl.DataFrame:
    stray = list(quotations.stray)
    if not rules.multiline:
        stray.extend(at for first, last in quotations.spans for at in range(first, last + 1))
    at = pl.int_range(pl.len())
    hurt = at.is_in(stray) if stray else pl.lit(False)
    return lines.with_columns(hurt=hurt if quotations.doubtful is None else hurt | (at >= quotations.doubtful))


def _join_spans(lines: pl.DataFrame, spans: list[tuple[int, int]], rules: QuoteRules) -> pl.DataFrame:
    """One row per record: the lines of a quotation become one."""
    follows = [at for first, last in spans for at in range(first + 1, last + 1)]
    record = (~pl.int_range(pl.len()).is_in(follows)).cum_sum()
    joined = lines.group_by(record.alias("record"), maintain_order=True).agg(
        pl.col(LINE).first(), pl.col("hurt").first(), pl.col("raw").str.join("\n")
    )
    return _with_text(joined, rules)


def _fault(rules: QuoteRules, layout: LineLayout) -> pl.Expr:
    """The rule that a line or record breaks, or null."""
    text, masked = pl.col("text"), pl.col("masked")
    unquoted = masked.str.replace_all(rules.inner_quoted, "") if rules.multiline and rules.quote else masked
    return (
        pl.when(pl.col("hurt"))
        .then(pl.lit("quote"))
        .when(text.str.contains(layout.blank) if layout.skips_blanks else text == "")
        .then(pl.lit("blank_line"))
        .when(unquoted.str.contains("\r", literal=True))
        .then(pl.lit("line_end"))
        .when(text.str.starts_with("\ufeff"))
        .then(pl.lit("encoding"))
        .when(masked.str.contains(rules.dangling) if rules.dangling else pl.lit(False))
        .then(pl.lit("escape"))
        .when(~masked.str.ends_with(layout.trailing) if layout.trailing else pl.lit(False))
        .then(pl.lit("delimiter"))
    )
