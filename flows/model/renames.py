"""Which files of a look lay elsewhere before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from flows.model.lifecycle import Mark, Observation, PathFacts, by_arrival


def find_renames(
    known: Mapping[bytes, PathFacts], seen: Sequence[Observation], away: Collection[bytes]
) -> dict[bytes, bytes]:
    """Old path → new path.

    A file was renamed where a path shows the same file (inode, mtime, size and bytes) that lay at another path, which
    is gone or shows another renamed file; or where it shows the bytes of a path that is gone. A path that shows a file
    of its own was corrected, and what lay there before was moved away as a copy: its place stays with the path.

    Args:
        known: what the ledger knows.
        seen: the settled files that came or changed, in order.
        away: paths at which no file lies.
    """
    found = _same_file(known, seen, away)
    taken = set(found.values())
    heirs: dict[bytes, list[bytes]] = defaultdict(list)
    for file in seen:
        if file.path not in taken and file.mode == "arrival":
            heirs[file.identity.digest].append(file.path)
    for path in sorted((known[name] for name in away if name in known and name not in found), key=by_arrival):
        sound = path.accepted
        if path.present and sound is not None and heirs.get(sound.identity.digest):
            found[path.path] = heirs[sound.identity.digest].pop(0)
    return found


def members_moved(
    known: Mapping[bytes, PathFacts],
    archives: Mapping[bytes, bytes],
    shown: Collection[bytes],
    archive_of: Callable[[bytes], bytes | None],
) -> dict[bytes, bytes]:
    """Old path → new path, of members that go along with their archives although these do not show them.

    Args:
        known: what the ledger knows.
        archives: old path → new path of refused archives.
        shown: the paths that show something.
        archive_of: the archive in which a path lies.
    """
    found = {}
    for path in known.values() if archives else ():
        archive = archive_of(path.path) if path.present else None
        if archive is not None and archive in archives:
            new = archives[archive] + path.path[len(archive) :]
            if new not in shown:
                found[path.path] = new
    return found


def _same_file(
    known: Mapping[bytes, PathFacts], seen: Sequence[Observation], away: Collection[bytes]
) -> dict[bytes, bytes]:
    shown = {file.path: file.mark for file in seen}
    lay_at: dict[Mark, list[PathFacts]] = defaultdict(list)
    for name in {*shown, *away}:
        path = known.get(name)
        if path is not None and path.present and path.mark is not None and shown.get(name) != path.mark:
            lay_at[path.mark].append(path)
    found: dict[bytes, bytes] = {}
    for file in seen:
        before = sorted((path for path in lay_at[file.mark] if _has_shown(path, file)), key=by_arrival)
        old = next((path.path for path in before if path.path not in found), None)
        if old is not None:
            found[old] = file.path
    return _without_corrected(found, away)


def _has_shown(path: PathFacts, file: Observation) -> bool:
    """Whether another path showed these bytes: inodes are given out again, and times and sizes may be set."""
    shown = {version.identity.digest for version in (path.accepted, path.judged) if version is not None}
    return path.path != file.path and file.identity.digest in shown


def _without_corrected(found: dict[bytes, bytes], away: Collection[bytes]) -> dict[bytes, bytes]:
    """Leave out those whose old path shows a file that was not renamed itself."""
    while True:
        moved_in = set(found.values())
        kept = {old: new for old, new in found.items() if old in away or old in moved_in}
        if len(kept) == len(found):
            return kept
        found = kept
