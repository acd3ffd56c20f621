"""What became of many files, in bounded room: the counts of all, and the names of some."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flows.ingest.work import FileOutcome, Outcome

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
        return self.file.state in ATTENTION or self.file.findings > 0 or self.file.warning is not None


@dataclass
class LoadSummary:
    """The sum of outcomes.

    Args:
        by_dataset: how many files of each dataset that had work.
        by_state: how many files in each state.
        rows: how many rows were loaded.
        with_findings: how many files have findings and a version to show them by.
        first: the first files that were refused, not read, or have findings.
        last: the last files, whatever became of them.
    """

    by_dataset: Counter[str] = field(default_factory=Counter)
    by_state: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    with_findings: int = 0
    first: list[Load] = field(default_factory=list)
    last: deque[Load] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def files(self) -> int:
        """How many."""
        return self.by_state.total()

    @property
    def datasets(self) -> list[str]:
        """The datasets whose files these are; all that had work where there are no files."""
        return sorted(name for name, files in self.by_dataset.items() if files or not self.files)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome more; its files are forgotten but for some."""
        loads = [Load(outcome.dataset, file, outcome.at_utc) for file in outcome.files]
        self.by_dataset[outcome.dataset] += len(loads)
        self.by_state.update(file.state for file in outcome.files)
        self.rows += outcome.rows
        self.with_findings += sum(file.findings > 0 and file.version is not None for file in outcome.files)
        self.first += [load for load in loads if load.needs_attention][: KEPT - len(self.first)]
        self.last.extend(loads[-KEPT:])

    def note(self, outcome: Outcome, on_outcome: Callable[[Outcome], None]) -> None:
        """Count an outcome that is no dry run; in any case hand it on."""
        if not outcome.dry_run:
            self.add(outcome)
        on_outcome(outcome)

    def then(self, later: LoadSummary) -> LoadSummary:
        """Both together, these first."""
        both = LoadSummary(
            rows=self.rows + later.rows,
            with_findings=self.with_findings + later.with_findings,
            first=[*self.first, *later.first][:KEPT],
        )
        for name in ("by_dataset", "by_state"):  # a sum of counters would leave out what is 0
            getattr(both, name).update(getattr(self, name))
            getattr(both, name).update(getattr(later, name))
        both.last.extend([*self.last, *later.last])
        return both

    def named(self, most: int) -> list[FileOutcome]:
        """Some of the files, those that need attention first."""
        others = [load for load in self.last if not load.needs_attention]
        return [load.file for load in [*self.first, *others]][:most]
