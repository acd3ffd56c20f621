"""Findings as a frame while there may be millions of them; the first of each file become objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from flows.model.findings import MAX_FINDINGS, FileFindings, Finding
from flows.model.tables import FILE, LINE

NOTES = pl.Schema(
    {
        FILE: pl.UInt32,
        LINE: pl.UInt32,
        "rank": pl.UInt32,
        "rule": pl.String,
        "column": pl.String,
        "raw": pl.String,
        "expected": pl.String,
    }
)
"""One finding per row; `rank` orders the findings of one line."""
SHOWN = 200
"""Characters of a raw text that a finding keeps."""
SHOWN_EXPECTED = 1_000
"""Characters that a finding keeps of what would have been right."""


def shorten(text: str) -> str:
    """A raw text as a finding keeps it: what is no text in UTF-8, as a lone surrogate from JSON, is escaped."""
    return text[:SHOWN].encode("utf-8", "backslashreplace").decode()


def make_notes(frame: pl.DataFrame, **columns: pl.Expr | pl.Series) -> pl.DataFrame:
    """Notes from a frame that has some of their columns, others given; the rest are null, `rank` is 0."""
    rest = {name: pl.lit(0 if name == "rank" else None) for name in NOTES if name not in frame.columns}
    return frame.with_columns(**(rest | columns)).select(pl.col(name).cast(NOTES[name]) for name in NOTES)


type RowNote = tuple[int, str, str | None, str | None, str]
"""The line, rule, column, raw text and what was expected instead."""


def row_notes(found: Sequence[RowNote]) -> pl.DataFrame:
    """Notes on the rows of one file, whose number is 0."""
    schema = {name: NOTES[name] for name in (LINE, "rule", "column", "raw", "expected")}
    return make_notes(pl.DataFrame(found, schema=schema, orient="row"), **{FILE: pl.lit(0)})


def first_of_each_file(notes: pl.DataFrame) -> pl.DataFrame:
    """The notes that will be kept, in the order of the lines."""
    ordered = notes.sort(FILE, LINE, "rank", maintain_order=True)
    if ordered.height <= MAX_FINDINGS:
        return ordered
    return ordered.filter(pl.int_range(pl.len()).over(FILE) < MAX_FINDINGS)


def with_notes(
    found: Sequence[FileFindings], notes: pl.DataFrame, *, first: pl.DataFrame | None = None
) -> tuple[FileFindings, ...]:
    """What is found in each file with these notes.

    Args:
        found: what was found before, file by file.
        notes: all of them are counted; at least `_file` and `rule`.
        first: those that become findings, where `notes` has not all their columns.
    """
    counts = dict[int, dict[str, int]]()
    for file, rule, count in notes.group_by(FILE, "rule").len().sort(FILE, "rule").iter_rows():
        counts.setdefault(file, {})[rule] = count
    kept = first_of_each_file(notes if first is None else first).with_columns(pl.col("raw").str.head(SHOWN))
    findings = dict(_findings(kept))
    return tuple(
        each.with_findings(findings.get(file, ()), counts[file]) if file in counts else each
        for file, each in enumerate(found)
    )


def lines_by_file(rows: pl.DataFrame) -> dict[int, list[int]]:
    """The lines of each file in a frame with `_file` and `_line`, sorted, each once."""
    grouped = rows.group_by(FILE).agg(pl.col(LINE).unique().sort())
    return dict(zip(grouped[FILE].to_list(), grouped[LINE].to_list(), strict=True))


def rows_by_file(files: pl.Series) -> dict[int, int]:
    """How many rows each file has; the series is sorted."""
    if files.is_empty():
        return {}
    runs = files.rle().struct.unnest()
    return dict(zip(runs["value"].to_list(), runs["len"].to_list(), strict=True))


def _findings(kept: pl.DataFrame) -> Iterator[tuple[int, list[Finding]]]:
    cells = kept.select(FILE, LINE, "rule", "column", "raw", "expected")
    current, findings = -1, list[Finding]()
    for file, line, rule, column, raw, expected in cells.iter_rows():
        if file != current:
            if findings:
                yield current, findings
            current, findings = file, []
        findings.append(Finding(rule, line, column, raw, expected))
    if findings:
        yield current, findings
