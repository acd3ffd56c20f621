"""Functions of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.term import Kind, Refused, Sheet, Term, no_meaning

_LONGEST = 2**32


def _check(method: str, *terms: Term) -> None:
    if any(term.kind not in (Kind.TEXT, Kind.NOTHING) for term in terms):
        raise no_meaning(f"str.{method}()", *terms, expected="with texts; .cast(pl.String) makes one")


def _written[T](method: str, term: Term, kind: type[T]) -> T:
    """The value of an argument that has to be a literal: one that is checked at the start, for each row the same."""
    if not isinstance(term.constant, kind) or isinstance(term.constant, bool):
        raise Refused(f"str.{method}() by a column", f"with a written {kind.__name__} in it")
    return term.constant


def _plain(method: str) -> Callable[[Sheet, Term], Term]:
    def change(sheet: Sheet, text: Term) -> Term:
        _check(method, text)
        return sheet.term(Kind.TEXT, getattr(text.value.cast(pl.String).str, method)(), text)

    return change


def _by_text(method: str, result: Kind = Kind.TEXT) -> Callable[[Sheet, Term, Term], Term]:
    """One by another text, which may be that of a column."""

    def change(sheet: Sheet, text: Term, by: Term) -> Term:
        _check(method, text, by)
        value = getattr(text.value.cast(pl.String).str, method)(by.value.cast(pl.String))
        return sheet.term(result, value, text, by)

    return change


def _strip(method: str) -> Callable[[Sheet, Term, Term], Term]:
    def strip(sheet: Sheet, text: Term, characters: Term) -> Term:
        _check(method, text)
        these = None if characters.kind is Kind.NOTHING else _written(method, characters, str)
        return sheet.term(Kind.TEXT, getattr(text.value.cast(pl.String).str, method)(these), text)

    return strip


def _slice(sheet: Sheet, text: Term, offset: Term, length: Term) -> Term:
    _check("slice", text)
    longest = None if length.kind is Kind.NOTHING else _written("slice", length, int)
    return sheet.term(Kind.TEXT, text.value.cast(pl.String).str.slice(_written("slice", offset, int), longest), text)


def _by_number(method: str) -> Callable[[Sheet, Term, Term], Term]:
    def change(sheet: Sheet, text: Term, number: Term) -> Term:
        _check(method, text)
        value = getattr(text.value.cast(pl.String).str, method)(_written(method, number, int))
        return sheet.term(Kind.TEXT, value, text)

    return change


def _pad(method: str) -> Callable[..., Term]:
    def pad(sheet: Sheet, text: Term, length: Term, *, fill_char: str) -> Term:
        _check(method, text)
        value = getattr(text.value.cast(pl.String).str, method)(_written(method, length, int), fill_char)
        return sheet.term(Kind.TEXT, value, text)

    return pad


def _contains(sheet: Sheet, text: Term, pattern: Term, *, literal: bool, strict: bool) -> Term:
    _check("contains", text, pattern)
    found = text.value.cast(pl.String).str.contains(_written("contains", pattern, str), literal=literal, strict=strict)
    return sheet.term(Kind.TRUTH, found, text)


def _replace(sheet: Sheet, text: Term, pattern: Term, by: Term, *, n: int, literal: bool) -> Term:
    _check("replace", text, pattern, by)
    old, new = _written("replace", pattern, str), _written("replace", by, str)
    held = text.value.cast(pl.String).str
    if n not in (-1, 1):
        raise Refused(f"str.replace(n={n})", "with .str.replace(…) once or .str.replace_all(…)")
    change = held.replace_all(old, new, literal=literal) if n == -1 else held.replace(old, new, literal=literal)
    return sheet.term(Kind.TEXT, change, text)


def _extract(sheet: Sheet, text: Term, pattern: Term, *, group: int) -> Term:
    _check("extract", text, pattern)
    found = text.value.cast(pl.String).str.extract(_written("extract", pattern, str), group)
    return sheet.term(Kind.TEXT, found, text)


def _length(sheet: Sheet, text: Term) -> Term:
    _check("len_chars", text)
    return exact.whole(sheet, text.value.cast(pl.String).str.len_chars(), _LONGEST, text)


def _join(sheet: Sheet, *texts: Term, delimiter: str, ignore_nulls: bool) -> Term:
    _check("concat_str", *texts)
    parts = [text.value.cast(pl.String) for text in texts]
    return sheet.term(Kind.TEXT, pl.concat_str(parts, separator=delimiter, ignore_nulls=ignore_nulls), *texts)


def _format(sheet: Sheet, *texts: Term, text: str, cuts: Sequence[int]) -> Term:
    """The pieces of a format in UTF-8, between which the texts stand."""
    _check("format", *texts)
    pieces, cut = text.encode(), [0, *cuts, len(text.encode())]
    between = [pieces[start:end].decode() for start, end in pairwise(cut)]
    parts = [pl.lit(between[0])]
    for each, after in zip(texts, between[1:], strict=True):
        parts += [each.value.cast(pl.String), pl.lit(after)]
    return sheet.term(Kind.TEXT, pl.concat_str(parts), *texts)


TEXT: dict[str, Callable[..., Term]] = {
    "Uppercase": _plain("to_uppercase"),
    "Lowercase": _plain("to_lowercase"),
    "StripChars": _strip("strip_chars"),
    "StripCharsStart": _strip("strip_chars_start"),
    "StripCharsEnd": _strip("strip_chars_end"),
    "StripPrefix": _by_text("strip_prefix"),
    "StripSuffix": _by_text("strip_suffix"),
    "StartsWith": _by_text("starts_with", Kind.TRUTH),
    "EndsWith": _by_text("ends_with", Kind.TRUTH),
    "Slice": _slice,
    "Head": _by_number("head"),
    "Tail": _by_number("tail"),
    "ZFill": _by_number("zfill"),
    "PadStart": _pad("pad_start"),
    "PadEnd": _pad("pad_end"),
    "Contains": _contains,
    "Replace": _replace,
    "Extract": _extract,
    "LenChars": _length,
    "ConcatHorizontal": _join,
    "Format": _format,
}
"""Polars' name of a function of texts → what it computes."""
