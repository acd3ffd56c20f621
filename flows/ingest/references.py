"""How joined tables stand, and how many rows have no match in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from flows.cube.observable import WatchedCube
from flows.errors import EngineFailed
from flows.ingest.dataset_state import DatasetState
from flows.model.references import ReferenceState
from flows.model.tables import Table


class References:
    """What is known of the tables that are joined to others. Rows are counted in the thread that asks, once for each
    state of the tables.

    Args:
        cube: the cube.
        datasets: those that are fed.
        is_ready: whether a table is complete.
    """

    def __init__(
        self, cube: WatchedCube, datasets: Mapping[str, DatasetState], is_ready: Callable[[str], bool]
    ) -> None:
        self._cube = cube
        self._datasets = datasets
        self._is_ready = is_ready
        self._counting = threading.Lock()
        self._counted: dict[str, tuple[tuple[int, ...], Mapping[str, int]]] = {}

    def of(self, table: Table, names: Iterable[str], *, counted: bool) -> Iterator[ReferenceState]:
        """How some of the tables stand that are joined to one.

        Args:
            table: to which they are joined.
            names: which of them, as `Table.references` calls them.
            counted: whether to count the rows without a match.
        """
        chosen = list(names)
        unmatched = self.unmatched(table) if counted and chosen else {}
        for name in chosen:
            dataset = table.references[name].name
            degraded = self._datasets[dataset].degraded
            yield ReferenceState(name, dataset, self._is_ready(dataset), degraded, unmatched.get(name))

    def unmatched(self, table: Table) -> Mapping[str, int]:
        """How many rows have no match, as `Cube.unmatched` says; of none, where the engine cannot count them now."""
        touched = (table.name, *(each.name for each in table.references.values()))
        with self._counting:
            state = self._cube.commits(touched)
            known = self._counted.get(table.name)
            if known is not None and known[0] == state:
                return known[1]
            try:
                found = self._cube.unmatched(table.name)
            except EngineFailed:  # it is closed, or new data needs its memory: who asks how all stands is told the rest
                return {}
            self._counted[table.name] = (state, found)
            return found
