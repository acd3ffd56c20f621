"""The long way through a file: each physical line is looked at, so that no quote can join or hide rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from flows.model.finding_frame import make_notes
from flows.model.tables import LINE

_FIRST_DATA_LINE = 2


@dataclass(frozen=True)
class SplitText:
    """The rows of a file after the long way.

    Args:
        text: UTF-8, the sound rows, each ended by a line end.
        lines: the physical line where each of them starts.
        data_rows: how many rows were seen, those with notes included.
        notes: problems on single lines.
    """

    text: bytes
    lines: pl.Series
    data_rows: int
    notes: pl.DataFrame


class QuoteRules:
    """How quotes may stand in a line: a field is quoted whole or not at all, and quotes inside are doubled.

    Args:
        delimiter: between fields.
        multiline: whether a quoted field may hold line ends.
    Source: RFC 4180, section 2.
    """

    def __init__(self, delimiter: str, multiline: bool) -> None:
        d = re.escape(delimiter)
        quoted, open_quoted = r'"(?:[^"]|"")*"', r'"(?:[^"]|"")*'
        fields = rf'(?:[^"{d}]*|{quoted})'
        bare, whole = rf'[^"{d}\r\n]*+', r'"(?:[^"\r\n]|"")*+"'
        row = rf"(?:{whole}|{bare})(?:{d}(?:{whole}|{bare}))*+\r?\n"
        self.sound_rows = re.compile(f"(?:{row})*+".encode())
        self.multiline = multiline
        self.sound = rf"^{fields}(?:{d}{fields})*$"
        self.begins_quoted = rf'(?:^|{d})"'
        self.opens = rf"^(?:{fields}{d})*{open_quoted}$"
        self.stays_open = rf'^(?:[^"]|"")*(?:"(?:{d}{fields})*{d}{open_quoted})?$'
        self.closes = rf'^(?:[^"]|"")*"(?:{d}{fields})*$'


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


def split_lines(text: str, rules: QuoteRules) -> SplitText:
    """Split the text below a header into sound rows and notes on all other lines."""
    lines = _physical_lines(text)
    quotations = _find_quotations(lines, rules)
    lines = _mark_hurt(lines, quotations, rules)
    if rules.multiline and quotations.spans:
        lines = _join_spans(lines, quotations.spans)
    lines = lines.with_columns(_fault(rules).alias("rule"))
    kept = lines.filter(pl.col("rule").is_null())
    joined = kept["raw"].str.join("\n").item() + "\n" if kept.height else ""
    faults = lines.filter(pl.col("rule").is_not_null())
    expected = pl.col("rule").replace_strict(_EXPECTED, return_dtype=pl.String)
    notes = make_notes(faults.drop("raw"), raw=pl.col("text"), expected=expected)
    return SplitText(joined.encode(), kept[LINE], lines.height, notes)


_EXPECTED = {
    "quote": "fields quoted whole, inner quotes doubled, closed on their line unless format.multiline",
    "line_end": r"lines that end with \n or \r\n",
    "blank_line": "a row",
    "encoding": "no byte order mark inside the file",
}


def _physical_lines(text: str) -> pl.DataFrame:
    raw = pl.Series("raw", [text]).str.split("\n").explode()
    if not text or text.endswith("\n"):
        raw = raw.head(-1)
    return pl.DataFrame([raw]).with_columns(
        pl.int_range(_FIRST_DATA_LINE, pl.len() + _FIRST_DATA_LINE, dtype=pl.UInt32).alias(LINE),
        pl.col("raw").str.strip_suffix("\r").alias("text"),
    )


def _find_quotations(lines: pl.DataFrame, rules: QuoteRules) -> Quotations:
    text = pl.col("text")
    quoted = lines.with_row_index("at").filter(text.str.contains('"', literal=True))
    quoted = quoted.with_columns(text.str.contains(rules.sound).alias("sound"))
    if quoted["sound"].all():
        return Quotations()
    facts = quoted.select(
        "at",
        "sound",
        odd=text.str.count_matches('"', literal=True) % 2 == 1,
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


def _join_spans(lines: pl.DataFrame, spans: list[tuple[int, int]]) -> pl.DataFrame:
    """One row per record: the lines of a quotation become one."""
    follows = [at for first, last in spans for at in range(first + 1, last + 1)]
    record = (~pl.int_range(pl.len()).is_in(follows)).cum_sum()
    joined = lines.group_by(record.alias("record"), maintain_order=True).agg(
        pl.col(LINE).first(), pl.col("hurt").first(), pl.col("raw").str.join("\n")
    )
    return joined.with_columns(pl.col("raw").str.strip_suffix("\r").alias("text"))


def _fault(rules: QuoteRules) -> pl.Expr:
    """The rule that a line or record breaks, or null."""
    text = pl.col("text")
    unquoted = text.str.replace_all(r'"(?:[^"]|"")*"', "") if rules.multiline else text
    return (
        pl.when(pl.col("hurt"))
        .then(pl.lit("quote"))
        .when(text == "")
        .then(pl.lit("blank_line"))
        .when(unquoted.str.contains("\r", literal=True))
        .then(pl.lit("line_end"))
        .when(text.str.starts_with("\ufeff"))
        .then(pl.lit("encoding"))
    )
