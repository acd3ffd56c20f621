"""A real feed over real directories, which works when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flows.cube.observable import WatchedCube
from flows.cube.port import Cube
from flows.ingest.bootstrap import open_monitor
from flows.ingest.dataset_state import DatasetState
from flows.ingest.feed import Feed
from flows.ingest.resources import Resources
from flows.model.dataset import Dataset
from flows.store.ledger_file import open_ledger
from flows.store.orphans import settle_orphans
from flows.store.quarantine import Quarantine
from flows.store.requests import RequestBox
from flows.store.segments import Segments


@dataclass(frozen=True)
class OpenedFeed:
    """A feed whose cube is filled, with what it has open."""

    feed: Feed
    resources: Resources
    requests: RequestBox

    def work(self) -> None:
        """See all directories, and work on what there is."""
        for state in self.feed.datasets.values():
            state.monitor.inbox.rescan()
        while (work := self.feed.find_work()) is not None:
            self.feed.append(self.feed.validate(work))


def opened_feed(stack: ExitStack, root: Path, datasets: Iterable[Dataset], cube: Cube) -> OpenedFeed:
    """Open everything below `root`, and fill the cube; the stack closes all but that."""
    ledger = open_ledger(root / "ledger.db")
    stack.callback(ledger.close)
    requests = RequestBox(ledger)
    stack.callback(requests.close)
    segments = Segments(root / "segments")
    settle_orphans(ledger, segments)
    states = {}
    for dataset in datasets:
        monitor = open_monitor(dataset, ledger, settle_s=0, observer="polling", wake=lambda: None)
        stack.callback(monitor.close)
        states[dataset.name] = DatasetState(dataset, monitor)
    resources = Resources(WatchedCube(cube), ledger, segments, Quarantine(root / "quarantine"), root / "backups")
    feed = Feed(states, resources, requests=requests, wake=threading.Event())
    feed.rebuild()
    return OpenedFeed(feed, resources, requests)
