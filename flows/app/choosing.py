"""Which files a request means: by name, by time, by content. Always whole versions, never rows."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flows.core.calendar import in_zone
from flows.core.dataset import Dataset
from flows.core.files import shown
from flows.core.model import Value, parse_value
from flows.errors import RequestFailed
from flows.store.ledger import Ledger
from flows.store.segments import Part, Segments, versions_holding
from flows.store.upkeep import AcceptedVersion, accepted_versions


def choose_paths(
    dataset: Dataset, ledger: Ledger, segments: Segments, payload: Mapping[str, Any], paths: Iterable[bytes]
) -> list[bytes]:
    """The paths that a request's payload means, out of those that it may mean.

    `paths` are names or patterns (all where there are none), as seen from the landing directory or else from
    `asked_in`, the directory of who asks; `since` keeps files whose last accepted version was
    found at or after that time; `where` keeps those whose last accepted version holds a row with such values.

    Raises:
        RequestFailed: a pattern matches nothing or leads out of the landing directory; a time is none.
        QueryError: `where` names no level, or no value of it.
    """
    patterns = [str(pattern) for pattern in payload.get("paths") or ()]
    chosen = _matching(dataset, patterns, list(paths), asked_in=str(payload.get("asked_in") or ""))
    since, where = payload.get("since"), payload.get("where") or ()
    if not since and not where:
        return chosen
    versions = {version.path: version for version in accepted_versions(ledger, dataset.name)}
    known = [versions[path] for path in chosen if path in versions]
    if since:
        start = _moment(str(since))
        known = [version for version in known if datetime.fromisoformat(version.detected_utc) >= start]
    for condition in where:
        holding = _holding(dataset, ledger, segments, str(condition), known)
        known = [version for version in known if version.id in holding]
    return [version.path for version in known]


def _holding(
    dataset: Dataset, ledger: Ledger, segments: Segments, condition: str, versions: list[AcceptedVersion]
) -> set[int]:
    level, equals, text = condition.partition("=")
    if not equals:
        raise RequestFailed(
            "A condition needs LEVEL=VALUE", next_step="write for example Date=2021-05-01", got=condition
        )
    value: Value = parse_value(dataset.table.level(level), text)
    facts = ledger.segments(dataset.name)
    named = {version.segment for version in versions if version.segment is not None}
    parts = [Part(facts[id], segments.path(facts[id]), {}) for id in named]
    return versions_holding(parts, level, value)


def _moment(text: str) -> datetime:
    try:
        return in_zone(datetime.fromisoformat(text), UTC)
    except ValueError:
        raise RequestFailed(
            "since is no time", next_step="write it as 2021-05-01 or 2021-05-01T08:00", got=text
        ) from None


def _matching(dataset: Dataset, patterns: list[str], paths: list[bytes], *, asked_in: str) -> list[bytes]:
    """The paths that match; all of them where no pattern is given.

    Raises:
        RequestFailed: a pattern matches nothing, or leads out of the landing directory.
    """
    if not patterns:
        return sorted(paths)
    chosen: set[bytes] = set()
    for pattern in patterns:
        meanings = _meanings(dataset, pattern, asked_in)
        matched = next(filter(None, (_match(wanted, paths) for wanted in meanings)), [])
        if not matched:
            raise RequestFailed(
                f"No file of {dataset.name} matches {shown(meanings[0])}",
                next_step="see cubefeed files, or name a path in the landing directory",
                landing=dataset.directory,
            )
        chosen.update(matched)
    return sorted(chosen)


def _match(wanted: bytes, paths: list[bytes]) -> list[bytes]:
    """The path of this name, or else those that match it as a pattern."""
    exact = [path for path in paths if path == wanted]
    return exact or [path for path in paths if fnmatch.fnmatchcase(path, wanted)]


def _meanings(dataset: Dataset, pattern: str, asked_in: str) -> list[bytes]:
    """A pattern relative to the landing directory: as seen from there, and as seen from elsewhere."""
    landing = os.path.realpath(dataset.directory)
    full = (
        os.path.normpath(os.path.join(landing, pattern)),
        os.path.realpath(os.path.join(asked_in or landing, pattern)),
    )
    inside = [os.fsencode(path[len(landing) + 1 :]) for path in full if path.startswith(landing + os.sep)]
    if not inside:
        raise RequestFailed(
            "The path is not inside the landing directory",
            next_step="name a file or a pattern inside it",
            got=pattern,
            landing=landing,
        )
    return inside
