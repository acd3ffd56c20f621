"""From the bytes of a file to its text in UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from flows.model.tolerances import Tolerance
from flows.reading.byte_checks import is_utf8
from flows.reading.refusal import FileRefused

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ALL_MARKS = tuple(_MARKS)
_WESTERN = "cp1252"
_AROUND = 20
"""Bytes beside one that is no text that are shown with it."""


@dataclass(frozen=True)
class Decoded:
    """A file's text.

    Args:
        text: in UTF-8.
        start: where it begins, after a byte order mark.
        tolerated: the encoding, where the declaration names several.
    """

    text: bytes
    start: int
    tolerated: tuple[Tolerance, ...] = ()


@cache
def codec_name(encoding: str) -> str:
    """The one name of a codec, whose marks are left out in any case."""
    return codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")


def decode(body: bytes, encodings: Sequence[str]) -> Decoded:
    """A file's text by the first of these encodings in which all of it is text.

    Raises:
        FileRefused: it is text in none of them, or begins with the mark of another one.
    """
    fitting = _fitting(body, encodings)
    refusals = []
    for encoding in fitting:
        try:
            text = _decode(body, encoding, encodings)
        except FileRefused as refusal:
            refusals.append(refusal)
            continue
        start = len(codecs.BOM_UTF8) if text.startswith(codecs.BOM_UTF8) else 0
        return Decoded(text, start, (Tolerance("encoding", f"encoding {encoding}"),) if len(encodings) > 1 else ())
    raise refusals[0]


def _fitting(body: bytes, encodings: Sequence[str]) -> Sequence[str]:
    """Those that the file's mark allows; all where it has none."""
    if not body.startswith(_ALL_MARKS):
        return encodings
    mark = next(mark for mark in _MARKS if body.startswith(mark))
    fitting = [each for each in encodings if re.match(_MARKS[mark], codec_name(each))]
    if not fitting:
        option = f"Csv(encoding={(*encodings, _MARKS[mark])!r}) takes it"
        expected = f"{' or '.join(encodings)} (the file starts with the mark of {_MARKS[mark]}); {option}"
        raise FileRefused("encoding", line=1, raw=repr(body[:4]), expected=expected)
    return fitting


def _decode(body: bytes, encoding: str, encodings: Sequence[str]) -> bytes:
    codec = codec_name(encoding)
    if codec == "utf-8" and is_utf8(body):
        return body
    try:
        return body.decode(codec).removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(codec, "replace").count("\n") + 1
        expected = f"{encoding} (byte {error.start + 1} of the file: {error.reason}){_western(body, error, encodings)}"
        raw = repr(body[error.start : error.end])
        raise FileRefused("encoding", line=line, raw=raw, expected=expected) from None
    except UnicodeError as error:
        raise FileRefused("encoding", raw=str(error), expected=encoding) from None


def _western(body: bytes, error: UnicodeDecodeError, encodings: Sequence[str]) -> str:
    """What stands there in the encoding that such files mostly have, for who knows what is meant to."""
    if _WESTERN in map(codec_name, encodings):
        return ""
    try:
        body.decode(_WESTERN)
    except UnicodeDecodeError:
        return ""
    start = max(body.rfind(b"\n", 0, error.start) + 1, error.start - _AROUND)
    text = body[start : error.end + _AROUND].partition(b"\n")[0].decode(_WESTERN).strip()
    return f"; in {_WESTERN} it is {text!r}: Csv(encoding={(*encodings, _WESTERN)!r}) takes it, if that is right"
