"""The one place where a file is judged: what was found in it becomes its verdict."""

from __future__ import annotations

from typing import assert_never

from flows.model.findings import FileFindings, Verdict
from flows.model.policies import BadRows, RejectFile, SkipRows


def judge(policy: BadRows, found: FileFindings, *, rows: int, collapsed: int, judged: int) -> Verdict:
    """The verdict on a file whose rows were all checked.

    Args:
        policy: what becomes of a file with refused rows.
        found: its findings.
        rows: how many are good.
        collapsed: how many were left out as repeats.
        judged: how many there are; the share of the refused is one of these.
    """
    reason = found.refusal or _reason(policy, found, judged)
    if reason is not None:
        return _refused(found, reason, judged)
    return Verdict(
        rows=rows,
        refused=found.refused,
        collapsed=collapsed,
        findings=found.findings,
        counts=found.counts,
        refused_lines=found.refused_lines,
        tolerated=found.tolerated,
    )


def refuse(found: FileFindings, *, rows: int | None = None) -> Verdict:
    """The verdict on a file of which nothing can be loaded, whatever the policy is.

    Args:
        found: its findings, with the refusal.
        rows: how many it has; None where only those refused so far are known.
    """
    return _refused(found, found.refusal, found.refused if rows is None else rows)


def _refused(found: FileFindings, reason: str | None, rows: int) -> Verdict:
    return Verdict(
        refused=rows,
        findings=found.findings,
        counts=found.counts,
        refused_lines=None,
        accepted=False,
        reason=reason,
        tolerated=found.tolerated,
    )


def _reason(policy: BadRows, found: FileFindings, judged: int) -> str | None:
    """Why the policy refuses the file, or None."""
    if not found.counts:
        return None
    findings = ", ".join(f"{rule} {count}" for rule, count in sorted(found.counts.items()))
    match policy:
        case RejectFile():
            return f"findings: {findings}"
        case SkipRows(up_to):
            share = found.refused / judged if judged else 0
            if share <= up_to:
                return None
            refused = f"{found.refused} of {judged} rows ({share:.2%}) are refused"
            return f"{refused}, at most {up_to:.2%} may be; findings: {findings}"
        case _:
            assert_never(policy)
