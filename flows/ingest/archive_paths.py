"""What a batch means for the paths inside archives, by what the ledger says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.ingest.work import CheckedBatch
from flows.model.dataset import Dataset
from flows.model.files import Signature
from flows.model.lifecycle import Facts
from flows.model.plan import Plan
from flows.store.archive_members import known_members
from flows.store.ledger import Ledger


@dataclass(frozen=True)
class Away:
    """Paths that a batch does not show.

    Args:
        gone: those of files that are no longer there, and of members that their archive has no more.
        missing: those that seem to be missing, though perhaps not for good.
        in_refused: those in archives that were refused, which stay as they are unless others take their places.
    """

    gone: Sequence[bytes]
    missing: Sequence[bytes]
    in_refused: Sequence[bytes] = ()


def away_of(dataset: Dataset, ledger: Ledger, checked: CheckedBatch) -> Away:
    """The paths that a batch does not show, those inside archives among them."""
    work = checked.work
    if dataset.archives is None:
        return Away(work.gone, work.missing)
    landed = [each.path for each in work.landed if each.path in checked.reads and dataset.is_archive(each.path)]
    archives = filter(dataset.is_archive, {*landed, *work.gone, *work.missing})
    known = known_members(ledger, dataset.name, archives)
    there = {archive: [path for path, present in paths.items() if present] for archive, paths in known.items()}
    sound = {path for path in landed if checked.checked.verdicts[path].accepted}
    return Away(
        [*_with_members(work.gone, there), *_not_shown(sound, there, checked)],
        _with_members(work.missing, there),
        _not_shown({*landed} - sound, known, checked),
    )


def unsure_archives(dataset: Dataset, checked: CheckedBatch, facts: Facts) -> set[bytes]:
    """The archives of a batch with a member that was not checked, since its rows were in the cube when it was read, and
    that have left since: they are checked after all, and nothing is done with a part of them."""
    if dataset.archives is None:
        return set()
    currents = [path.current for path in facts.paths.values()]
    live = {current.identity for current in currents if current is not None and current.content is not None}
    verdicts = checked.checked.verdicts
    unsure = [path for path, read in checked.reads.items() if path not in verdicts and read.identity not in live]
    return {archive for path in unsure if (archive := dataset.archive_of(path)) is not None}


def signatures_of(checked: CheckedBatch, plan: Plan) -> dict[bytes, Signature]:
    """The signatures of what a batch brings, and of what went along with a refused archive, as far as known."""
    found = checked.signatures
    for decision in plan.decisions:
        mark = plan.paths[decision.path].mark if decision.action == "rename" else None
        if mark is not None and decision.path not in found:
            found[decision.path] = Signature(mark.size_bytes, mark.mtime_ns, 0, mark.inode)
    return found


def _with_members(paths: Iterable[bytes], known: Mapping[bytes, Sequence[bytes]]) -> list[bytes]:
    return [each for path in paths for each in (path, *known.get(path, ()))]


def _not_shown(archives: Iterable[bytes], known: Mapping[bytes, Iterable[bytes]], checked: CheckedBatch) -> list[bytes]:
    return [member for archive in archives for member in known[archive] if member not in checked.reads]
