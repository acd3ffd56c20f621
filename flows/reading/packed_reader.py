"""What the readers of formats have in common whose files are packed and say themselves how large they are then."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from flows.model.dataset import Dataset
from flows.reading.assembly import FileRows, assemble
from flows.reading.port import Source
from flows.validation.cost import Cost
from flows.validation.raw_rows import RawRows


class PackedReader(ABC):
    """Reads files one by one, each unpacked only while it is read.

    Args:
        dataset: the declaration.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._cost = Cost(dataset)

    def open(self, source: Source) -> Source:
        """See `Reader.open`; the body stays as it is."""
        self._check_cost(source.body)
        return replace(source, opened=True)

    def needs_bytes(self, source: Source) -> int:
        """See `Reader.needs_bytes`."""
        return self._cost.as_text_bytes(self.worst_bytes(source))

    def worst_bytes(self, source: Source) -> int:
        """See `Reader.worst_bytes`."""
        return self._cost.worst(*self._size(source.body)) if source.opened else 0  # it is refused again when it is read

    def parse(self, sources: Sequence[Source]) -> RawRows:
        """See `Reader.parse`."""
        return assemble(self._dataset, sources, self._read)

    @abstractmethod
    def _check_cost(self, body: bytes) -> object:
        """Raise FileRefused or TooCostly where a file is no such file, or cannot be read for its size."""

    @abstractmethod
    def _size(self, body: bytes) -> tuple[int, int]:
        """The bytes that a file has when it is unpacked, and its rows at most."""

    @abstractmethod
    def _read(self, source: Source) -> FileRows:
        """The rows of a file; may raise FileRefused."""
