"""What the checks say about a file: findings, and how many rows passed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flows.errors import plain
from flows.model.tolerances import Tolerance, write_tolerances

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


@dataclass(frozen=True)
class FileFindings:
    """What is found in a file, before it is judged. Each step of the checks hands on another one.

    Args:
        findings: at most MAX_FINDINGS, in the order of the lines.
        counts: rule → how many findings, complete.
        refused: how many rows are refused.
        refused_lines: their physical lines.
        refusal: why nothing of the file can be loaded, in words; None leaves it to the dataset's policy.
        tolerated: what was let pass because the dataset's format says so.
    """

    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    refused_lines: tuple[int, ...] = ()
    refusal: str | None = None
    tolerated: tuple[Tolerance, ...] = ()

    def with_findings(self, findings: Iterable[Finding], counts: Mapping[str, int]) -> FileFindings:
        """The same with more of them, in the order of the lines: all that are counted, or the first of them."""
        if self.findings:
            findings = sorted([*self.findings, *findings], key=lambda finding: finding.line or 0)[:MAX_FINDINGS]
        together = Counter(self.counts)
        together.update(counts)
        return replace(self, findings=tuple(findings), counts=together)

    def with_refusal(self, finding: Finding, reason: str) -> FileFindings:
        """The same with a finding that refuses all of the file; the first reason stays."""
        return replace(self.with_findings([finding], {finding.rule: 1}), refusal=self.refusal or reason)


NO_FINDINGS = FileFindings()
"""What is found in a sound file."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of one file version. `validation/verdict.py` makes it.

    Args:
        rows: rows that would be loaded, after identical repeats collapsed.
        refused: rows that are refused.
        collapsed: rows left out because an identical row stands in the same file.
        findings: at most MAX_FINDINGS, in the order of the lines.
        counts: rule → how many findings, complete.
        refused_lines: the physical lines of the rows refused; None means all of the file.
        accepted: whether the dataset's policy lets the good rows in.
        reason: why not, in words.
        tolerated: what was let pass because the dataset's format says so.
    """

    rows: int = 0
    refused: int = 0
    collapsed: int = 0
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    refused_lines: tuple[int, ...] | None = ()
    accepted: bool = True
    reason: str | None = None
    tolerated: tuple[Tolerance, ...] = ()

    @property
    def summary(self) -> dict[str, Any]:
        """What is kept of it beside its rows: the counts, and as JSON the first finding and what was let pass."""
        return {
            "rows": self.rows,
            "refused": self.refused,
            "collapsed": self.collapsed,
            "findings": self.findings_count,
            "first_finding": json.dumps(asdict(self.findings[0])) if self.findings else None,
            "tolerances": write_tolerances(self.tolerated),
        }

    @property
    def findings_count(self) -> int:
        """How many findings there are, those that are not kept included."""
        return sum(self.counts.values())
