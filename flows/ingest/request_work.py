"""The work that a request is: which files it means, and what else is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_never

from flows.errors import RequestFailed
from flows.ingest.dataset_state import DatasetState
from flows.ingest.selection import choose_paths
from flows.ingest.work import Work
from flows.landing.listing import Listing
from flows.landing.tree import RegularFile, find_file
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.lifecycle import Mode
from flows.store.archive_members import present_members
from flows.store.ledger import Ledger
from flows.store.requests import Request
from flows.store.segments import Segments


class RequestWork:
    """Makes work of requests, in the thread that finds work."""

    def __init__(self, datasets: Mapping[str, DatasetState], ledger: Ledger, segments: Segments) -> None:
        self._datasets = datasets
        self._ledger = ledger
        self._segments = segments

    def work_of(self, request: Request) -> Work:
        """The work that a request is; its files are claimed.

        Raises:
            CubefeedError: it means nothing that can be done.
        """
        state = self._datasets.get(request.dataset)
        if state is None:
            raise RequestFailed.not_served(request.dataset, self._datasets)
        match request.kind:
            case "rebuild" | "verify" | "report":
                _require_begun(request)
                return Work(request.dataset, request=request)
            case "close-day":
                _require_begun(request)
                return Work(request.dataset, *state.monitor.scan_and_claim(), request=request)
            case "accept":
                gone = _accept(state, dry_run=request.payload.dry_run)
                return Work(request.dataset, gone=gone, request=request)
            case "unload":
                return self._unload(state, request)
            case "reload":
                return self._load(state, request, "reload")
            case "load":
                return self._load(state, request, "force" if request.payload.force else "load")
            case kind:
                assert_never(kind)

    def _unload(self, state: DatasetState, request: Request) -> Work:
        paths = self._ledger.live_paths(request.dataset)
        listing = state.monitor.call(state.monitor.inbox.rescan)  # first: of what hangs no path is known either
        chosen = choose_paths(state.dataset, self._ledger, self._segments, request.payload, paths)
        archive_of, meant = state.dataset.archive_of, {*chosen}
        members = [path for path in paths if path not in meant and archive_of(path) in meant]
        unload = (*chosen, *sorted(members))
        gone = tuple(path for path in unload if listing.lacks(archive_of(path) or path))
        return Work(request.dataset, unload=unload, gone=gone, request=request)

    def _load(self, state: DatasetState, request: Request, mode: Mode) -> Work:
        inbox = state.monitor.inbox
        listing = state.monitor.call(inbox.rescan)
        require_seen(state.dataset, listing)
        there = [*listing.files, *self._members(state.dataset, listing)]
        chosen = choose_paths(state.dataset, self._ledger, self._segments, request.payload, there)
        meant = _by_file(state.dataset, chosen)
        found = state.monitor.call(lambda: {path: find_file(inbox.root, path) for path in meant})
        landed = [
            SettledFile(path, Signature.of(file.status), mode, meant[path])
            for path, file in found.items()
            if isinstance(file, RegularFile)
        ]
        inbox.claim(landed)
        return Work(request.dataset, landed=tuple(landed), request=request)

    def _members(self, dataset: Dataset, listing: Listing) -> list[bytes]:
        """The known members of the archives that lie there."""
        archives = filter(dataset.is_archive, listing.files)
        return [path for each in present_members(self._ledger, dataset.name, archives).values() for path in each]


def _by_file(dataset: Dataset, chosen: Iterable[bytes]) -> dict[bytes, frozenset[bytes]]:
    """Each file that is meant → the members of it that are; none where all of the file is."""
    chosen = set(chosen)
    meant = {path: frozenset[bytes]() for path in sorted(chosen) if dataset.archive_of(path) is None}
    for path in sorted(chosen):
        archive = dataset.archive_of(path)
        if archive is not None and archive not in chosen:
            meant[archive] = meant.get(archive, frozenset()) | {path}
    return meant


def require_seen(dataset: Dataset, listing: Listing) -> None:
    """Refuse a request for files that cannot be seen.

    Raises:
        RequestFailed: the landing directory cannot be seen.
    """
    if listing.problem:
        raise RequestFailed(
            f"The files cannot be seen, because {listing.problem}",
            next_step="mend that and ask again",
            landing=dataset.directory,
        )


def _accept(state: DatasetState, *, dry_run: bool) -> tuple[bytes, ...]:
    """Believe a landing directory as it is now; returns the known files that are gone with that."""
    inbox = state.monitor.inbox
    listing = state.monitor.call(inbox.rescan if dry_run else inbox.accept)
    require_seen(state.dataset, listing)
    gone = inbox.list_missing(listing)
    if not dry_run:
        inbox.claim_deleted(gone)
    return tuple(gone)


def _require_begun(request: Request) -> None:
    """Refuse a day that has not begun anywhere."""
    day = request.payload.date
    if day is not None and day > datetime.now(UTC).date() + timedelta(days=1):
        raise RequestFailed("That day has not begun", next_step="name an earlier one", got=day)
