"""What became of many files, in bounded room: the counts of all, and the names of some."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from flows.app.work import FileOutcome, Outcome

KEPT = 1_000
"""Files that are named: the last ones, and the first of those that need attention."""
ATTENTION = frozenset({"quarantined", "detected"})
"""States of a file that somebody has to look after."""


@dataclass(frozen=True)
class Load:
    """One file, and with what it came."""

    dataset: str
    file: FileOutcome
    at_utc: str

    @property
    def needs_attention(self) -> bool:
        return self.file.state in ATTENTION or self.file.findings > 0


@dataclass
class Loads:
    """The sum of outcomes.

    Args:
        datasets: those that had work, in the order in which they first had.
        files: how many.
        rows: how many were loaded.
        refused: how many files were refused,
        unread: and how many could not be read.
        attention: how many files were refused, not read, or have findings.
        first: the first of them.
        last: the last files, whatever became of them.
    """

    datasets: dict[str, None] = field(default_factory=dict)
    files: int = 0
    rows: int = 0
    refused: int = 0
    unread: int = 0
    attention: int = 0
    first: list[Load] = field(default_factory=list)
    last: deque[Load] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, outcome: Outcome) -> None:
        """Count one outcome more; its files are forgotten but for some."""
        self.datasets.setdefault(outcome.dataset)
        self.files += len(outcome.files)
        self.rows += outcome.rows
        self.refused += len(outcome.refused)
        self.unread += len(outcome.unread)
        loads = [Load(outcome.dataset, file, outcome.at_utc) for file in outcome.files]
        attention = [load for load in loads if load.needs_attention]
        self.attention += len(attention)
        self.first += attention[: KEPT - len(self.first)]
        self.last.extend(loads[-KEPT:])

    def then(self, later: Loads) -> Loads:
        """Both together, these first."""
        both = Loads(self.datasets | later.datasets)
        for name in ("files", "rows", "refused", "unread", "attention"):
            setattr(both, name, getattr(self, name) + getattr(later, name))
        both.first = [*self.first, *later.first][:KEPT]
        both.last.extend([*self.last, *later.last])
        return both

    def named(self, most: int) -> list[FileOutcome]:
        """Some of the files, those that need attention first."""
        others = [load for load in self.last if not load.needs_attention]
        return [load.file for load in [*self.first, *others]][:most]
