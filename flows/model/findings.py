"""What the checks say about a file: findings, and how many rows passed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.errors import plain

MAX_FINDINGS = 1_000
"""Findings kept per file; the counts per rule are always complete."""


@dataclass(frozen=True)
class Finding:
    """One broken rule.

    Args:
        rule: the rule's name, such as `integer`, `min`, `header`, `primary_key`.
        line: physical line in the file, 1-based; None when the whole file is meant.
        column: the column's name; None when the row or the file is meant.
        raw: the text as it stands in the file, shortened to 200 characters.
        expected: what would have been right, in words.

    A lone surrogate, which a name that is no UTF-8 or a JSON text may hold, stands in them escaped: no ledger, log or
    answer could be written with it.
    """

    rule: str
    line: int | None = None
    column: str | None = None
    raw: str | None = None
    expected: str | None = None

    def __post_init__(self) -> None:
        for name in ("raw", "expected"):
            text: str | None = getattr(self, name)
            if text is not None and not text.isascii():
                object.__setattr__(self, name, text.encode(errors="backslashreplace").decode())

    @property
    def words(self) -> str:
        """The finding in a line: where, which rule, what stood there."""
        where = f"line {self.line}, {self.column or 'row'}" if self.line else self.column or "file"
        if self.raw is None:
            return f"{where}: {self.rule}, expected {self.expected}" if self.expected else f"{where}: {self.rule}"
        is_quoted = self.raw.startswith(("b'", 'b"'))  # bytes, as Python writes them
        return plain(f"{where}: {self.rule}, got {self.raw if is_quoted else repr(self.raw)}")


@dataclass
class Verdict:
    """What the checks say about one file version.

    Args:
        rows: rows that would be loaded, after identical repeats collapsed.
        refused_lines: the physical lines of the rows refused; None means all of the file.
        collapsed: rows left out because an identical row stands in the same file.
        findings: at most MAX_FINDINGS, in the order of the lines.
        counts: rule → how many findings, complete.
        accepted: whether the dataset's policy lets the good rows in.
        reason: why not, in words.
    """

    rows: int = 0
    refused: int = 0
    collapsed: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    refused_lines: list[int] | None = None
    accepted: bool = True
    reason: str | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """What is kept of it beside the version's rows: the counts, and the first finding as JSON."""
        return {
            "rows": self.rows,
            "refused": self.refused,
            "collapsed": self.collapsed,
            "findings": self.counts.total(),
            "first_finding": json.dumps(asdict(self.findings[0])) if self.findings else None,
        }
