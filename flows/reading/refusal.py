"""A problem of a whole file: there is no row of it to save, whatever the dataset's policy is."""

from __future__ import annotations

from flows.errors import plain
from flows.model.dataset import Dataset
from flows.model.finding_frame import SHOWN_EXPECTED, shorten
from flows.model.findings import FileFindings, Finding, Verdict
from flows.validation.cost import TooCostly

BOUNDS = frozenset({"holes", "memory", "ratio", "size"})
"""The rules of what a file may cost."""


class FileRefused(Exception):
    """Raised by the gate; becomes what is found in the file.

    Args:
        rule, raw, expected, line: the finding; what it quotes is cut to SHOWN and SHOWN_EXPECTED characters.
        data_rows: rows seen in the file, as far as they could be counted.
    """

    def __init__(self, rule: str, *, raw: str, expected: str, line: int | None = None, data_rows: int = 0) -> None:
        super().__init__(rule)
        self.finding = Finding(rule, line, None, shorten(raw), expected[:SHOWN_EXPECTED])
        self.data_rows = data_rows

    @classmethod
    def too_costly(cls, error: TooCostly) -> FileRefused:
        """The refusal of a file that does not fit into memory."""
        return cls("memory", raw=error.raw, expected=error.expected)

    @property
    def reason(self) -> str:
        """The finding in a line."""
        finding = self.finding
        where = f" (line {finding.line})" if finding.line else ""
        return f"{finding.rule}{where}: expected {finding.expected}, got {plain(finding.raw)}"

    @property
    def found(self) -> FileFindings:
        """What is found in the file: nothing of it can be loaded."""
        return FileFindings(refused=self.data_rows).with_refusal(self.finding, self.reason)


def check_rows(dataset: Dataset, data_rows: int) -> None:
    """Refuse a file that has fewer or more rows than the dataset expects.

    Raises:
        FileRefused: with both numbers.
    """
    if dataset.completeness.rows is None:
        return
    low, high = dataset.completeness.rows
    if not low <= data_rows <= high:
        raise FileRefused("rows", raw=str(data_rows), expected=f"{low} to {high} data rows", data_rows=data_rows)


def is_too_costly(verdict: Verdict) -> bool:
    """Whether a file was refused for what it would cost to read it, so that nobody knows what it holds."""
    return not verdict.accepted and not BOUNDS.isdisjoint(verdict.counts)
