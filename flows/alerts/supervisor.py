"""The alerts of `up`: what the session cannot tell, since it has ended or was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.alerts.addresses import configured_addresses
from flows.alerts.heartbeat import configured_heartbeat
from flows.alerts.receivers import require_usable
from flows.alerts.service import AlertService
from flows.alerts.supervisor_look import SupervisorLook
from flows.alerts.wording import sender
from flows.settings import Settings
from flows.store.alerts import AlertRecord, AlertSource, load_alerts, save_alerts
from flows.store.installation import installation_id
from flows.store.ledger_file import open_ledger
from flows.store.state_directory import StateDirectory

LOOK_S = 1.0
"""How often it is looked: a session that was killed is live again within seconds."""
PATIENCE_S = 1.0


@dataclass(frozen=True)
class SupervisorAlerts:
    """Alerts in a ledger that is opened for a moment each time: a restore may put another one in its place, and one
    that cannot be opened is among what is told."""

    file: Path

    def load(self) -> AlertRecord:
        if not self.file.exists():
            return AlertRecord()
        with closing(open_ledger(self.file, create=False)) as ledger:
            return load_alerts(ledger, AlertSource.SUPERVISOR)

    def save(self, record: AlertRecord) -> None:
        with closing(open_ledger(self.file, create=False)) as ledger:
            save_alerts(ledger, AlertSource.SUPERVISOR, record, patience_s=PATIENCE_S)


@contextmanager
def supervisor_alerts(settings: Settings, server_starts: Callable[[], int] = lambda: 1) -> Iterator[SupervisorLook]:
    """Tell the configured addresses when no session is live, and when Prefect is away, as long as the block runs.
    Yields what is told when the start is over, or has failed.

    Args:
        settings: of the installation.
        server_starts: how often its own Prefect server was started.

    Raises:
        DeclarationError: an address, or that of the heartbeat, cannot be used.
    """
    state = StateDirectory(settings.state.resolve())
    look = SupervisorLook(state, lambda: os.environ.get("PREFECT_API_URL"), server_starts)
    configured_heartbeat()
    require_usable(configured_addresses(""))
    if not configured_addresses("") or state.owner() is not None:  # whom another one supervises
        yield look
        return
    state.create()
    service = AlertService(
        configured_addresses(installation_id(state)),
        look=look.look,
        store=SupervisorAlerts(state.ledger),
        name=sender(settings.name),
        every_s=LOOK_S,
    )
    service.start()
    try:
        yield look
    finally:
        service.stop()
