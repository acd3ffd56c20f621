"""The alerts of a session: opened beside it, and ended before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from flows.alerts.addresses import configured_addresses
from flows.alerts.heartbeat import configured_heartbeat, heartbeat
from flows.alerts.receivers import require_usable
from flows.alerts.service import AlertService
from flows.alerts.session_look import SessionLook, is_well
from flows.alerts.standing import address_rows
from flows.alerts.wording import sender
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.disk_warnings import Disks, landing_places, places
from flows.ingest.feed import Feed
from flows.runtime.boundaries import describe
from flows.settings import Settings
from flows.store.alerts import AlertRecord, AlertSource, load_alerts, save_alerts, undelivered
from flows.store.installation import installation_id
from flows.store.ledger import Ledger
from flows.store.reports import Reports
from flows.store.state_directory import StateDirectory

LOOK_S = 10.0
"""How often it is looked without a reason; what happens to files wakes it."""
PATIENCE_S = 1.0
"""How long the ledger may be locked by who loads; then it is tried again."""


@dataclass(frozen=True)
class LedgerAlerts:
    """Alerts in the ledger that a session has open."""

    ledger: Ledger

    def load(self) -> AlertRecord:
        return load_alerts(self.ledger, AlertSource.SESSION)

    def save(self, record: AlertRecord) -> None:
        save_alerts(self.ledger, AlertSource.SESSION, record, patience_s=PATIENCE_S)


@contextmanager
def session_alerts(
    settings: Settings, opened: OpenFeed, *, supervised: bool = False
) -> Iterator[Callable[[str], None]]:
    """Tell the configured addresses what goes wrong in a session, as long as the block runs. Yields what is called with
    why the session ends, where nobody has asked for that.

    Args:
        settings: of the installation.
        opened: the session.
        supervised: whether another process sees it where a part of the session fails, and tells it.

    Raises:
        DeclarationError: an address, or that of the heartbeat, cannot be used.
    """
    state, feed = StateDirectory(settings.state), opened.feed
    addresses = configured_addresses(installation_id(state))
    require_usable(addresses)
    url, look = configured_heartbeat(), None
    with ExitStack() as stack:
        if url is not None:
            stack.enter_context(heartbeat(url, lambda: is_well(feed)))
        opened.source.alerts = lambda: address_rows(addresses, undelivered(feed.ledger))
        if addresses:
            disks = Disks(places(state), landing_places(each.dataset for each in feed.datasets.values()))
            stack.callback(disks.close)
            known = load_alerts(feed.ledger, AlertSource.SESSION).alerts
            look = SessionLook(feed, disks, Reports(state.reports), known)
            service = AlertService(
                addresses,
                look=look.look,
                store=LedgerAlerts(feed.ledger),
                name=sender(settings.name),
                every_s=LOOK_S,
                live_url=lambda: opened.owner.url,
            )
            feed.listeners += [look.note, lambda _: service.wake()]
            stack.callback(service.stop)
            if not supervised:
                stack.callback(_note_failure, feed, look)
            service.start()
        yield look.note_end if look is not None else _ignore


def _note_failure(feed: Feed, look: SessionLook) -> None:
    if feed.health.failure is not None:
        look.note_end(describe(feed.health.failure.cause))


def _ignore(_: str) -> None:
    """Nobody is told."""
