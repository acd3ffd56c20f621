"""Which one option would take the lines that a file is refused for: tried on the file before a finding says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flows.errors import DeclarationError
from flows.landing.packed_end import is_packed
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.findings import FileFindings, Finding
from flows.model.formats import Csv
from flows.model.header import Header
from flows.reading.csv.dialect import csv_of
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.cost import TooCostly
from flows.validation.raw_rows import RawRows

_RULES = ("header", "ragged", "quote", "blank_line")
"""What an option about lines may be the remedy of."""
_HEAD_BYTES = 1 << 16
"""Of a larger file options are tried on so much from its beginning."""
_COMMENT = re.compile(r"#|//|--|%")
_VALUE = re.compile(r"[-+]?\d[\d.,:/ -]*")
"""A number or a day, which is hardly the name of a column."""
_END_MARK = "\x1a"
_TOTAL = re.compile(r"(?:grand )?(?:sub)?total\w*|sums?|summe|gesamt\w*|somme", re.IGNORECASE)
"""How a line below the rows begins that adds them up."""

type _Option = tuple[str, Csv]
"""What an option does, as its author writes it, and the format with it."""


def with_hints(dataset: Dataset, sources: Sequence[Source], rows: RawRows) -> RawRows:
    """What was read, where findings on lines say the one option that would take these, if one would.

    Args:
        dataset: the declaration.
        sources: the files.
        rows: what was read of them.
    """
    if not any(_asked(found) for found in rows.found):
        return rows
    form, tried = csv_of(dataset), dict[tuple[str, str], tuple[Csv, list[int]]]()
    for file, found in enumerate(rows.found):
        for finding in _asked(found):
            if (finding.line or 0) > _last_line(rows.bodies[file]):
                continue
            for words, other in _options(form, finding):
                tried.setdefault((finding.rule, words), (other, []))[1].append(file)
    remedies = dict[int, dict[str, str]]()
    for (rule, words), (other, files) in tried.items():
        left = [file for file in files if rule not in remedies.get(file, ()) and not is_packed(rows.bodies[file])]
        heads = [Source(sources[file].path, _head(rows.bodies[file]), opened=True) for file in left]
        for file, found in zip(left, _found_with(dataset, other, heads), strict=False):
            if _takes(found, rows.found[file], rule):
                remedies.setdefault(file, {})[rule] = words
    told = [
        _told(found, remedies[file], _last_line(rows.bodies[file])) if file in remedies else found
        for file, found in enumerate(rows.found)
    ]
    return replace(rows, found=tuple(told))


def _asked(found: FileFindings) -> list[Finding]:
    """The first finding of each rule for which an option is looked for: none where one is named already."""
    first = {each.rule: each for each in reversed(found.findings) if each.rule in _RULES and each.line is not None}
    return [each for each in first.values() if "takes it" not in (each.expected or "")]


def _options(form: Csv, finding: Finding) -> Iterator[_Option]:
    """The options that could take a line, the likeliest first."""
    for words, change in _changes(form, finding.rule, finding.raw or ""):
        try:
            yield words, replace(form, **change)
        except DeclarationError:  # it does not go together with the others
            continue


def _changes(form: Csv, rule: str, line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    quote = form.quote
    if rule == "header" and form.header is not None:
        if line.startswith("sep="):
            yield _change("sep_line", True)
        if (mark := _COMMENT.match(line)) is not None and form.comment is None:
            yield _change("comment", mark[0])
        cells = line.split(form.delimiter)
        if form.preamble == 0 and not (len(cells) > 1 and all(cells)):  # else it may be a row, which would be left out
            yield _change("preamble", "header")
        if form.header == Header() and len(set(cells)) < len(cells):
            yield 'Csv(header=Header(by="position")) takes it', {"header": Header(by="position")}
        if any(map(_VALUE.fullmatch, cells)):
            yield "Csv(header=None) takes it, if it has none", {"header": None}
    if rule == "blank_line":
        yield _change("blank_lines", "skip")
    if rule == "ragged" and not form.trailing_delimiter and line.endswith(form.delimiter):
        yield _change("trailing_delimiter", True)
    if rule == "ragged" and (below := _below(line, form.delimiter)) is not None:
        yield _change("footer", (*form.footer, below))
    if "\\" in line and form.escape is None and quote is not None:
        yield _change("escape", "\\")
    if "'" in line and quote == '"' and rule != "quote":
        yield _change("quote", "'")
    if quote is not None and line.count(quote) % 2 and not form.multiline:
        yield _change("multiline", True)
    if rule == "quote":
        yield _change("quote", None)


def _change(name: str, value: object) -> tuple[str, dict[str, Any]]:
    return f"Csv({name}={value!r}) takes it", {name: value}


def _below(line: str, delimiter: str) -> str | None:
    """The pattern of a line that by its text stands below the rows."""
    if line == _END_MARK:
        return _END_MARK
    first = line.partition(delimiter)[0].strip()
    found = _TOTAL.match(first)
    return f"{re.escape(found[0])}.*" if found is not None and line.startswith(found[0]) else None


def _head(body: bytes) -> bytes:
    return body if len(body) <= _HEAD_BYTES else body[: body.rfind(b"\n", 0, _HEAD_BYTES) + 1]


def _last_line(body: bytes) -> int:
    """The last line on which options are tried."""
    return _head(body).count(b"\n") + (len(body) <= _HEAD_BYTES)


def _found_with(dataset: Dataset, form: Csv, heads: Sequence[Source]) -> Sequence[FileFindings]:
    """What is found in files that are read with another format; nothing where that takes too much memory."""
    if not heads:
        return ()
    other = replace(dataset, format=form, pattern=dataset.pattern, completeness=Completeness())
    try:
        read = parse(other, heads)
    except TooCostly:
        return ()
    lost = _lost(dataset, form)
    return [
        found.with_refusal(Finding("lost"), "rows would become others") if lost and lost.search(head.body) else found
        for head, found in zip(heads, read.found, strict=True)
    ]


def _lost(dataset: Dataset, form: Csv) -> re.Pattern[bytes] | None:
    """What a file may not have because it would become text: quotes that are sound now, or a header further below."""
    if form.quote is None:
        return re.compile(rb"(?:^|\n|" + re.escape(form.delimiter.encode()) + rb')"')
    if form.header is None:
        return re.compile(re.escape(form.delimiter.join(dataset.header).encode()))
    return None


def _takes(found: FileFindings, before: FileFindings, rule: str) -> bool:
    """Whether a file that is read otherwise has nothing wrong that it had not, and no longer this."""
    if found.refusal is not None or any(each.rule == rule for each in found.findings):
        return False
    return before.refusal is not None or set(found.refused_lines) < set(before.refused_lines)


def _told(found: FileFindings, remedies: dict[str, str], last_line: int) -> FileFindings:
    """The findings, those up to a line with the options that take them."""
    findings, refusal = list[Finding](), found.refusal
    for each in found.findings:
        if each.rule in remedies and each.line is not None and each.line <= last_line:
            more = f"{each.expected}; {remedies[each.rule]}"
            refusal = refusal and refusal.replace(f"expected {each.expected}, got", f"expected {more}, got")
            findings.append(replace(each, expected=more))
        else:
            findings.append(each)
    return replace(found, findings=tuple(findings), refusal=refusal)
