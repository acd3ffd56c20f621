"""One table's cells as pages see them: a snapshot, and the last deltas to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl

from flows.cube.bounds import Bounds
from flows.cube.observable import TableChanges, WatchedCube
from flows.errors import TooManyRows
from flows.model.measures import Measure, Shown
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT, Table
from flows.web.api import TIMEOUT_S
from flows.web.cells import (
    MAX_CELLS,
    Delta,
    Layout,
    arrow,
    choose_layout,
    difference,
    fold_in,
    page_fold,
    wide_integers,
    with_keys,
)

KEPT_DELTAS = 64
KEPT_BYTES = 4 << 20
"""A page that is further behind gets a snapshot."""


@dataclass(frozen=True)
class ViewState:
    """What a view shows: the cells after `number` changes."""

    layout: Layout
    cells: pl.DataFrame
    number: int

    @property
    def rows(self) -> int:
        """The rows behind the cells."""
        return _rows(self.cells)


class TableView:
    """Keeps one table's cells up to date while pages are open.

    `refresh` is called by one thread at a time; `since` by the loop that serves the pages. What they share is
    replaced whole.
    """

    def __init__(self, cube: WatchedCube, table: Table, max_cells: int = MAX_CELLS) -> None:
        self.table = table
        self._max_cells = max_cells
        self._cube = cube
        self._state: ViewState | None = None
        self._deltas: deque[tuple[int, bytes]] = deque(maxlen=KEPT_DELTAS)
        self._snapshot: tuple[int, bytes] | None = None
        self._number = 0

    @property
    def layout(self) -> Layout | None:
        """What is shown; None where nothing is."""
        return self._state.layout if self._state else None

    def refresh(self) -> None:
        """Look at what the commits since the last call have touched."""
        touched = self._cube.take(self.table.name)
        state = self._state
        if state is None:
            return self._show_anew()
        if touched.added == []:
            return None
        before, after = self._folded(state, touched) or (state.cells, self._all(state.layout))
        if after is None:
            return self._show_anew()
        delta = difference(state.layout, before, after)
        if delta.empty:
            return None
        others = state.cells.join(before, on=state.layout.key, how="anti")
        return self._show(replace(state, cells=pl.concat([others, after]), number=state.number + 1), delta)

    def since(self, number: int) -> tuple[int, list[bytes]]:
        """What a page has to be sent that has seen `number` (0: nothing), and the number it has seen then."""
        state = self._state
        if state is None or state.number == number:
            return number, []
        deltas = [message for at, message in list(self._deltas) if number < at <= state.number]
        if number and len(deltas) == state.number - number:
            return state.number, deltas
        if self._snapshot is None or self._snapshot[0] != state.number:
            self._snapshot = state.number, _frame(_snapshot_header(state), state.cells)
        return self._snapshot[0], [self._snapshot[1]]

    def forget(self) -> None:
        """Hold nothing until the next `refresh`."""
        self._state = self._snapshot = None
        self._deltas.clear()
        self._cube.forget(self.table.name)

    def _folded(self, state: ViewState, touched: TableChanges) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """The touched cells before and after, where rows were added and nothing else.

        Rows that replaced others have taken them from cells that nobody knows here. Whether there were such, the
        count of rows tells, provided that no further commit came meanwhile.
        """
        if not touched.added:
            return None
        added = sum(frame.height for frame in touched.added)
        whole = self._cube.row_count(self.table.name) == state.rows + added
        if not whole or not self._cube.unchanged_since(touched, self.table.name):
            return None
        return fold_in(state.layout, state.cells, touched.added)

    def _all(self, layout: Layout) -> pl.DataFrame | None:
        """All cells; None where they no longer fit the layout."""
        try:
            answer = self._ask(layout.query)
        except TooManyRows:
            return None
        return with_keys(answer, layout) if layout.fits(answer) else None

    def _ask(self, query: Query) -> pl.DataFrame:
        """Ask the cube for no more than is shown."""
        return self._cube.query(query, bounds=Bounds(within_s=TIMEOUT_S, most_rows=self._max_cells))

    def _show_anew(self) -> None:
        """Choose the levels again and show a snapshot."""
        rows = self._cube.row_count(self.table.name)
        layout = choose_layout(self.table, self._ask, rows, self._max_cells)
        answer = self._cube.query(layout.query, bounds=Bounds(within_s=TIMEOUT_S))
        layout = replace(layout, texts=wide_integers(answer, layout.levels))
        self._deltas.clear()
        self._show(ViewState(layout, with_keys(answer, layout), self._number + 2))

    def _show(self, state: ViewState, delta: Delta | None = None) -> None:
        self._number = state.number
        if delta is not None:
            header = {"kind": "delta", "dataset": self.table.name, "removed": delta.removed}
            self._deltas.append((state.number, _frame(header, delta.cells)))
            while sum(len(message) for _, message in self._deltas) > KEPT_BYTES:
                self._deltas.popleft()
        self._state = state


def _rows(cells: pl.DataFrame) -> int:
    return int(cells[CONTRIBUTORS_COUNT].sum())


def _snapshot_header(state: ViewState) -> dict[str, Any]:
    layout = state.layout
    return {
        "kind": "snapshot",
        "dataset": layout.table.name,
        "key": layout.key,
        "types": layout.types(),
        "levels": [{"name": level.name, "kind": level.type.kind} for level in layout.levels],
        "dropped": layout.dropped,
        "measures": [_described(layout, measure) for measure in layout.measures],
        "count": CONTRIBUTORS_COUNT,
    }


def _described(layout: Layout, measure: Measure[Shown]) -> dict[str, Any]:
    return {
        "name": measure.name,
        "aggregation": measure.aggregation.word,
        "whole": layout.table.type_of(measure.aggregation).whole,
        "fold": page_fold(layout, measure.aggregation),
    }


def _frame(header: dict[str, Any], cells: pl.DataFrame) -> bytes:
    """One message: the header's length in four bytes, the header as JSON, the cells as an Arrow stream."""
    head = orjson.dumps(header)
    return len(head).to_bytes(4, "little") + head + arrow(cells)
