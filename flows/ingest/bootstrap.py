"""Opens what a feed needs, in order, and closes it in reverse."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass

from flows.cube.engines import open_cube
from flows.cube.observable import WatchedCube
from flows.datasets import load_datasets
from flows.errors import CubefeedError, SessionEnded, out_of_reach
from flows.ingest.dataset_state import DatasetState
from flows.ingest.disk_warnings import Disks, landing_places, places
from flows.ingest.feed import Feed
from flows.ingest.resources import Resources
from flows.ingest.status import FeedSource
from flows.landing.identity import DirectoryIdentity, DirectoryRecord
from flows.landing.inbox import Inbox
from flows.landing.monitor import DirectoryMonitor
from flows.model.dataset import Dataset
from flows.runtime.boundaries import Scope, SessionFailed, boundary, describe
from flows.runtime.health import Health
from flows.runtime.memory import periodic_memory_trim
from flows.settings import Observer, Settings
from flows.store.archive_members import file_signatures
from flows.store.crashes import Crashes
from flows.store.hold import Hold
from flows.store.installation import installation_id
from flows.store.landing_record import judged_in_doubt, remember_directory, remembered_volumes
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.orphans import settle_orphans
from flows.store.owner import End, Owner
from flows.store.quarantine import Quarantine
from flows.store.reports import Reports
from flows.store.requests import RequestBox
from flows.store.segments import Segments
from flows.store.served import Served, remember_served
from flows.store.state_directory import StateDirectory
from flows.store.trust import PRIVATE
from flows.web.auth import Access
from flows.web.proxy import Proxies
from flows.web.server import Live, LiveServer

log = logging.getLogger(__name__)

SETTLE_S = 0.3
"""How long a file must be unchanged when nothing says that it is complete: writers that flush in bursts pause
for less than this on a local disk."""


@dataclass
class OpenFeed:
    """An open feed, and what is shown of it and where."""

    feed: Feed
    source: FeedSource

    @property
    def owner(self) -> Owner:
        return self.source.owner


@contextmanager
def open_feed(
    settings: Settings,
    *,
    tell: Callable[[str], None] = log.info,
    prefect_url: str | None = None,
    run: str | None = None,
    attend: Callable[[Feed], AbstractContextManager[object]] = nullcontext,
) -> Iterator[OpenFeed]:
    """Own the state directory, open the ledger, the engine and the monitors, and serve the read API.

    The cube is empty until `Feed.rebuild` is called.

    Args:
        settings: what to open.
        tell: says what the user should know before the engine starts.
        prefect_url: where people find Prefect's pages.
        run: the Prefect run that holds the session.
        attend: held from just before it is announced where the session is: what ends it in order.

    Raises:
        StateError: another process owns the state, or it cannot be used.
        DeclarationError: a dataset is declared wrongly.
        EngineUnavailable: the engine cannot start.
    """
    datasets = load_datasets(settings)
    state = StateDirectory(settings.state)
    state.create()
    with ExitStack() as stack:
        health = _own(state, stack)
        crashes = _open_crashes(state, health, stack)
        ledger = stack.enter_context(closing(open_ledger(state.ledger, lost=state.remembers)))
        requests = _open_requests(ledger, stack)
        segments, quarantine = _open_files(state, ledger)
        cube = _open_cube(settings, datasets, stack, tell)
        wake = threading.Event()
        feed = Feed(
            {each.name: _open_dataset(each, ledger, settings, wake, stack) for each in datasets},
            Resources(cube, ledger, segments, quarantine, state.backups, crashes),
            requests=requests,
            wake=wake,
            health=health,
            hold=Hold.on(state.root, state.lock_file, state.ledger),
        )
        stack.callback(feed.stop)
        source = _serve(feed, cube, settings, stack, prefect_url=prefect_url, run=run)
        stack.enter_context(attend(feed))
        state.announce(source.owner)
        only = datasets[0].directory if len(datasets) == 1 else None
        remember_served(state.root, Served.named(settings.datasets, settings.landing or only))
        yield OpenFeed(feed, source)


def _open_files(state: StateDirectory, ledger: Ledger) -> tuple[Segments, Quarantine]:
    """The directories of what is kept, without what a crash has left half done."""
    segments = Segments(state.segments)
    segments.remove_partial()
    settle_orphans(ledger, segments)
    quarantine = Quarantine(state.quarantine)
    quarantine.remove_partial()
    Reports(state.reports).remove_partial()
    return segments, quarantine


def _open_cube(
    settings: Settings, datasets: Sequence[Dataset], stack: ExitStack, tell: Callable[[str], None]
) -> WatchedCube:
    tables = tuple(dataset.table for dataset in datasets)
    opened = open_cube(settings.engine, tables, memory=settings.memory, tell=tell)
    return stack.enter_context(closing(WatchedCube(opened)))


def _open_requests(ledger: Ledger, stack: ExitStack) -> RequestBox:
    """Open the requests; those that an earlier session had begun have failed."""
    requests = stack.enter_context(closing(RequestBox(ledger)))
    requests.fail_interrupted()
    return requests


def _own(state: StateDirectory, stack: ExitStack) -> Health:
    """Own the state directory; from here on it is noted how the session ends."""
    stack.callback(os.umask, os.umask(PRIVATE))
    stack.enter_context(state.owned())
    stack.enter_context(_end_noted(state))
    health = stack.enter_context(Health(kill=_end_process(state)))
    health.on_live(state.forget_end)
    stack.enter_context(periodic_memory_trim())
    return health


def _open_crashes(state: StateDirectory, health: Health, stack: ExitStack) -> Crashes:
    crashes = Crashes(state.root)
    crashes.open()
    stack.callback(crashes.close)
    health.on_end(lambda: crashes.end(failed=health.failure is not None))
    return crashes


def _open_dataset(
    dataset: Dataset, ledger: Ledger, settings: Settings, wake: threading.Event, stack: ExitStack
) -> DatasetState:
    settle_s = next(s for s in (settings.settle_s, dataset.completeness.settle_s, SETTLE_S) if s is not None)
    monitor = open_monitor(dataset, ledger, settle_s=settle_s, observer=settings.observer, wake=wake.set)
    stack.callback(monitor.close)
    return DatasetState(dataset, monitor)


@contextmanager
def _end_noted(state: StateDirectory) -> Iterator[None]:
    """Keep why a session could not open or had to end, whatever was raised."""
    try:
        with boundary(Scope.OTHER):
            yield
    except SessionFailed as failed:
        state.note_end(_end_of(failed.cause))
        raise failed.cause from failed.cause.__cause__ or failed.cause.__context__


def _end_of(error: BaseException) -> End:
    if isinstance(error, OSError):
        error = out_of_reach(error)
    if isinstance(error, CubefeedError):
        return End(error.headline, error.next_step, SessionEnded.exit_code if isinstance(error, SessionEnded) else 1)
    return End(describe(error), "see the log, which has the traceback", 1)


def _end_process(state: StateDirectory) -> Callable[[SessionEnded], None]:
    """What ends this process where the session does not end in order."""

    def end(ended: SessionEnded) -> None:
        state.note_end(_end_of(ended))
        os._exit(ended.exit_code)

    return end


def open_monitor(
    dataset: Dataset, ledger: Ledger, *, settle_s: float, observer: Observer, wake: Callable[[], None]
) -> DirectoryMonitor:
    """Watch a dataset's landing directory, with what the ledger knows of it."""
    name = dataset.name
    identities = {path: DirectoryIdentity(*numbers) for path, numbers in remembered_volumes(ledger, name).items()}
    newcomers = judged_in_doubt(ledger, name)
    inbox = Inbox(
        dataset,
        file_signatures(ledger, dataset),
        settle_s=settle_s,
        directory_record=DirectoryRecord(identities, doubted=newcomers is not None),
        newcomers=newcomers or (),
    )

    def remember(record: DirectoryRecord) -> None:
        remember_directory(ledger, name, record.identities, doubted=record.doubted)

    return DirectoryMonitor(inbox, observer=observer, wake=wake, remember=remember)


def _serve(
    feed: Feed, cube: WatchedCube, settings: Settings, stack: ExitStack, *, prefect_url: str | None, run: str | None
) -> FeedSource:
    state = StateDirectory(settings.state)
    reports = Reports(state.reports)
    disks = Disks(places(state), landing_places(each.dataset for each in feed.datasets.values()))
    stack.callback(disks.close)
    source = FeedSource(feed, Owner(os.getpid(), settings.engine), reports, disks)
    proxies = Proxies.named(settings.proxy)
    access = Access.at(settings.host, behind_proxy=bool(proxies.networks), installation=installation_id(state))
    live = Live(source, cube, source.overview, access, reports, feed.health, proxies)
    server = LiveServer(live.app, host=settings.host, port=settings.port, counts_in_total=proxies.include)
    feed.listeners.append(live.record)
    source.owner = Owner(
        pid=os.getpid(),
        engine=settings.engine,
        url=server.url,
        prefect_url=prefect_url,
        run=run,
        datasets=tuple(feed.datasets),
    )
    stack.callback(server.stop)
    server.start()
    return source
