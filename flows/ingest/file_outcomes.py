"""What became of each file of a batch, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flows.ingest.work import CheckedBatch, FileOutcome
from flows.model.files import shown
from flows.model.findings import Verdict
from flows.model.lifecycle import Cause, Decision, State
from flows.model.plan import Plan

_WHY_UNLOADED: dict[Cause, str] = {
    "deleted": "the file was deleted",
    "request": "on request",
    "lost": "its segment was damaged and its file is gone",
    "renamed": "it was renamed",
}
NOT_CHECKED = Verdict()


def file_outcomes(plan: Plan, batch: CheckedBatch) -> Iterator[FileOutcome]:
    """What became of the files of a batch, in the order in which it was decided; then those that were not read."""
    last: dict[bytes, Decision] = {}
    for decision in plan.decisions:
        if decision.action != "unchanged" or decision.path not in last:
            last[decision.path] = decision
    verdicts = batch.checked.verdicts
    for decision in last.values():
        yield _outcome(decision, plan, verdicts.get(decision.path, NOT_CHECKED))
    for path, why in batch.unread.items():
        yield FileOutcome(shown(path), State.DETECTED.value, reason=why)


def _outcome(decision: Decision, plan: Plan, verdict: Verdict) -> FileOutcome:
    state, reason = _words(decision, plan, verdict)
    said = verdict if decision.action in ("load", "refuse") else NOT_CHECKED
    return FileOutcome(
        shown(decision.path),
        state,
        rows=said.rows if decision.action == "load" else 0,
        refused=said.refused,
        findings=sum(said.counts.values()),
        first_finding=said.findings[0] if said.findings else None,
        reason=reason,
        version=decision.version,
        warning=warned.warning if (warned := plan.versions.get(decision.version or 0)) is not None else None,
        tolerated="; ".join(each.words for each in said.tolerated),
    )


def _words(decision: Decision, plan: Plan, verdict: Verdict) -> tuple[str, str | None]:
    """The state that people read, and why."""
    other = shown(decision.other) if decision.other is not None else "another file"
    match decision.action:
        case "load":
            return State.LOADED.value, None
        case "share":
            return State.LOADED.value, f"the same bytes as {other}, whose rows it shares"
        case "duplicate":
            return State.DUPLICATE.value, f"the same bytes as {other}, which count once; duplicates=Load() counts each"
        case "promote":
            return State.LOADED.value, "its rows count now, since the file with the same bytes has left"
        case "refuse":
            return State.QUARANTINED.value, verdict.reason
        case "unchanged":
            judged = plan.paths[decision.path].judged if decision.path in plan.paths else None
            known = judged.state if judged is not None else State.LOADED
            return (State.LOADED if known is State.STAGED else known).value, "nothing new"
        case "rename":
            return State.LOADED.value, f"renamed from {other}"
        case "hold":
            return State.UNLOADED.value, "it was unloaded; cubefeed load brings it back"
        case "unload":
            return State.UNLOADED.value, _WHY_UNLOADED[decision.cause] if decision.cause else None
        case "keep":
            return "gone", "the file is gone; its rows stay"
        case _:
            assert_never(decision.action)
