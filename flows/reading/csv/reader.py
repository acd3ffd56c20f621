"""Text files with a delimiter, behind the port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flows.landing.packed_end import is_packed
from flows.model.dataset import Dataset
from flows.reading.byte_checks import count_lines
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.csv.encodings import decode
from flows.reading.csv.hints import with_hints
from flows.reading.csv.parse import parse
from flows.reading.csv.record import RecordExtent
from flows.reading.physical_lines import line_starts, without_end
from flows.reading.port import Source
from flows.reading.refusal import FileRefused
from flows.reading.refused_lines import cut_lines
from flows.reading.text_bodies import open_text
from flows.validation.cost import Cost
from flows.validation.raw_rows import RawRows


class CsvReader:
    """Reads the files of a dataset whose format is `Csv`."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._cost = Cost(dataset)

    def open(self, source: Source) -> Source:
        if not is_packed(source.body):
            return source
        return replace(source, body=open_text(source.body, self._dataset.limits.file_bytes, self._cost), opened=True)

    def needs_bytes(self, source: Source) -> int:
        return len(source.body)

    def worst_bytes(self, source: Source) -> int:
        return self._cost.worst(len(source.body), count_lines(source.body))

    def parse(self, sources: Sequence[Source]) -> RawRows:
        return with_hints(self._dataset, sources, parse(self._dataset, sources))

    def raw(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
        text, begin = self._text(body)
        extent = RecordExtent(Dialect.of(csv_of(self._dataset)))
        for line, start in line_starts(text, lines).items():
            first = max(start, begin)
            yield line, without_end(text[first : extent.end(text, first)])

    def _text(self, body: bytes) -> tuple[bytes, int]:
        """The text of a file, and where it begins; its bytes, where they are no text."""
        try:
            decoded = decode(body, csv_of(self._dataset).encodings)
        except FileRefused:
            return body, 0
        return decoded.text, decoded.start

    def cut(self, body: bytes, lines: Sequence[int]) -> bytes:
        return cut_lines(body, [1, *(line for line in lines if line > 1)])
