"""What became of each file of a batch, in words for people."""

from __future__ import annotations

from collections.abc import Iterator

from flows.ingest.work import CheckedBatch, FileOutcome
from flows.model.files import shown
from flows.model.lifecycle import Cause, Decision, State, VersionFacts
from flows.model.plan import NewVersion, Plan

_STATES = {
    "take_over": State.LOADED.value,
    "kept_out": State.UNLOADED.value,
    "unload": State.UNLOADED.value,
    "gone": "gone",
}
_WHY_UNLOADED: dict[Cause, str] = {
    "deleted": "the file was deleted",
    "request": "on request",
    "retention": "its day is over `retain_days` ago",
    "lost": "its segment was damaged and its file is gone",
}


def file_outcomes(plan: Plan, batch: CheckedBatch) -> Iterator[FileOutcome]:
    """What became of the files of a batch, in the order in which it was decided; then those that were not read."""
    written = {version.path: version for version in plan.versions}
    for decision in plan.decisions:
        version = written.get(decision.path) if decision.action in ("accept", "duplicate") else None
        judged = plan.paths[decision.path].judged if decision.path in plan.paths else None
        yield _of_version(version) if version else _of_decision(decision, judged)
    for path, why in batch.unread.items():
        yield FileOutcome(shown(path), State.DETECTED.value, reason=why)


def _of_version(version: NewVersion) -> FileOutcome:
    verdict = version.verdict
    state = State.LOADED.value if version.state is State.STAGED else version.state.value
    return FileOutcome(
        shown(version.path),
        state,
        rows=verdict.rows if version.state is State.STAGED else 0,
        refused=verdict.refused,
        findings=verdict.findings_count,
        first_finding=verdict.findings[0] if verdict.findings else None,
        reason=version.reason,
        version=version.id,
    )


def _of_decision(decision: Decision, judged: VersionFacts | None) -> FileOutcome:
    reasons = {
        "unchanged": "nothing new",
        "kept_out": "it was unloaded; cubefeed load brings it back",
        "duplicate": "the same bytes were loaded already",
        "unload": _WHY_UNLOADED[decision.cause] if decision.cause else None,
        "gone": "the file is gone; its rows stay",
    }
    reason = reasons.get(decision.action)
    if decision.action == "take_over" and decision.other is not None:
        reason = f"takes over from {shown(decision.other)}"
    known = judged.state.value if judged else decision.action
    return FileOutcome(shown(decision.path), _STATES.get(decision.action, known), reason=reason)
