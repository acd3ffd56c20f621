"""Which files a request means: by name, by time, by content. Always whole versions, never rows."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable
from datetime import datetime
from unicodedata import normalize

from flows.errors import RequestFailed
from flows.model.condition_text import parse_condition
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.relative_days import Clock
from flows.store.derived import shown_segments
from flows.store.ledger import Ledger
from flows.store.payload import Payload
from flows.store.segment_rows import Part, versions_holding
from flows.store.segments import Segments
from flows.store.upkeep import AcceptedVersion, accepted_versions

MAX_PATTERNS = 100
"""Each is compared with every file's name, in the thread that finds what has landed."""
_WILD = re.compile(rb"[*?[]")


def choose_paths(
    dataset: Dataset, ledger: Ledger, segments: Segments, payload: Payload, paths: Iterable[bytes]
) -> list[bytes]:
    """The paths that a request's payload means, out of those that it may mean.

    `paths` are names or patterns (all where there are none), as seen from the landing directory or else from
    `working_directory`, that of who asks; `since` keeps files whose last accepted version was
    found at or after that time; `where` keeps those whose last accepted version holds a row with such values.

    Raises:
        RequestFailed: a pattern matches nothing or leads out of the landing directory; a segment cannot be read.
        QueryError: `where` has no condition, names no level, or no value of it.
    """
    chosen = _matching(dataset, payload, list(paths))
    if payload.since is None and not payload.where:
        return chosen
    with segments.reading():  # in another thread than compaction
        versions = {version.path: version for version in accepted_versions(ledger, dataset.name)}
        known = [versions[path] for path in chosen if path in versions]
        if payload.since is not None:
            known = [version for version in known if datetime.fromisoformat(version.detected_utc) >= payload.since]
        for condition in payload.where:
            holding = _holding(dataset, ledger, segments, condition, known)
            known = [version for version in known if version.id in holding]
    return [version.path for version in known]


def _holding(
    dataset: Dataset, ledger: Ledger, segments: Segments, condition: str, versions: list[AcceptedVersion]
) -> set[int]:
    clock = Clock(datetime.now().astimezone(), dataset.expect)
    asked = parse_condition(condition, {level.name: level.type for level in dataset.table.levels}, clock)
    facts = shown_segments(ledger, dataset.name)
    named = {version.segment for version in versions if version.segment is not None}
    if not named <= facts.keys():
        raise RequestFailed("The segments were merged meanwhile", next_step="ask again")
    parts = [Part(facts[id], segments.path(facts[id]), {}) for id in named]
    return versions_holding(parts, dataset.table, asked)


def _matching(dataset: Dataset, payload: Payload, paths: list[bytes]) -> list[bytes]:
    """The paths that match; all of them where no pattern is given.

    Raises:
        RequestFailed: a pattern matches nothing, or leads out of the landing directory.
    """
    if not payload.paths:
        return sorted(paths)
    meant = [_meanings(dataset, pattern, payload.working_directory) for pattern in payload.paths]
    known = _Names(paths)
    wild = sum(not any(map(known.named, meanings)) and any(map(_WILD.search, meanings)) for meanings in meant)
    if wild > MAX_PATTERNS:
        raise RequestFailed(
            f"There are {wild:,} patterns", next_step=f"give {MAX_PATTERNS} at most, and names beside them"
        )
    chosen: set[bytes] = set()
    for meanings in meant:
        matched = next(filter(None, (known.named(wanted) or known.like(wanted) for wanted in meanings)), [])
        if not matched:
            raise RequestFailed(
                f"No file of {dataset.name} matches {shown(meanings[0])}",
                next_step="see cubefeed files, or name a path in the landing directory",
                landing=dataset.directory,
            )
        chosen.update(matched)
    return sorted(chosen)


class _Names:
    """Paths by the texts that name them: two forms of one text are the same, and so is a text with what it shows."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._paths = set(paths)
        self._by_text: dict[str, list[bytes]] = {}
        for path in sorted(self._paths):
            for text in {_text(path), shown(path)}:
                self._by_text.setdefault(text, []).append(path)

    def named(self, wanted: bytes) -> list[bytes]:
        """The path of this name, or else those that are written, or shown, as it is."""
        return [wanted] if wanted in self._paths else self._by_text.get(_text(wanted), [])

    def like(self, wanted: bytes) -> list[bytes]:
        """Those that match a pattern."""
        if not _WILD.search(wanted):
            return []
        matches = re.compile(fnmatch.translate(_text(wanted))).match
        return list(dict.fromkeys(p for text, paths in self._by_text.items() if matches(text) for p in paths))


def _text(path: bytes) -> str:
    return normalize("NFC", os.fsdecode(path))


def _meanings(dataset: Dataset, pattern: str, working_directory: str) -> list[bytes]:
    """A pattern relative to the landing directory: as seen from there, and as seen from elsewhere."""
    landing = os.path.realpath(dataset.directory)
    full = (
        os.path.normpath(os.path.join(landing, pattern)),
        os.path.realpath(os.path.join(working_directory or landing, pattern)),
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
