"""The delimiter, the quotes and the layout by which the reader takes the samples without a finding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from flows.errors import QueryError
from flows.inference.encodings import Texts
from flows.inference.layout import Layout, escaped, find_layout, footer_patterns
from flows.inference.marks import Marks, rank_delimiters, rank_marks
from flows.inference.samples import Sample
from flows.inference.text_table import TextTable, header_of, read_text, trial_names
from flows.model.formats import Csv
from flows.runtime.progress import show_progress

_DELIMITERS = 4
"""Delimiters that are tried, the best first."""
_PATTERNS = 6
"""Different lines below the rows that are named one by one."""


@dataclass(frozen=True)
class FoundLayout:
    """How the samples are laid out.

    Args:
        form: how they are written, cells apart.
        names: the texts of all headers, blanks around them left out.
        layouts: of each file.
        table: what the reader makes of them.
        padded: whether there are blanks around names.
    """

    form: Csv
    names: tuple[str, ...]
    layouts: tuple[Layout, ...]
    table: TextTable
    padded: bool


def search_layout(samples: Sequence[Sample], texts: Texts, delimiter: str | None) -> FoundLayout:
    """The first layout that is proved: the reader takes all of the samples. Where none is, the one with the fewest
    findings, which the check of the declaration shows.

    Raises:
        QueryError: there are no rows of one width.
    """
    _check_texts(samples, texts.texts)
    found = list[FoundLayout]()
    for marks in _candidates(texts.texts, delimiter):
        show_progress()
        layouts = [find_layout(text, marks) for text in texts.texts]
        sound = tuple(layout for layout in layouts if layout is not None)
        if len(sound) < len(layouts) or not _agree(sound):
            continue
        if not any(layout.last for layout in sound) and any(layout.above for layout in sound):
            continue  # a line below others, with no row below it, is no header
        found.append(_read(samples, texts, marks, sound))
        if found[-1].table.findings == 0:
            return found[-1]
    if not found:
        raise QueryError(
            "The files have no rows of one width, no common column, a column without a name, or two of one name",
            next_step="name the delimiter with --delimiter, or leave out the files that are of another kind",
            file=samples[0].file,
        )
    return min(found, key=lambda each: each.table.findings)


def _check_texts(samples: Sequence[Sample], texts: Sequence[str]) -> None:
    """Refuse files without any text."""
    empty = [sample.file for sample, text in zip(samples, texts, strict=True) if not text.strip()]
    if empty:
        raise QueryError(
            "A file is empty, not even a header stands in it",
            next_step="leave it out: a session refuses it too",
            file=empty[0],
            files=len(empty),
        )


def _candidates(texts: Sequence[str], delimiter: str | None) -> Iterator[Marks]:
    ranked = rank_delimiters(texts, delimiter)[:_DELIMITERS]
    return chain.from_iterable(rank_marks(each, texts) for each in ranked)


def _agree(layouts: Sequence[Layout]) -> bool:
    """Whether all files have a header, each with a column that another one has too, or none and rows of one width."""
    widths = {layout.width for layout in layouts if layout.header is None}
    if not widths:
        return _share_columns([{*(layout.names or ())} for layout in layouts])
    return len(widths) == 1 and all(layout.header is None for layout in layouts)


def _share_columns(headers: Sequence[set[str]]) -> bool:
    counts = Counter(chain.from_iterable(headers))
    return len(headers) == 1 or all(any(counts[name] > 1 for name in header) for header in headers)


def _read(samples: Sequence[Sample], texts: Texts, marks: Marks, layouts: tuple[Layout, ...]) -> FoundLayout:
    headers = [layout.names for layout in layouts]
    names = _all_names(headers, layouts[0].width)
    form = _form(texts, marks, layouts)
    columns = trial_names(len(names))
    padded = any(name != name.strip() for layout in layouts for name in layout.header or ())
    header = header_of(names, headers, columns, strip=padded)
    table = read_text(samples, names, replace(form, header=header))
    return FoundLayout(form, names, layouts, table, padded)


def _form(texts: Texts, marks: Marks, layouts: Sequence[Layout]) -> Csv:
    comments = {layout.comment for layout in layouts if layout.comment is not None}
    above = any(layout.above for layout in layouts)
    return Csv(
        delimiter=marks.delimiter,
        quote=marks.quote,
        escape=marks.escape,
        multiline=marks.multiline,
        encoding=texts.encodings[0] if len(texts.encodings) == 1 else texts.encodings,
        sep_line=any(layout.sep_line for layout in layouts),
        comment=min(comments) if comments and not marks.multiline else None,
        preamble="header" if above and layouts[0].header is not None else 0,
        footer=_footer(layouts),
        blank_lines="skip" if any(layout.blank for layout in layouts) else "refuse",
        trailing_delimiter=any(layout.trailing for layout in layouts),
    )


def _footer(layouts: Sequence[Layout]) -> tuple[str, ...]:
    """Patterns for what stands below the rows; none where one would take a row too, which the check shows then."""
    lines = [line for layout in layouts for line in layout.below]
    patterns = footer_patterns(lines)
    if len(patterns) > _PATTERNS:
        patterns = tuple(dict.fromkeys(f"{escaped(line.split()[0])}.*" for line in lines))
    takes_rows = any(re.fullmatch(each, layout.last) for each in patterns for layout in layouts)
    return () if takes_rows else patterns


def _all_names(headers: Sequence[tuple[str, ...] | None], width: int) -> tuple[str, ...]:
    """The texts of all headers, in the order of the newest file, then of others; made up where there are none."""
    named = [header for header in reversed(headers) if header is not None]
    return tuple(dict.fromkeys(chain(*named))) or tuple(f"Column{place}" for place in range(1, width + 1))
