"""The gate: is a file text in the declared encoding, with the declared header and sound lines?"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import SHOWN
from flows.reading.csv.byte_checks import is_utf8, line_ends
from flows.reading.csv.header import check_header
from flows.reading.csv.lines import QuoteRules, split_lines
from flows.reading.decompression import check_size, unpack
from flows.reading.refusal import FileRefused
from flows.validation.cost import Cost

_BOM = codecs.BOM_UTF8
MAX_CELL_BYTES = 1 << 20
"""A longer cell is no value that anybody groups by or reads: most often a quote is missing, or a line end."""
_SMALL_BYTES = 1 << 16
"""Quotes of a larger body are checked line by line, which is faster than one pattern for all of it."""
_OTHER_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class VettedFile:
    """A file that passed the gate, ready to be parsed.

    Args:
        body: the file's bytes, decompressed.
        text: its rows in UTF-8, without header, each complete in itself and ended by a line end.
        rows: how many rows `text` has.
        quoted: whether there may be quotes in them.
        lines: the physical line where each row starts; None where they are 2, 3, 4 and so on.
        notes: problems on single lines, which are not in `text`; None where there are none.
        data_rows: data rows seen, those with problems included.
    """

    body: bytes
    text: bytes | memoryview
    rows: int
    data_rows: int
    quoted: bool = False
    lines: pl.Series | None = None
    notes: pl.DataFrame | None = None


class Gate:
    """What a dataset expects of its files, made ready to compare bytes with.

    Args:
        dataset: the declaration.
        plain: whether files that need no second look may take the short way. Both ways give the same.
    """

    def __init__(self, dataset: Dataset, *, plain: bool = True) -> None:
        self._dataset = dataset
        self._cost = Cost(dataset)
        self._most_bytes = min(dataset.limits.file_bytes, self._cost.most_bytes)
        self._codec = codecs.lookup(dataset.format.encoding).name.replace("utf-8-sig", "utf-8")
        special = any(set(name) & {dataset.format.delimiter, '"', "\r", "\n"} for name in dataset.header)
        self._plain = plain and self._codec == "utf-8" and not special
        self._headers = _header_lines(dataset)
        self._quotes = QuoteRules(dataset.format.delimiter, dataset.format.multiline)

    def open(self, body: bytes) -> bytes:
        """The file's text, decompressed.

        Raises:
            FileRefused: it is too large, or no text.
            TooCostly: it does not fit into memory, whatever it holds.
        """
        if len(body) > self._most_bytes:
            check_size(len(body), self._dataset.limits.file_bytes)
        if not body.startswith(self._headers):
            body = unpack(body, self._dataset.limits.file_bytes, self._cost.most_bytes)
        if len(body) > self._most_bytes:
            self._cost.check_size(len(body))
        return body

    def vet(self, body: bytes) -> VettedFile:
        """Let a file pass that was opened.

        Raises:
            FileRefused: it is not as the dataset declares.
            TooCostly: its rows do not fit into memory.
        """
        start = len(_BOM) if body.startswith(_BOM) else 0
        vetted = self._vet_plain(body, start) or self._vet_lines(body)
        self._check_rows(vetted.data_rows)
        return vetted

    def _vet_plain(self, body: bytes, start: int) -> VettedFile | None:
        """The short way, where there is no doubt that each line is a row: none is looked at by itself."""
        if not (self._plain and body.startswith(self._headers, start) and _is_plain(body, start)):
            return None
        ends = line_ends(body)
        if not ends.even:
            return None
        if len(body) > self._cost.free_bytes:
            self._cost.check_short_way(len(body), ends.count)
        rows = ends.count - 1
        text: bytes | memoryview = memoryview(body)[body.index(b"\n") + 1 :]
        if not body.endswith(b"\n"):
            text = bytes(text) + b"\n"
            rows += 1
        quoted = b'"' in body
        if quoted and not (len(body) < _SMALL_BYTES and self._quotes.sound_rows.fullmatch(text)):
            return None
        return VettedFile(body, text, rows, rows, quoted)

    def _vet_lines(self, body: bytes) -> VettedFile:
        """The long way: decode, then look at each line."""
        self._cost.check_long_way(len(body), 0)
        text = self._decode(body)
        header, _, rest = text.partition("\n")
        if not text.strip():
            raise FileRefused("empty", raw=f"{len(body)} bytes", expected="a header and rows")
        if (nul := text.find("\0")) >= 0:
            line = text.count("\n", 0, nul) + 1
            raise FileRefused("nul", line=line, raw=_line_at(text, nul), expected="text without NUL bytes")
        self._cost.check_long_way(len(body), rest.count("\n") + 1)
        if _has_long_line(rest):
            self._cost.check_long_rows(len(body))
        check_header(header.removesuffix("\r"), self._dataset.header, self._dataset.format.delimiter)
        split = split_lines(rest, self._quotes)
        return VettedFile(body, split.text, len(split.lines), split.data_rows, True, split.lines, split.notes)

    def _decode(self, body: bytes) -> str:
        marked = next((name for mark, name in _OTHER_BOMS.items() if body.startswith(mark)), None)
        if body.startswith(_BOM):
            marked = "utf-8"
        if marked and not re.match(marked, self._codec):
            wanted = f"{self._dataset.format.encoding} (the file starts with the mark of {marked})"
            raise FileRefused("encoding", line=1, raw=repr(body[:4]), expected=wanted)
        try:
            text = body.decode(self._codec).removeprefix("\ufeff")
            text.encode()
            return text
        except UnicodeDecodeError as error:
            line = body[: error.start].decode(self._codec, "replace").count("\n") + 1
            wanted = f"{self._dataset.format.encoding} (byte {error.start + 1} of the file: {error.reason})"
            raise FileRefused("encoding", line=line, raw=repr(body[error.start : error.end]), expected=wanted) from None
        except UnicodeError as error:
            raise FileRefused("encoding", raw=str(error), expected=self._dataset.format.encoding) from None

    def _check_rows(self, data_rows: int) -> None:
        if self._dataset.completeness.rows is None:
            return
        low, high = self._dataset.completeness.rows
        if not low <= data_rows <= high:
            raise FileRefused("rows", raw=str(data_rows), expected=f"{low} to {high} data rows", data_rows=data_rows)


def _header_lines(dataset: Dataset) -> tuple[bytes, ...]:
    """The header as it is usually written: bare or all quoted, with either line end."""
    delimiter = dataset.format.delimiter
    bare = delimiter.join(dataset.header)
    quoted = delimiter.join(f'"{name}"' for name in dataset.header)
    return tuple((line + end).encode() for line in (bare, quoted) for end in ("\n", "\r\n"))


def _is_plain(body: bytes, start: int) -> bool:
    return b"\0" not in body and (body.isascii() or (is_utf8(body) and body.find(_BOM, start) < 0))


def _has_long_line(text: str) -> bool:
    """Whether a line is longer than a cell may be."""
    start = 0
    while len(text) - start > MAX_CELL_BYTES:
        end = text.rfind("\n", start, start + MAX_CELL_BYTES + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _line_at(text: str, position: int) -> str:
    """The line at a position, as far as a finding quotes it."""
    start = text.rfind("\n", 0, position) + 1
    return text[start : start + SHOWN].partition("\n")[0]
