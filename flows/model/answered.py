"""What the levels and measures of an answer are of."""

from __future__ import annotations

from typing import Protocol

from flows.model.levels import Level
from flows.model.measures import Aggregation, Measure
from flows.model.types import ColumnType


class Answered(Protocol):
    """A table, or several side by side."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def measures(self) -> tuple[Measure[Aggregation], ...]:
        """The measures that are not calculated."""

    @property
    def measure_names(self) -> tuple[str, ...]:
        """All measures."""

    def level(self, name: str) -> Level:
        """The level of that name; raises QueryError naming the nearest one."""

    def type_of_measure(self, name: str) -> ColumnType:
        """The type of the values of a measure; raises QueryError naming the nearest one."""
