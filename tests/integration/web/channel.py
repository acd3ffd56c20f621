"""The other end of a page's channel."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from flows.web.table_view import TableView


class Reader:
    """Does what a page does with the messages."""

    def __init__(self, view: TableView | None = None) -> None:
        self.view = view
        self.header: dict[str, Any] = {}
        self.seen = 0
        self.kinds: list[str] = []
        self.cells: dict[str, dict[str, Any]] = {}

    def read(self) -> None:
        """Take what the view has to say."""
        assert self.view is not None
        self.seen, messages = self.view.since(self.seen)
        for message in messages:
            self.take(message)

    def take(self, message: bytes) -> None:
        """Take one message."""
        length = int.from_bytes(message[:4], "little")
        header = json.loads(message[4 : 4 + length])
        self.kinds.append(header["kind"])
        if header["kind"] == "snapshot":
            self.header, self.cells = header, {}
        for row in pl.read_ipc_stream(message[4 + length :]).to_dicts():
            self.cells[row[self.header["key"]]] = row
        for key in header.get("removed", ()):
            assert self.cells.pop(key)["contributors.COUNT"] == 0

    def sums(self, *levels: str, of: str = "Amount.SUM", null: float | None = None) -> dict[Any, float]:
        """A sum over the cells, by levels; `null` stands for cells without a value."""
        found: dict[Any, float] = {}
        for cell in self.cells.values():
            at = tuple(cell[level] for level in levels)
            found[at] = found.get(at, 0) + (null if cell[of] is None and null is not None else cell[of])
        return found
